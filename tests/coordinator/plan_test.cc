#include "coordinator/operation/plan.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace lockstep::coordinator {
namespace {

PendingMigration Expand(Version version) {
  return {.version = version, .title = absl::StrCat("t", version), .phase = sql::Phase::kExpand};
}
PendingMigration Contract(Version version) {
  return {.version = version, .title = absl::StrCat("t", version), .phase = sql::Phase::kContract};
}
PlanInput Input(std::vector<PendingMigration> pending, bool never_served = false) {
  const Version head = pending.empty() ? 0 : pending.back().version;
  return {.chain = {.head = head, .never_served = never_served}, .pending = std::move(pending)};
}
// "1 2 (3) [4]": runs, left waiting, blocked.
std::string Text(const Plan& plan) {
  std::string text;
  for (const PlanStep& step : plan.steps) {
    const Version v = step.migration.version;
    absl::StrAppend(&text, text.empty() ? "" : " ",
                    step.kind == StepKind::kRun           ? absl::StrCat(v)
                    : step.kind == StepKind::kLeftWaiting ? absl::StrCat("(", v, ")")
                                                          : absl::StrCat("[", v, "]"));
  }
  return text;
}
Run RunOf(const Plan& plan) { return NextRun(plan).value_or(coordinator::Run{}); }

TEST(PlanTest, NothingPendingIsNoWork) {
  const Plan plan = MakePlan(Input({}), 0, false);
  EXPECT_FALSE(plan.HasWork());
  EXPECT_EQ(NextRun(plan), std::nullopt);
}

TEST(PlanTest, TargetZeroIsTheHeadAndALowerTargetStopsThere) {
  const PlanInput input = Input({Expand(1), Expand(2), Expand(3)});
  EXPECT_EQ(Text(MakePlan(input, 0, false)), "1 2 3");
  EXPECT_EQ(MakePlan(input, 0, false).target, 3);
  EXPECT_EQ(Text(MakePlan(input, 2, false)), "1 2");
  EXPECT_EQ(RunOf(MakePlan(input, 2, false)), (coordinator::Run{1, 2}));
}

TEST(PlanTest, OnADatabaseThatWasNeverServedContractsRunInLine) {
  const Plan plan = MakePlan(Input({Expand(1), Contract(2), Expand(3)}, true), 0, false);
  EXPECT_EQ(Text(plan), "1 2 3");
  EXPECT_EQ(RunOf(plan), (coordinator::Run{1, 1}));
}

TEST(PlanTest, ElsewhereContractsAreLeftWaitingUnlessAskedFor) {
  const PlanInput input = Input({Expand(1), Contract(2), Expand(3)});
  const Plan plan = MakePlan(input, 0, false);
  EXPECT_EQ(Text(plan), "1 (2) 3");
  EXPECT_EQ(plan.ContractsWaiting(), std::vector<Version>{2});
  EXPECT_EQ(Text(MakePlan(input, 0, true)), "1 2 3");
}

TEST(PlanTest, AContractThatConcernsALiveSessionIsLeftWaitingEvenWhenAskedFor) {
  PendingMigration contract = Contract(2);
  contract.concerned = 3;
  const Plan plan = MakePlan(Input({Expand(1), contract, Expand(3)}), 0, true);
  EXPECT_EQ(Text(plan), "1 (2) 3");
  EXPECT_NE(plan.steps[1].why, "");
}

TEST(PlanTest, ARunNeverCrossesAWaitingContract) {
  const Plan plan = MakePlan(Input({Expand(1), Contract(2), Expand(3)}), 0, false);
  EXPECT_EQ(RunOf(plan), (coordinator::Run{1, 1}));
  const Plan after = MakePlan(Input({Contract(2), Expand(3), Expand(4)}), 0, false);
  EXPECT_EQ(RunOf(after), (coordinator::Run{3, 4}));
}

TEST(PlanTest, AContractIsARunOfItsOwn) {
  EXPECT_EQ(RunOf(MakePlan(Input({Contract(1), Contract(2), Expand(3)}), 0, true)),
            (coordinator::Run{1, 1}));
  EXPECT_EQ(RunOf(MakePlan(Input({Expand(1), Contract(2)}), 0, true)), (coordinator::Run{1, 1}));
}

TEST(PlanTest, OnlyWaitingContractsLeaveNothingToRun) {
  const Plan plan = MakePlan(Input({Contract(1), Contract(2)}), 0, false);
  EXPECT_FALSE(plan.HasWork());
  EXPECT_EQ(NextRun(plan), std::nullopt);
}

TEST(PlanTest, WhatWaitsForALeftContractBlocksTheRest) {
  PendingMigration waits = Expand(3);
  waits.waits_for = {2};
  const PlanInput input = Input({Expand(1), Contract(2), waits, Expand(4)});
  const Plan plan = MakePlan(input, 0, false);
  EXPECT_EQ(Text(plan), "1 (2) [3]");
  EXPECT_EQ(plan.steps.back().why, "waits for contract 2");
  EXPECT_EQ(RunOf(plan), (coordinator::Run{1, 1}));
  // With the contracts it runs after the one it waits for.
  EXPECT_EQ(Text(MakePlan(input, 0, true)), "1 2 3 4");
}

TEST(PlanTest, ABackfillThatHasNotRunBlocks) {
  PendingMigration needs = Expand(2);
  needs.needs_backfill = {"job_a", "job_b"};
  const Plan plan = MakePlan(Input({Expand(1), needs, Expand(3)}), 0, false);
  EXPECT_EQ(Text(plan), "1 [2]");
  EXPECT_EQ(
      plan.steps.back().why,
      "needs backfill job_a, job_b, which is not done: `lockstep backfill get job_a` says why");
  EXPECT_EQ(RunOf(plan), (coordinator::Run{1, 1}));
}

TEST(PlanTest, WhatRunsOutsideOfATransactionIsARunOfItsOwn) {
  PendingMigration concurrently = Expand(2);
  concurrently.transactional = false;
  const Plan plan = MakePlan(Input({Expand(1), concurrently, Expand(3)}), 0, false);
  EXPECT_EQ(Text(plan), "1 2 3");
  EXPECT_EQ(RunOf(plan), (coordinator::Run{1, 1}));
  EXPECT_EQ(RunOf(MakePlan(Input({concurrently, Expand(3)}), 0, false)), (coordinator::Run{2, 2}));
}

TEST(PlanTest, ARunIsCutAtItsLimit) {
  std::vector<PendingMigration> pending;
  for (Version v = 1; v <= kMaxRun + 10; ++v) pending.push_back(Expand(v));
  EXPECT_EQ(RunOf(MakePlan(Input(pending), 0, false)), (coordinator::Run{1, kMaxRun}));
  pending.resize(kMaxRun);
  EXPECT_EQ(RunOf(MakePlan(Input(pending), 0, false)), (coordinator::Run{1, kMaxRun}));
}

TEST(PlanTest, ItsDigestChangesWithEverythingThatMatters) {
  const PlanInput input = Input({Expand(1), Contract(2), Expand(3)});
  const std::string digest = PlanDigest(MakePlan(input, 0, false), "head");
  EXPECT_EQ(digest.size(), 32);
  EXPECT_EQ(PlanDigest(MakePlan(input, 3, false), "head"), digest);
  EXPECT_NE(PlanDigest(MakePlan(input, 0, true), "head"), digest);
  EXPECT_NE(PlanDigest(MakePlan(input, 1, false), "head"), digest);
  EXPECT_NE(PlanDigest(MakePlan(input, 0, false), "other"), digest);
  PlanInput later = input;
  later.chain.applied = 1;
  EXPECT_NE(PlanDigest(MakePlan(later, 0, false), "head"), digest);
}

}  // namespace
}  // namespace lockstep::coordinator
