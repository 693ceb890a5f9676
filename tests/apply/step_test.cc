#include "engine/apply/step.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace lockstep::apply {
namespace {

std::vector<Step> Steps(const std::string& sql) {
  auto migration = chain::ReadMigration("001_step.sql", sql);
  EXPECT_TRUE(migration.ok()) << migration.status();
  return migration.ok() ? StepsOf(*migration) : std::vector<Step>{};
}

// "1-2 transaction, 3 create index".
std::string Text(const std::vector<Step>& steps) {
  std::string text;
  for (const Step& step : steps) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", step.first + 1);
    if (step.last > step.first) absl::StrAppend(&text, "-", step.last + 1);
    absl::StrAppend(&text, " ", std::string(StepKindName(step.kind)));
  }
  return text;
}

TEST(Step, WhatATransactionMayHoldSharesOne) {
  EXPECT_EQ(Text(Steps("CREATE TABLE t (a int); INSERT INTO t VALUES (1);"
                       "CREATE INDEX CONCURRENTLY i ON t (a); COMMENT ON TABLE t IS 'x';")),
            "1-2 transaction, 3 create index, 4 transaction");
}

TEST(Step, WithoutATransactionEachHasOneOfItsOwn) {
  EXPECT_EQ(Text(Steps("-- lockstep:transaction none\nUPDATE t SET a = 1; UPDATE t SET a = 2;")),
            "1 transaction, 2 transaction");
}

TEST(Step, WhatMayCommitByItselfRunsAsItIsWhereTheFileAsksForIt) {
  EXPECT_EQ(Text(Steps("-- lockstep:transaction none\n-- lockstep:phase contract\nCALL p();")),
            "1 once");
}

TEST(Step, KnowsEveryFormOfItsTable) {
  EXPECT_EQ(Text(Steps("CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a);"
                       "DROP INDEX CONCURRENTLY IF EXISTS s.i;"
                       "REINDEX (CONCURRENTLY) TABLE t; REINDEX INDEX CONCURRENTLY i;"
                       "REINDEX SCHEMA CONCURRENTLY s; REINDEX TABLE t;"
                       "ALTER TABLE p DETACH PARTITION c CONCURRENTLY;"
                       "VACUUM t; ANALYZE t; CLUSTER t; ALTER SYSTEM SET work_mem = '4MB';")),
            "1 create index, 2 drop index, 3 reindex, 4 reindex, 5 reindex, 6 repeatable, "
            "7 detach partition, 8 repeatable, 9 repeatable, 10 repeatable, 11 once");
}

TEST(Step, OnlyWhatStopsNobodyWaitsForLocksWithoutEnd) {
  const auto steps = Steps(
      "CREATE INDEX CONCURRENTLY ON t (a); VACUUM t; VACUUM (FULL) t; CLUSTER t; REINDEX TABLE t;"
      "REINDEX TABLE CONCURRENTLY t;");
  ASSERT_EQ(steps.size(), 6u);
  EXPECT_TRUE(steps[0].gentle);
  EXPECT_TRUE(steps[1].gentle);
  EXPECT_FALSE(steps[2].gentle);
  EXPECT_FALSE(steps[3].gentle);
  EXPECT_FALSE(steps[4].gentle);
  EXPECT_TRUE(steps[5].gentle);
}

TEST(Step, AnIndexIsTakenApartWhateverItsTableIsCalled) {
  for (const char* table :
       {"\"My Schema\" /* a.b */ . \"t \"\"1\"\"\"", "ONLY \"My Schema\".\"t \"\"1\"\"\""}) {
    const auto steps = Steps(absl::StrCat("CREATE UNIQUE INDEX CONCURRENTLY \"I\" ON ", table,
                                          " USING btree (a DESC, lower(b)) WHERE a > 0"));
    ASSERT_EQ(steps.size(), 1u);
    EXPECT_EQ(steps[0].table, "\"My Schema\".\"t \"\"1\"\"\"");
    EXPECT_EQ(steps[0].index, "I");
    EXPECT_TRUE(steps[0].unique);
    EXPECT_EQ(steps[0].definition, "USING btree (a DESC, lower(b)) WHERE a > 0");
  }
  EXPECT_EQ(Steps("CREATE INDEX CONCURRENTLY ON t(a)")[0].definition, "(a)");
}

}  // namespace
}  // namespace lockstep::apply
