#include "engine/chain/migration.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "engine/base/error_info.h"
#include "tests/chain/expect_error.h"

namespace lockstep::chain {
namespace {

using ::testing::HasSubstr;

constexpr char kFile[] = "migrations/003_x.sql";

absl::StatusOr<Migration> Read(absl::string_view bytes) { return ReadMigration(kFile, bytes); }

TEST(Migration, IsReadFromItsNameAndBytes) {
  const auto migration = ReadMigration("db/016_event_outbox.sql",
                                       "-- Events wait here.\nCREATE TABLE t (a int);\n"
                                       "CREATE INDEX i ON t (a)\n");
  ASSERT_TRUE(migration.ok()) << migration.status();
  EXPECT_EQ(migration->version, 16);
  EXPECT_EQ(migration->title, "event_outbox");
  EXPECT_EQ(migration->file, "db/016_event_outbox.sql");
  ASSERT_EQ(migration->statements.size(), 2u);
  EXPECT_EQ(sql::TextOf(migration->sql, migration->statements[1]), "CREATE INDEX i ON t (a)");
  EXPECT_EQ(migration->statements[1].line, 3);
  ASSERT_EQ(migration->alone.statements.size(), 2u);
  EXPECT_EQ(migration->alone.statements[0].summary, "CREATE TABLE t");
  EXPECT_EQ(migration->phase, sql::Phase::kExpand);
  EXPECT_TRUE(migration->transactional);
  EXPECT_EQ(migration->digest, DigestOf(migration->sql));
  EXPECT_EQ(migration->digest.size(), 32u);
  EXPECT_EQ(migration->directives, Directives());
}

TEST(Migration, AnEmptyOrCommentOnlyFileIsLegalAndNeutral) {
  for (const char* text : {"", "\n", "-- nothing to do\n", "/* nothing */", ";"}) {
    const auto migration = Read(text);
    ASSERT_TRUE(migration.ok()) << migration.status();
    EXPECT_TRUE(migration->statements.empty());
    EXPECT_EQ(migration->phase, sql::Phase::kNeutral);
    EXPECT_TRUE(migration->transactional);
  }
}

TEST(Migration, NeedsNoFinalSemicolon) {
  const auto migration = Read("SELECT 1");
  ASSERT_TRUE(migration.ok()) << migration.status();
  EXPECT_EQ(migration->statements.size(), 1u);
}

TEST(Migration, TextIsStoredWithoutByteOrderMarkAndCarriageReturns) {
  const auto migration = Read("\xEF\xBB\xBFSELECT 1;\r\nSELECT 2;\r\n");
  ASSERT_TRUE(migration.ok()) << migration.status();
  EXPECT_EQ(migration->sql, "SELECT 1;\nSELECT 2;\n");
}

TEST(Migration, NormalisingTwiceIsNormalisingOnce) {
  for (const char* text :
       {"a\r\nb", "a\r\r\nb", "\r\r\r\n\n", "a\rb\r", "\xEF\xBB\xBF\xEF\xBB\xBFx", "", "\r\n"}) {
    const std::string once = NormalizeText(text);
    EXPECT_EQ(NormalizeText(once), once);
  }
  EXPECT_EQ(NormalizeText("a\rb\r\r\nc"), "a\rb\nc");
}

TEST(Migration, FileNamesHaveAtLeastThreeDigitsAndASnakeCaseTitle) {
  EXPECT_EQ(ParseFileName("001_initial_schema.sql")->version, 1);
  EXPECT_EQ(ParseFileName("001_initial_schema.sql")->title, "initial_schema");
  EXPECT_EQ(ParseFileName("0000042_x.sql")->version, 42);
  EXPECT_EQ(ParseFileName("1000000_x.sql")->version, kMaxVersion);
  EXPECT_EQ(ParseFileName("123_2fa_9.sql")->title, "2fa_9");
  for (const char* name : {"1_b.sql",
                           "01_b.sql",
                           "000_b.sql",
                           "1000001_b.sql",
                           "99999999999999999999_b.sql",
                           "001.sql",
                           "001_.sql",
                           "001_B.sql",
                           "001_a-b.sql",
                           "001_a b.sql",
                           "001_\xC3\xA9.sql",
                           "001-a.sql",
                           "a_001.sql",
                           "001_a.SQL",
                           "001_a.sql.bak",
                           "001_a",
                           "",
                           ".sql",
                           "_a.sql",
                           "-01_a.sql",
                           "+001_a.sql",
                           "001_a.up.sql"}) {
    EXPECT_FALSE(ParseFileName(name).has_value()) << name;
  }
}

TEST(Migration, ABadFileNameIsRefusedByName) {
  const auto migration = ReadMigration("migrations/1_b.sql", "SELECT 1");
  ExpectError(migration.status(), "BAD_FILE_NAME", "migrations/1_b.sql: ");
  EXPECT_EQ(base::MetadataOf(migration.status(), "file"), "migrations/1_b.sql");
}

TEST(Migration, BytesThatAreNoUtf8AreRefusedWithTheirLine) {
  for (const char* bad : {"\xC3", "\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                          "\xF5\x80\x80\x80", "\xFF", "\xE2\x82x"}) {
    const auto migration = Read(absl::StrCat("SELECT 1;\n-- \xC3\xA4 ", bad));
    ExpectError(migration.status(), "NOT_UTF8", "migrations/003_x.sql:2:6: ");
    EXPECT_EQ(base::MetadataOf(migration.status(), "line"), "2");
    EXPECT_EQ(base::MetadataOf(migration.status(), "column"), "6");
  }
  ExpectError(Read("SELECT 1;\n-- \x80").status(), "NOT_UTF8", "migrations/003_x.sql:2:");
  EXPECT_TRUE(Read("-- \xC2\x80 \xE0\xA0\x80 \xED\x9F\xBF \xEE\x80\x80 \xF0\x90\x80\x80 "
                   "\xF4\x8F\xBF\xBF")
                  .ok());
}

TEST(Migration, ANulByteIsRefusedWithItsLine) {
  const auto migration = Read(absl::string_view("\nSELECT\0 1", 10));
  ExpectError(migration.status(), "NOT_UTF8", "migrations/003_x.sql:2:7: a NUL byte");
}

TEST(Migration, OneMebibyteIsAllowedAndOneByteMoreIsNot) {
  const std::string largest = "--" + std::string(kMaxMigrationBytes - 2, 'x');
  EXPECT_TRUE(Read(largest).ok());
  const auto migration = Read(largest + "x");
  ExpectError(migration.status(), "FILE_TOO_LARGE", "migrations/003_x.sql: ");
  EXPECT_EQ(base::MetadataOf(migration.status(), "limit"), "1048576");
}

TEST(Migration, TransactionControlIsRefusedWhereItStands) {
  const auto migration = Read("CREATE TABLE t (a int);\n\n  COMMIT;\nSELECT 1;");
  ExpectError(migration.status(), "TRANSACTION_CONTROL", "migrations/003_x.sql:3:3: COMMIT ");
  EXPECT_EQ(base::MetadataOf(migration.status(), "file"), kFile);
  EXPECT_EQ(base::MetadataOf(migration.status(), "line"), "3");
  EXPECT_EQ(base::MetadataOf(migration.status(), "column"), "3");
  EXPECT_THAT(base::GetErrorInfo(migration.status())->hint,
              HasSubstr("lockstep wraps each migration in its own fenced transaction"));
}

TEST(Migration, OnePairOfBeginAndCommitAroundAllIsLeftOut) {
  const auto wrapped = Read("BEGIN;\nSELECT 1;\nCOMMIT;");
  ASSERT_TRUE(wrapped.ok());
  EXPECT_EQ(wrapped->statements.size(), 1u);
  EXPECT_EQ(wrapped->left_out.size(), 2u);
  ExpectError(Read("BEGIN;\nSELECT 1;\nCOMMIT; SELECT 2").status(), "TRANSACTION_CONTROL",
              ":1:1: BEGIN");
  ExpectError(Read("-- lockstep:transaction none\nBEGIN; SELECT 1; COMMIT;").status(),
              "TRANSACTION_CONTROL", ":2:1: BEGIN");
  ExpectError(Read("SELECT 1; SAVEPOINT a").status(), "TRANSACTION_CONTROL", ":1:11: ");
}

TEST(Migration, TransactionControlIsFoundAmongStatementsTheParserRefuses) {
  ExpectError(Read("ALTER TABLE t ALTER c SET EXPRESSION AS (a * 2);\nCOMMIT").status(),
              "TRANSACTION_CONTROL", ":2:1: ");
  ExpectError(Read("SELECT 1a;\nCOMMIT").status(), "TRANSACTION_CONTROL", ":2:1: ");
}

TEST(Migration, TheStrongestStatementMakesThePhase) {
  EXPECT_EQ(Read("SET x.y = 1; INSERT INTO t VALUES (1)")->phase, sql::Phase::kData);
  EXPECT_EQ(Read("INSERT INTO t VALUES (1); CREATE TABLE u (a int)")->phase, sql::Phase::kData);
  EXPECT_EQ(Read("CREATE TABLE u (a int); DROP TABLE t")->phase, sql::Phase::kContract);
}

TEST(Migration, ADeclaredPhaseMayStrengthen) {
  EXPECT_EQ(Read("-- lockstep:phase contract\nCREATE TABLE t (a int)")->phase,
            sql::Phase::kContract);
  EXPECT_EQ(Read("-- lockstep:phase expand\nCREATE TABLE t (a int)")->phase, sql::Phase::kExpand);
  EXPECT_EQ(Read("-- lockstep:phase contract\n")->phase, sql::Phase::kContract);
}

TEST(Migration, ADeclaredPhaseMayNotWeaken) {
  const auto migration = Read("-- A comment.\n  -- lockstep:phase expand\nDROP TABLE t");
  ExpectError(migration.status(), "PHASE_WEAKENED", "migrations/003_x.sql:2:3: ");
  ExpectError(migration.status(), "PHASE_WEAKENED", "declared as expand, but its SQL is contract");
  ExpectError(Read("-- lockstep:phase neutral\nCREATE TABLE t (a int)").status(), "PHASE_WEAKENED",
              "");
}

TEST(Migration, WhatCannotBeAnalysedIsAContractUnlessAPhaseIsDeclared) {
  EXPECT_EQ(Read("DO $$ BEGIN END $$")->phase, sql::Phase::kNeutral);
  EXPECT_EQ(Read("DO $$ BEGIN EXECUTE x(); END $$")->phase, sql::Phase::kContract);
  EXPECT_EQ(Read("-- lockstep:phase data\nDO $$ BEGIN EXECUTE x(); END $$")->phase,
            sql::Phase::kData);
  EXPECT_EQ(Read("-- lockstep:phase neutral\nSELECT my_function()")->phase, sql::Phase::kNeutral);
}

TEST(Migration, ADeclaredPhaseDoesNotCoverTheAnalysedStatementsBesideAnOpaqueOne) {
  ExpectError(Read("-- lockstep:phase expand\nDO $$ BEGIN END $$; DROP TABLE t").status(),
              "PHASE_WEAKENED", "its SQL is contract");
  EXPECT_EQ(Read("-- lockstep:phase expand\nDO $$ BEGIN END $$; CREATE TABLE t (a int)")->phase,
            sql::Phase::kExpand);
}

TEST(Migration, RunsOutsideATransactionWhenDeclaredOrWhenAStatementMust) {
  EXPECT_FALSE(Read("-- lockstep:transaction none\nSELECT 1")->transactional);
  EXPECT_FALSE(Read("CREATE INDEX CONCURRENTLY i ON t (a)")->transactional);
  EXPECT_FALSE(
      Read("SELECT 1; ALTER TABLE t ALTER c SET EXPRESSION AS (a); VACUUM t")->transactional);
  EXPECT_TRUE(Read("-- CONCURRENTLY\nCREATE INDEX i ON t (a)")->transactional);
}

TEST(Migration, AUniqueIndexOnATableOfItsOwnFileIsExpand) {
  EXPECT_EQ(Read("CREATE TABLE t (a int); CREATE UNIQUE INDEX i ON t (a);")->phase,
            sql::Phase::kExpand);
  // It may be there already, and in use.
  EXPECT_EQ(Read("CREATE TABLE IF NOT EXISTS t (a int); CREATE UNIQUE INDEX i ON t (a);")->phase,
            sql::Phase::kContract);
}

}  // namespace
}  // namespace lockstep::chain
