#include "coordinator/operation/needs.h"

#include <gtest/gtest.h>

#include "coordinator/operation/backfills.h"

namespace lockstep::coordinator {
namespace {

PendingMigration Needing(const std::string& name) {
  return {.version = 5, .needs_backfill = {name}};
}

BackfillRow Job(const std::string& state) {
  return {.name = "fill", .after = 4, .state = state, .total = 1000, .walked = 610};
}

TEST(Needs, AJobThatRunsIsWaitedForWithItsProgress) {
  for (const char* state : {"not run", "running", "paused"}) {
    const auto need = NeedOf(Needing("fill"), {Job(state)});
    ASSERT_TRUE(need.has_value()) << state;
    EXPECT_TRUE(need->wait) << state;
    EXPECT_EQ(need->why, "waits for backfill fill: 61 % of 1000 rows");
  }
  BackfillRow standing = Job("running");
  standing.stands = "replica: it is behind";
  EXPECT_EQ(NeedOf(Needing("fill"), {standing})->why,
            "waits for backfill fill: 61 % of 1000 rows, stands still: replica: it is behind");
}

TEST(Needs, AJobThatFailedSaysHowManyRowsAreLeftAndHowToLook) {
  BackfillRow failed = Job("failed");
  failed.rows_left = 12;
  failed.left_sample = "(17) (31)";
  failed.look = "SELECT id FROM t";
  const auto need = NeedOf(Needing("fill"), {failed});
  ASSERT_TRUE(need.has_value());
  EXPECT_FALSE(need->wait);
  EXPECT_EQ(need->why,
            "needs backfill fill, which failed: its verification found 12 rows left, (17) (31)");
  EXPECT_EQ(need->hint, "look at them: SELECT id FROM t; then `lockstep backfill start fill`");
  EXPECT_FALSE(NeedOf(Needing("fill"), {Job("cancelled")})->wait);
}

TEST(Needs, WhatCanNeverBeDoneIsNotWaitedFor) {
  EXPECT_FALSE(NeedOf(Needing("other"), {Job("running")})->wait);
  BackfillRow late = Job("not run");
  late.after = 5;
  EXPECT_FALSE(NeedOf(Needing("fill"), {late})->wait);
}

TEST(Needs, NothingIsNeededOfAJobThatIsDone) {
  EXPECT_FALSE(NeedOf(Needing("fill"), {Job("done")}).has_value());
  PendingMigration contract = Needing("fill");
  contract.waits_for = {3};
  EXPECT_FALSE(NeedOf(contract, {Job("failed")}).has_value()) << "it waits for the contract first";
}

Plan PlanOf(const std::vector<PendingMigration>& pending) {
  return MakePlan({.chain = {.applied = 4, .head = 6}, .pending = pending}, 0, false);
}

TEST(Needs, APlanSaysHowManyRowsAreLeftAndWhereToLook) {
  BackfillRow failed = Job("failed");
  failed.rows_left = 12;
  failed.left_sample = "(17) (31)";
  failed.look = "SELECT id FROM t";
  Plan plan = PlanOf({Needing("fill")});
  ExplainNeeds({failed}, &plan);
  EXPECT_EQ(plan.steps[0].kind, StepKind::kBlocked);
  EXPECT_FALSE(plan.steps[0].waits);
  EXPECT_EQ(plan.steps[0].why,
            "needs backfill fill, which failed: its verification found 12 rows left, (17) (31); "
            "look at them: SELECT id FROM t; then `lockstep backfill start fill`");
}

TEST(Needs, APlanThatOnlyHasToWaitSaysSo) {
  Plan plan = PlanOf({Needing("fill")});
  ExplainNeeds({Job("running")}, &plan);
  EXPECT_TRUE(plan.steps[0].waits);
  EXPECT_EQ(plan.steps[0].why, "waits for backfill fill: 61 % of 1000 rows");
  Plan free = PlanOf({{.version = 5, .phase = sql::Phase::kExpand}});
  ExplainNeeds({Job("running")}, &free);
  EXPECT_EQ(free.steps[0].why, "");
}

TEST(Needs, TheBackfillThatIsWaitedForIsKnownOnceNothingElseCanRun) {
  const std::vector<BackfillRow> jobs = {Job("running")};
  const auto waited = WaitedFor(PlanOf({Needing("fill")}), jobs);
  ASSERT_TRUE(waited.has_value());
  EXPECT_EQ(waited->name, "fill");
  PendingMigration later = Needing("fill");
  later.version = 6;
  EXPECT_FALSE(
      WaitedFor(PlanOf({{.version = 5, .phase = sql::Phase::kExpand}, later}), jobs).has_value())
      << "version 5 can run";
  EXPECT_FALSE(WaitedFor(PlanOf({Needing("fill")}), {Job("failed")}).has_value());
  EXPECT_FALSE(WaitedFor(PlanOf({}), jobs).has_value());
}

TEST(Due, AnUpgradeStartsThoseWhoseVersionItReached) {
  const std::vector<PendingMigration> pending = {Needing("fill")};
  OperationRow upgrade{.operation_id = "op", .target = 6};
  BackfillView view{.applied = 4, .operation = upgrade, .pending = &pending};
  EXPECT_TRUE(IsDue(Job("not run"), view, false));
  EXPECT_TRUE(IsDue(Job("not run"), view, true));
  for (const char* state : {"running", "paused", "done", "failed", "cancelled"}) {
    EXPECT_FALSE(IsDue(Job(state), view, false)) << state;
  }
  BackfillRow other = Job("not run");
  other.name = "other";
  EXPECT_TRUE(IsDue(other, view, false));
  EXPECT_FALSE(IsDue(other, view, true)) << "nothing needs it";
  view.applied = 3;
  EXPECT_FALSE(IsDue(Job("not run"), view, false));
  view.applied = 4;
  view.operation->target = 3;
  EXPECT_FALSE(IsDue(Job("not run"), view, false));
  view.operation->target = 6;
  view.operation->state = OperationState::kPaused;
  EXPECT_FALSE(IsDue(Job("not run"), view, false));
  view.operation.reset();
  EXPECT_FALSE(IsDue(Job("not run"), view, false));
}

}  // namespace
}  // namespace lockstep::coordinator
