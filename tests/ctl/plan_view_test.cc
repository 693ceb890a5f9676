#include "ctl/plan_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/matchers.h"

namespace lockstep::ctl {
namespace {

using ::lockstep::testing::IsOk;
using ::lockstep::testing::StatusIs;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

v1::PlannedMigration* Add(v1::PlanUpgradeResponse& plan, int version, const char* title,
                          v1::Phase phase) {
  auto* migration = plan.add_migrations();
  migration->mutable_ref()->set_version(version);
  migration->mutable_ref()->set_title(title);
  migration->set_phase(phase);
  migration->set_transactional(true);
  auto* statement = migration->add_statements();
  statement->set_sql("SELECT 1");
  return migration;
}

v1::PlanUpgradeResponse Plan() {
  v1::PlanUpgradeResponse plan;
  plan.set_applied(12);
  plan.set_head(15);
  plan.set_target(15);
  plan.set_migrators(1);
  Add(plan, 13, "drop_legacy_role", v1::PHASE_CONTRACT)->set_left_waiting(true);
  Add(plan, 14, "event_logs", v1::PHASE_EXPAND);
  Add(plan, 15, "audit_logs", v1::PHASE_EXPAND)->set_transactional(false);
  return plan;
}

TEST(PlanTable, HasOneLineAMigration) {
  EXPECT_EQ(PlanTable(Plan(), Style(false), 0),
            "VERSION  TITLE             PHASE     STATEMENTS  NOTES\n"
            "     13  drop_legacy_role  contract           1  left waiting\n"
            "     14  event_logs        expand             1\n"
            "     15  audit_logs        expand             1  outside a transaction\n");
  EXPECT_EQ(PlanTable({}, Style(false), 0), "");
}

TEST(PlanSummary, CountsWhatRuns) {
  EXPECT_EQ(PlanSummary(Plan()), "12 -> 15: 2 migrations (14..15)");
  EXPECT_THAT(ToRun(Plan()), ElementsAre(14, 15));
  EXPECT_THAT(LeftWaiting(Plan()), ElementsAre(13));
}

TEST(PlanSummary, IsUpToDateWhenOnlyContractsWait) {
  v1::PlanUpgradeResponse plan;
  plan.set_applied(16);
  EXPECT_EQ(PlanSummary(plan), "up to date at 16");
  Add(plan, 13, "drop", v1::PHASE_CONTRACT)->set_left_waiting(true);
  EXPECT_EQ(PlanSummary(plan), "up to date at 16");
  EXPECT_THAT(CheckBlocked(plan), IsOk());
}

TEST(PlanSummary, SaysWhereThePlanIsBlocked) {
  v1::PlanUpgradeResponse plan = Plan();
  plan.set_target(17);
  Add(plan, 16, "use_runs", v1::PHASE_EXPAND)->set_blocked_by("needs backfill x");
  EXPECT_EQ(PlanSummary(plan), "12 -> 15: 2 migrations (14..15), then blocked at 16");
  EXPECT_THAT(CheckBlocked(plan), IsOk());
  EXPECT_THAT(PlanWarnings(plan), ElementsAre("note: 16 use_runs is blocked: needs backfill x"));
}

TEST(CheckBlocked, RefusesAPlanThatCannotBegin) {
  v1::PlanUpgradeResponse plan;
  plan.set_applied(15);
  Add(plan, 16, "use_runs", v1::PHASE_EXPAND)->set_blocked_by("needs backfill x");
  EXPECT_EQ(PlanSummary(plan), "blocked at 16");
  EXPECT_THAT(CheckBlocked(plan), StatusIs(absl::StatusCode::kFailedPrecondition, "BLOCKED"));
}

// The upgrade waits for it and goes on: nobody has to be turned away.
TEST(PlanSummary, WhatEndsByItselfIsWaitedForAndNoBlock) {
  v1::PlanUpgradeResponse plan;
  plan.set_applied(15);
  v1::PlannedMigration* const step = Add(plan, 16, "use_runs", v1::PHASE_EXPAND);
  step->set_blocked_by("waits for backfill x: 40 % of 1000 rows");
  step->set_waits(true);
  EXPECT_TRUE(HasWork(plan));
  EXPECT_THAT(CheckBlocked(plan), IsOk());
  EXPECT_EQ(PlanSummary(plan), "waits at 16");
  EXPECT_THAT(PlanWarnings(plan),
              Contains("note: 16 use_runs waits for backfill x: 40 % of 1000 rows"));
  EXPECT_THAT(PlanTable(plan, Style(false), 0), Not(HasSubstr("blocked")));
}

TEST(PlanWarnings, SaysWhenNobodyCanApply) {
  v1::PlanUpgradeResponse plan = Plan();
  plan.set_migrators(0);
  EXPECT_THAT(PlanWarnings(plan), ElementsAre(HasSubstr("--migrate-database")));
}

TEST(PlanSql, PrintsWhatRunsAndNothingElse) {
  EXPECT_EQ(PlanSql(Plan()),
            "-- 14 event_logs (expand)\nSELECT 1;\n\n-- 15 audit_logs (expand)\nSELECT 1;\n");
}

TEST(PlanSql, KeepsATitleInsideItsComment) {
  v1::PlanUpgradeResponse plan;
  Add(plan, 1, "x\nDROP TABLE users; --", v1::PHASE_EXPAND);
  EXPECT_THAT(PlanSql(plan), HasSubstr("-- 1 x\\nDROP TABLE users; -- (expand)\n"));
}

}  // namespace
}  // namespace lockstep::ctl
