#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"

#include "engine/base/error_info.h"
#include "engine/chain/chain.h"
#include "tests/chain/expect_error.h"

namespace lockstep::chain {
namespace {

constexpr char kFile[] = "migrations/backfills/journey_v1.sql";
constexpr char kGood[] =
    "-- lockstep:after 12\n"
    "-- lockstep:table app.sessions\n"
    "-- lockstep:key id\n"
    "-- lockstep:batch 1000\n"
    "-- lockstep:throttle 250ms\n"
    "-- Gives every session a run.\n"
    "-- lockstep:section prepare\n"
    "INSERT INTO x VALUES (1);\n"
    "-- lockstep:section batch\n"
    "UPDATE app.sessions SET a = 1 WHERE id > $1 AND id <= $2;\n"
    "-- lockstep:section verify\n"
    "SELECT id FROM app.sessions WHERE a IS NULL LIMIT 100;\n";

absl::StatusOr<Backfill> Read(absl::string_view text) { return ReadBackfill(kFile, text); }

absl::Status StatusWith(absl::string_view from, absl::string_view to) {
  return Read(absl::StrReplaceAll(kGood, {{from, to}})).status();
}

TEST(Backfill, IsReadFromItsNameAndBytes) {
  const auto backfill = Read(kGood);
  ASSERT_TRUE(backfill.ok()) << backfill.status();
  EXPECT_EQ(backfill->name, "journey_v1");
  EXPECT_EQ(backfill->file, kFile);
  EXPECT_EQ(backfill->sql, kGood);
  EXPECT_EQ(backfill->after, 12);
  EXPECT_EQ(backfill->table, "app.sessions");
  EXPECT_EQ(backfill->key, "id");
  EXPECT_EQ(backfill->batch, 1000);
  EXPECT_EQ(backfill->throttle, absl::Milliseconds(250));
  EXPECT_EQ(backfill->digest, BackfillDigestOf(kGood));
}

TEST(Backfill, NeedsOnlyABatchSection) {
  const auto backfill = Read(
      "-- lockstep:after 1\n-- lockstep:table \"T t\"\n-- lockstep:key \"Id\"\n"
      "-- lockstep:section batch\nUPDATE t SET a = 1");
  ASSERT_TRUE(backfill.ok()) << backfill.status();
  EXPECT_FALSE(backfill->batch.has_value());
  EXPECT_FALSE(backfill->throttle.has_value());
}

TEST(Backfill, ItsStatementsAreCutBySection) {
  const auto backfill = Read(absl::StrCat(kGood, "-- lockstep:section finish\nSELECT 2;\n"));
  ASSERT_TRUE(backfill.ok()) << backfill.status();
  EXPECT_EQ(backfill->prepare, std::vector<std::string>{"INSERT INTO x VALUES (1)"});
  EXPECT_EQ(backfill->batch_statements,
            std::vector<std::string>{"UPDATE app.sessions SET a = 1 WHERE id > $1 AND id <= $2"});
  EXPECT_EQ(backfill->verify.size(), 1u);
  EXPECT_EQ(backfill->finish, std::vector<std::string>{"SELECT 2"});
}

TEST(Backfill, APlainSeedIsOneBatch) {
  const auto backfill = Read("-- lockstep:after 3\nINSERT INTO t VALUES (1);\nSELECT 2;\n");
  ASSERT_TRUE(backfill.ok()) << backfill.status();
  EXPECT_EQ(backfill->table, "");
  EXPECT_EQ(backfill->batch_statements,
            (std::vector<std::string>{"INSERT INTO t VALUES (1)", "SELECT 2"}));
  ExpectError(Read("-- lockstep:after 3\n").status(), "BAD_DIRECTIVE", "section `batch`");
}

TEST(Backfill, HowItRunsIsSaidInTheFile) {
  const auto backfill = Read(absl::StrReplaceAll(
      kGood, {{"key id", "key tenant, \"Id\""},
              {"-- Gives",
               "-- lockstep:durable\n-- lockstep:reindex\n-- lockstep:rate 500\n"
               "-- lockstep:ranges 8\n-- lockstep:window 22:00-06:30\n"
               "-- lockstep:pause-while SELECT false\n-- lockstep:dual-write the service\n-- G"}}));
  ASSERT_TRUE(backfill.ok()) << backfill.status();
  EXPECT_EQ(backfill->keys, (std::vector<std::string>{"tenant", "\"Id\""}));
  EXPECT_TRUE(backfill->durable);
  EXPECT_TRUE(backfill->reindex);
  EXPECT_EQ(backfill->rate, 500);
  EXPECT_EQ(backfill->ranges, 8);
  EXPECT_EQ(ParseWindow(backfill->window), (DailyWindow{.begin = 1320, .end = 390}));
  EXPECT_EQ(backfill->pause_while, "SELECT false");
  EXPECT_EQ(backfill->dual_write, "the service");
  for (const char* bad : {"22:00", "24:00-06:00", "1:00-02:00", "06:00-06:00", "a-b"}) {
    ExpectError(StatusWith("batch 1000", absl::StrCat("window ", bad)), "BAD_DIRECTIVE", ":4:1: ");
  }
  ExpectError(StatusWith("batch 1000", "durable yes"), "BAD_DIRECTIVE", ":4:1: ");
  ExpectError(StatusWith("batch 1000", "rate 0"), "BAD_DIRECTIVE", ":4:1: ");
}

TEST(Backfill, MissingDirectivesAreNamed) {
  ExpectError(StatusWith("-- lockstep:after 12\n", ""), "BAD_DIRECTIVE", "needs lockstep:after");
  ExpectError(StatusWith("-- lockstep:table app.sessions\n", ""), "BAD_DIRECTIVE",
              "needs lockstep:table");
  ExpectError(StatusWith("-- lockstep:key id\n", ""), "BAD_DIRECTIVE", "needs lockstep:key");
}

TEST(Backfill, BadAndRepeatedDirectivesAreRefusedWhereTheyStand) {
  ExpectError(StatusWith("after 12", "after 0"), "BAD_DIRECTIVE",
              "migrations/backfills/journey_v1.sql:1:1: ");
  ExpectError(StatusWith("table app.sessions", "table a.b.c"), "BAD_DIRECTIVE", ":2:1: ");
  ExpectError(StatusWith("table app.sessions", "table a;drop"), "BAD_DIRECTIVE", ":2:1: ");
  ExpectError(StatusWith("key id", "key a.b"), "BAD_DIRECTIVE", ":3:1: ");
  ExpectError(StatusWith("batch 1000", "batch 0"), "BAD_DIRECTIVE", ":4:1: ");
  ExpectError(StatusWith("batch 1000", "batch 50001"), "BAD_DIRECTIVE", ":4:1: ");
  ExpectError(StatusWith("throttle 250ms", "throttle fast"), "BAD_DIRECTIVE", ":5:1: ");
  for (const char* line : {"after 12", "table t", "key id", "batch 10", "throttle 1s"}) {
    ExpectError(StatusWith("-- Gives", std::string("-- lockstep:") + line + "\n-- Gives"),
                "BAD_DIRECTIVE", ":6:1: ");
  }
}

TEST(Backfill, DirectivesOfMigrationsAreUnknownHere) {
  ExpectError(StatusWith("batch 1000", "phase data"), "UNKNOWN_DIRECTIVE", ":4:1: ");
}

TEST(Backfill, AnAllowHasARuleAndAReason) {
  const auto backfill = Read(
      absl::StrReplaceAll(kGood, {{"-- Gives", "-- lockstep:allow backfill-contract why\n-- G"}}));
  ASSERT_TRUE(backfill.ok()) << backfill.status();
  ASSERT_EQ(backfill->allow.size(), 1u);
  EXPECT_EQ(backfill->allow[0].rule, "backfill-contract");
  EXPECT_EQ(backfill->allow[0].reason, "why");
  EXPECT_NE(backfill->digest, Read(kGood)->digest);
  ExpectError(StatusWith("batch 1000", "allow backfill-contract"), "BAD_DIRECTIVE", ":4:1: ");
}

TEST(Backfill, DirectivesBehindTheFirstSectionAreRefused) {
  ExpectError(StatusWith("INSERT", "-- lockstep:batch 10\nINSERT"), "BAD_DIRECTIVE", ":8:1: ");
}

TEST(Backfill, TheBatchSectionMustBeThereAndHoldAStatement) {
  ExpectError(StatusWith("section batch", "section prepare"), "BAD_DIRECTIVE", "is there twice");
  ExpectError(StatusWith("-- lockstep:section batch\n", ""), "BAD_DIRECTIVE",
              "needs a section `batch`");
  ExpectError(StatusWith("UPDATE app.sessions SET a = 1 WHERE id > $1 AND id <= $2;", "-- none"),
              "BAD_DIRECTIVE", "needs a section `batch` with a statement");
  ExpectError(StatusWith("section verify", "section afterwards"), "BAD_DIRECTIVE",
              ":11:1: lockstep:section must be one of prepare, batch, verify, finish");
}

TEST(Backfill, EveryStatementLiesInOneSection) {
  ExpectError(StatusWith("-- Gives", "SELECT 1;\n-- Gives"), "BAD_DIRECTIVE",
              ":6:1: a statement before the first section");
  ExpectError(StatusWith("(1);", "(1)"), "BAD_DIRECTIVE", ":8:1: the statement reaches into");
}

TEST(Backfill, TransactionControlIsRefused) {
  ExpectError(StatusWith("INSERT INTO x VALUES (1);", "COMMIT;"), "TRANSACTION_CONTROL", ":8:1: ");
}

TEST(Backfill, FilesAreCheckedLikeMigrations) {
  ExpectError(ReadBackfill("backfills/Bad-Name.sql", kGood).status(), "BAD_FILE_NAME",
              "backfills/Bad-Name.sql: ");
  ExpectError(Read("-- \xFF").status(), "NOT_UTF8", ":1:4: ");
  ExpectError(Read(std::string(kMaxMigrationBytes + 1, ' ')).status(), "FILE_TOO_LARGE", kFile);
}

}  // namespace
}  // namespace lockstep::chain
