#include "engine/sql/preamble.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace lockstep::sql {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// As pg_dump 15.14 and later begin and end.
constexpr absl::string_view kDump = R"(--
-- PostgreSQL database dump
--

\restrict hqEaHDJ0aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789

-- Dumped from database version 15.14
SET statement_timeout = 0;
SET lock_timeout = 0;
SET client_encoding = 'UTF8';
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET row_security = off;

SET default_tablespace = '';

CREATE TABLE public.users (id integer NOT NULL);
ALTER TABLE public.users OWNER TO shop;

\unrestrict hqEaHDJ0aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789
)";

std::vector<std::string> Kept(absl::string_view text) {
  std::vector<std::string> kept;
  for (const Statement& statement : SplitMigration(text).statements) {
    kept.emplace_back(TextOf(text, statement));
  }
  return kept;
}

TEST(SplitMigration, LeavesOutWhatPgDumpWritesForPsql) {
  EXPECT_THAT(Kept(kDump), ElementsAre("SET check_function_bodies = false",
                                       "CREATE TABLE public.users (id integer NOT NULL)",
                                       "ALTER TABLE public.users OWNER TO shop"));
  const MigrationSplit split = SplitMigration(kDump);
  EXPECT_EQ(LinesOf(split.left_out), "lines 5, 8-11, 13, 15 and 20");
  EXPECT_EQ(split.statements[1].line, 17);
}

TEST(SplitMigration, KeepsSettingsThatAnAuthorWrote) {
  const absl::string_view text = "SET lock_timeout = 0;\nSET row_security = off;\nSELECT 1;\n";
  EXPECT_EQ(Kept(text).size(), 3);
  EXPECT_THAT(SplitMigration(text).left_out, IsEmpty());
}

TEST(SplitMigration, KeepsSettingsBelowTheTop) {
  const absl::string_view text =
      "CREATE TABLE t ();\nSELECT pg_catalog.set_config('search_path', '', false);\n";
  EXPECT_EQ(Kept(text).size(), 2);
  EXPECT_THAT(Kept("SELECT pg_catalog.set_config('search_path', 'app', false);"),
              ElementsAre(testing::_));
}

TEST(SplitMigration, TakesALineForPsqlOnlyBetweenStatements) {
  for (const absl::string_view text :
       {"SELECT '\n\\restrict abc\n';", "SELECT $$\n\\restrict abc\n$$;", "/*\n\\restrict abc\n*/",
        "SELECT 1\n\\restrict abc\n;", "SELECT 1; \\restrict abc\n", "\\restrict a;b\n",
        "\\restricted\n"}) {
    EXPECT_THAT(SplitMigration(text).left_out, IsEmpty()) << text;
  }
  EXPECT_THAT(Kept("\\restrict\nSELECT 1;\n\\unrestrict x"), ElementsAre("SELECT 1"));
}

TEST(SplitMigration, TakesOneTransactionAroundTheWholeFile) {
  const absl::string_view text = "BEGIN;\nSELECT 1;\n-- done\ncommit WORK;\n";
  EXPECT_THAT(Kept(text), ElementsAre("SELECT 1"));
  const auto left_out = SplitMigration(text).left_out;
  ASSERT_EQ(left_out.size(), 2u);
  EXPECT_EQ(left_out[0].kind, LeftOutKind::kTransaction);
  EXPECT_EQ(left_out[1].line, 4);
  EXPECT_THAT(Kept("START TRANSACTION; END"), IsEmpty());
}

TEST(SplitMigration, KeepsTransactionControlThatIsNotOnePairAroundTheFile) {
  for (const absl::string_view text :
       {"BEGIN; SELECT 1", "SELECT 1; COMMIT", "BEGIN; SELECT 1; COMMIT; SELECT 2",
        "SELECT 0; BEGIN; SELECT 1; COMMIT", "BEGIN; SELECT 1; COMMIT; BEGIN; SELECT 2; COMMIT",
        "BEGIN; SAVEPOINT a; COMMIT", "BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1; COMMIT",
        "BEGIN; SELECT 1; COMMIT AND CHAIN", "BEGIN; SELECT 1; ROLLBACK"}) {
    EXPECT_THAT(SplitMigration(text).left_out, IsEmpty()) << text;
    EXPECT_EQ(SplitMigration(text).statements.size(), SplitStatements(text).statements.size());
  }
}

TEST(SplitMigration, IsSplitStatementsForEverythingElse) {
  for (const absl::string_view text : {"", "-- nothing\n", "SELECT 1; SELECT 2", "broken ' text"}) {
    EXPECT_EQ(SplitMigration(text).statements.size(), SplitStatements(text).statements.size());
  }
}

TEST(LinesOf, JoinsNeighbours) {
  EXPECT_EQ(LinesOf({}), "");
  EXPECT_EQ(LinesOf({{0, 1, 3}}), "line 3");
  EXPECT_EQ(LinesOf({{0, 1, 3}, {2, 1, 3}, {4, 1, 4}}), "lines 3-4");
}

}  // namespace
}  // namespace lockstep::sql
