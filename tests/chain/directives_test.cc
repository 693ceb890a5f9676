#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "engine/base/error_info.h"
#include "engine/chain/migration.h"
#include "tests/chain/expect_error.h"

namespace lockstep::chain {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<Migration> Read(absl::string_view text) {
  return ReadMigration("migrations/009_x.sql", text);
}

void ExpectBadValue(absl::string_view directive, absl::string_view words) {
  const auto migration = Read(absl::StrCat("\n-- lockstep:", directive, "\nSELECT 1"));
  ExpectError(migration.status(), "BAD_DIRECTIVE", "migrations/009_x.sql:2:1: lockstep:");
  ExpectError(migration.status(), "BAD_DIRECTIVE", words);
}

TEST(Directives, AllOfThemAreRead) {
  const auto migration = Read(
      "-- Why this file exists.\n"
      "-- lockstep:phase contract\n"
      "-- lockstep:transaction none\n"
      "-- lockstep:needs-backfill journey_backfill_v1\n"
      "-- lockstep:needs-backfill other\n"
      "-- lockstep:after-contract 7\n"
      "-- lockstep:allow drop-table nobody reads it, see #12\n"
      "/* between */\n"
      "-- lockstep:lock-timeout 500ms\n"
      "-- lockstep:statement-timeout 1m30s\n"
      "-- lockstep:min-postgres 16\n"
      "-- lockstep:assert SELECT count(*) = 0 FROM t -- really\n"
      "DROP TABLE t;");
  ASSERT_TRUE(migration.ok()) << migration.status();
  const Directives& directives = migration->directives;
  EXPECT_EQ(directives.phase, sql::Phase::kContract);
  EXPECT_TRUE(directives.transaction_none);
  EXPECT_THAT(directives.needs_backfill, ElementsAre("journey_backfill_v1", "other"));
  EXPECT_THAT(directives.after_contract, ElementsAre(7));
  ASSERT_EQ(directives.allow.size(), 1u);
  EXPECT_EQ(directives.allow[0].rule, "drop-table");
  EXPECT_EQ(directives.allow[0].reason, "nobody reads it, see #12");
  EXPECT_EQ(directives.lock_timeout, absl::Milliseconds(500));
  EXPECT_EQ(directives.statement_timeout, absl::Seconds(90));
  EXPECT_EQ(directives.min_postgres, 16);
  EXPECT_THAT(directives.asserts, ElementsAre("SELECT count(*) = 0 FROM t -- really"));
}

TEST(Directives, BlanksAroundThemAndCrlfDoNotMatter) {
  const auto migration = Read("\r\n  --lockstep:phase\t contract  \r\nSELECT 1;\r\n");
  ASSERT_TRUE(migration.ok()) << migration.status();
  EXPECT_EQ(migration->directives.phase, sql::Phase::kContract);
}

TEST(Directives, AnUnknownOneIsRefusedWithFileLineAndTheKnownOnes) {
  const auto migration = Read("-- a\n-- b\n  -- lockstep:fase contract\nSELECT 1");
  ExpectError(migration.status(), "UNKNOWN_DIRECTIVE",
              "migrations/009_x.sql:3:3: unknown directive \"fase\"");
  EXPECT_EQ(base::MetadataOf(migration.status(), "file"), "migrations/009_x.sql");
  EXPECT_EQ(base::MetadataOf(migration.status(), "line"), "3");
  EXPECT_EQ(base::MetadataOf(migration.status(), "column"), "3");
  EXPECT_THAT(base::GetErrorInfo(migration.status())->hint, HasSubstr("needs-backfill"));
}

TEST(Directives, AMisspeltPrefixOrNameIsRefusedRatherThanOverlooked) {
  for (const char* line :
       {"-- Lockstep:phase contract", "-- LOCKSTEP:phase contract", "-- lockstep: phase contract",
        "-- lockstep:", "-- lockstep:Phase data", "-- lockstep:phase: data", "-- lockstep:table t",
        "-- lockstep:section batch"}) {
    ExpectError(Read(line).status(), "UNKNOWN_DIRECTIVE", "migrations/009_x.sql:1:1: ");
  }
}

TEST(Directives, OneBelowTheFirstStatementIsRefused) {
  const auto migration = Read("SELECT 1;\n-- lockstep:phase contract\n");
  ExpectError(migration.status(), "BAD_DIRECTIVE",
              "migrations/009_x.sql:2:1: lockstep:phase must be at the top of the file");
  ExpectError(Read("SELECT 1 -- lockstep:phase contract\n").status(), "BAD_DIRECTIVE", ":1:10: ");
  ExpectError(Read(";\n-- lockstep:phase contract").status(), "BAD_DIRECTIVE", ":2:1: ");
  ExpectError(Read("SELECT 1;\n-- lockstep:fase contract\n").status(), "BAD_DIRECTIVE",
              "at the top");
}

TEST(Directives, OneInABlockCommentIsRefused) {
  ExpectError(Read("/* lockstep:phase contract */ SELECT 1").status(), "BAD_DIRECTIVE",
              "must be a `--` comment");
}

TEST(Directives, WordsInsideOfCommentsAndQuotesAreNone) {
  const auto migration = Read(
      "-- see lockstep:phase in the manual\n/* or -- lockstep:nonsense */\n"
      "SELECT '-- lockstep:x', $$\n-- lockstep:y\n$$ -- about lockstep:z\n");
  ASSERT_TRUE(migration.ok()) << migration.status();
  EXPECT_EQ(migration->directives, Directives());
}

TEST(Directives, ValuesThatTheyCannotHaveAreRefused) {
  ExpectBadValue("phase", "must be one of neutral, data, expand, contract");
  ExpectBadValue("phase Contract", "must be one of");
  ExpectBadValue("phase contract now", "must be one of");
  ExpectBadValue("transaction", "must be `none`");
  ExpectBadValue("transaction off", "must be `none`");
  ExpectBadValue("needs-backfill", "must name a backfill");
  ExpectBadValue("needs-backfill a b", "must name a backfill");
  ExpectBadValue("needs-backfill A.sql", "must name a backfill");
  ExpectBadValue("after-contract x", "must be the version");
  ExpectBadValue("after-contract 0", "must be the version");
  ExpectBadValue("after-contract -1", "must be the version");
  ExpectBadValue("after-contract 9", "must name an earlier version than 9");
  ExpectBadValue("allow", "must be a rule");
  ExpectBadValue("allow drop-table", "needs a reason");
  ExpectBadValue("allow Drop_Table x", "must be a rule");
  ExpectBadValue("min-postgres 9.6", "must be a major version");
  ExpectBadValue("min-postgres 9", "must be a major version");
  ExpectBadValue("min-postgres 160001", "must be a major version");
  ExpectBadValue("assert", "needs a query");
}

TEST(Directives, TimeoutsAreWholeMillisecondsOfAtMostADay) {
  for (const char* value :
       {"", "5", "0", "0s", "-1s", "+", "inf", "1.5ms", "999us", "25h", "5 s", "5min"}) {
    ExpectBadValue(absl::StrCat("lock-timeout ", value), "must be whole milliseconds");
    ExpectBadValue(absl::StrCat("statement-timeout ", value), "must be whole milliseconds");
  }
  EXPECT_EQ(Read("-- lockstep:lock-timeout 1ms")->directives.lock_timeout, absl::Milliseconds(1));
  EXPECT_EQ(Read("-- lockstep:lock-timeout 1.5s")->directives.lock_timeout,
            absl::Milliseconds(1500));
  EXPECT_EQ(Read("-- lockstep:lock-timeout 24h")->directives.lock_timeout, absl::Hours(24));
}

TEST(Directives, ThoseWithOneValueMayNotBeGivenTwice) {
  for (const char* line : {"phase data", "transaction none", "lock-timeout 1s",
                           "statement-timeout 1s", "min-postgres 16"}) {
    const auto migration =
        Read(absl::StrCat("-- lockstep:", line, "\n-- lockstep:", line, "\nSELECT 1"));
    ExpectError(migration.status(), "BAD_DIRECTIVE", ":2:1: ");
    ExpectError(migration.status(), "BAD_DIRECTIVE", "is given twice");
  }
}

TEST(Directives, ControlCharactersInAValueAreRefused) {
  ExpectError(Read("-- lockstep:assert a\x1f"
                   "b\nSELECT 1")
                  .status(),
              "BAD_DIRECTIVE", "control characters");
}

}  // namespace
}  // namespace lockstep::chain
