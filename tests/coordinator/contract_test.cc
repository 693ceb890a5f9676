// A contract operation with a real database, driver and fleet: barrier, drain, soak, deadline, and
// upgrades that run meanwhile.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "coordinator/status/cluster_state.h"
#include "coordinator/store/pin_store.h"
#include "engine/base/error_info.h"
#include "tests/coordinator/coordinator_test.h"

namespace lockstep::coordinator {
namespace {

using ::testing::HasSubstr;
using testing::StatusIs;

class ContractOperationTest : public CoordinatorTest {
 protected:
  // Expand 1 has run; contract 2 waits; 3 and 4 come later.
  ContractOperationTest() : CoordinatorTest({{}, {.phase = "contract"}, {}, {}}) {
    migrator_ = Connect("migrator", 0, /*can_migrate=*/true);
    EXPECT_TRUE(Eventually([&] { return migrator_.link->reason() != ""; }));
    migrator_.declaration.adapted_to = 2;
    EXPECT_THAT(fleet_->Register(migrator_.link, migrator_.declaration, false), IsOk());
    Upgrade(1);
  }

  void Upgrade(Version target) {
    const auto view = operations_->StartUpgrade(
        {.request_id = base::NewUuid(), .target = target, .actor = "ann"}, "");
    ASSERT_THAT(view, IsOk());
    Apply(migrator_, Offer(migrator_));
    EXPECT_TRUE(ComesToBe(view->row.operation_id, OperationState::kSucceeded));
  }
  // Everything of the test itself is an undeclared client.
  ContractRequest Asks() {
    return {.request_id = base::NewUuid(),
            .version = 2,
            .when_drained = true,
            .deadline = absl::Hours(1),
            .accept_unknown = "the test itself",
            .actor = "ann"};
  }
  std::string Start(const ContractRequest& request) {
    const auto view = operations_->StartContract(request, /*validate_only=*/false);
    EXPECT_THAT(view, IsOk());
    return view.ok() ? view->row.operation_id : "";
  }
  Agent Live(const std::string& name) {
    Agent agent = Connect(name, 1, /*can_migrate=*/false);
    EXPECT_TRUE(Eventually([&] { return agent.link->reason() == "ready"; }));
    return agent;
  }
  void SayGoodbye(const Agent& agent) {
    fleet_->Disconnect(agent.declaration.session_id, agent.link.get(), /*goodbye=*/true);
    driver_->Wake();
  }
  std::string Barrier() {
    return lockstep_.Scalar("SELECT coalesce(barrier, 0) FROM lockstep.chain");
  }
  bool ComesToStand() {
    return Eventually([&] { return Barrier() == "2"; });
  }
  std::string WaitsFor(const std::string& id) {
    const auto view = operations_->Get(id);
    return view.ok() ? view->waiting_for : std::string(view.status().message());
  }

  Agent migrator_;
};

TEST_F(ContractOperationTest, RunsByItselfWhenTheLastOneHasLeft) {
  const Agent old = Live("old");
  const std::string id = Start(Asks());
  ASSERT_TRUE(ComesToStand());
  const Agent late = Connect("late", 1, false);
  EXPECT_TRUE(Eventually([&] { return late.link->reason() == "draining"; }));
  EXPECT_THAT(WaitsFor(id), HasSubstr("service (build build) 1 live"));
  SayGoodbye(old);
  Apply(migrator_, Offer(migrator_));
  EXPECT_TRUE(ComesToBe(id, OperationState::kSucceeded));
  EXPECT_EQ(Barrier(), "0");
  EXPECT_EQ(lockstep_.Scalar("SELECT operation FROM lockstep.attempt WHERE first = 2"), id);
}

TEST_F(ContractOperationTest, WhileItDrainsAnUpgradeRuns) {
  const Agent old = Live("old");
  const std::string id = Start(Asks());
  ASSERT_TRUE(ComesToStand());
  Upgrade(4);
  EXPECT_EQ(lockstep_.Scalar("SELECT applied FROM lockstep.chain"), "4");
  EXPECT_EQ(Barrier(), "2");
  SayGoodbye(old);
  Apply(migrator_, Offer(migrator_));
  EXPECT_TRUE(ComesToBe(id, OperationState::kSucceeded));
}

TEST_F(ContractOperationTest, AnUpgradeWithContractsLeavesItToItsOperation) {
  const Agent old = Live("old");
  const std::string id = Start(Asks());
  ASSERT_TRUE(ComesToStand());
  ASSERT_THAT(operations_->Pause(id, true, "ann", ""), IsOk());
  SayGoodbye(old);
  const std::string upgrade = CoordinatorTest::Upgrade(/*contracts=*/true);
  const LeaseOffer offer = Offer(migrator_);
  EXPECT_EQ(offer.first, 3);
  Apply(migrator_, offer);
  EXPECT_TRUE(ComesToBe(upgrade, OperationState::kSucceeded));
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.history WHERE version = 2"), "0");
  // Paused it kept its barrier and granted nothing.
  EXPECT_EQ(Barrier(), "2");
  ASSERT_THAT(operations_->Pause(id, false, "ann", ""), IsOk());
  Apply(migrator_, Offer(migrator_));
  EXPECT_TRUE(ComesToBe(id, OperationState::kSucceeded));
}

TEST_F(ContractOperationTest, WithoutWaitingItIsRefusedAndEverybodyNamed) {
  const Agent one = Live("one");
  const Agent two = Live("two");
  ContractRequest request = Asks();
  request.when_drained = false;
  request.deadline.reset();
  for (const bool validate_only : {true, false}) {
    const auto refused = operations_->StartContract(request, validate_only);
    ASSERT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition, "BLOCKED"));
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr("2 of 3 instances"));
    EXPECT_EQ(base::GetErrorInfo(refused.status())->blockers.size(),
              3);  // The contract itself first.
  }
  SayGoodbye(one);
  SayGoodbye(two);
  EXPECT_TRUE(Eventually([&] { return operations_->StartContract(request, true).ok(); }));
  const std::string id = Start(request);
  Apply(migrator_, Offer(migrator_));
  EXPECT_TRUE(ComesToBe(id, OperationState::kSucceeded));
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.event WHERE kind = 'barrier_set'"),
            "0");
}

TEST_F(ContractOperationTest, UndeclaredClientsAreNamedWhenItDoesNotWaitAndWaitedForWhenItDoes) {
  ContractRequest request = Asks();
  request.accept_unknown.clear();
  const std::string id = Start(request);
  ASSERT_TRUE(ComesToStand());
  EXPECT_TRUE(Eventually([&] { return absl::StrContains(WaitsFor(id), "undeclared client"); }))
      << WaitsFor(id);
  ASSERT_THAT(operations_->Cancel(id, "ann", ""), IsOk());
  EXPECT_TRUE(ComesToBe(id, OperationState::kCancelled));
  request.request_id = base::NewUuid();
  request.when_drained = false;
  request.deadline.reset();
  const auto refused = operations_->StartContract(request, false);
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition, "BLOCKED"));
  EXPECT_THAT(base::GetErrorInfo(refused.status())->hint, HasSubstr("--accept-unknown"));
}

TEST_F(ContractOperationTest, AtItsDeadlineItFailsAndItsBarrierFalls) {
  const Agent old = Live("old");
  ContractRequest request = Asks();
  request.deadline = absl::Milliseconds(300);
  const std::string id = Start(request);
  EXPECT_TRUE(ComesToBe(id, OperationState::kFailed));
  const auto view = operations_->Get(id);
  ASSERT_THAT(view, IsOk());
  EXPECT_EQ(view->row.error->reason, "DEADLINE_PASSED");
  EXPECT_THAT(view->row.error->message, HasSubstr("service (build build) 1 live"));
  EXPECT_EQ(Barrier(), "0");
  const Agent late = Live("late");
}

TEST_F(ContractOperationTest, CancelLiftsItsBarrier) {
  const Agent old = Live("old");
  const std::string id = Start(Asks());
  ASSERT_TRUE(ComesToStand());
  ASSERT_THAT(operations_->Cancel(id, "ann", "not today"), IsOk());
  EXPECT_TRUE(ComesToBe(id, OperationState::kCancelled));
  EXPECT_EQ(Barrier(), "0");
  // And a retry sets it again.
  ASSERT_THAT(operations_->Retry(id, "ann", ""), IsOk());
  EXPECT_TRUE(ComesToStand());
}

TEST_F(ContractOperationTest, CancelLiftsItWhetherPausedSoakingOrInFlight) {
  const Agent old = Live("old");
  const std::string paused = Start(Asks());
  ASSERT_TRUE(ComesToStand());
  ASSERT_THAT(operations_->Pause(paused, true, "ann", ""), IsOk());
  ASSERT_THAT(operations_->Cancel(paused, "ann", ""), IsOk());
  EXPECT_TRUE(ComesToBe(paused, OperationState::kCancelled));
  EXPECT_EQ(Barrier(), "0");

  SayGoodbye(old);
  ContractRequest request = Asks();
  request.soak = absl::Hours(1);
  request.deadline = absl::Hours(2);
  const std::string soaking = Start(request);
  EXPECT_TRUE(Eventually([&] { return absl::StrContains(WaitsFor(soaking), "soaks for 1h"); }))
      << WaitsFor(soaking);
  ASSERT_THAT(operations_->Cancel(soaking, "ann", ""), IsOk());
  EXPECT_TRUE(ComesToBe(soaking, OperationState::kCancelled));
  EXPECT_EQ(Barrier(), "0");

  const std::string in_flight = Start(Asks());
  const LeaseOffer offer = Offer(migrator_);
  EXPECT_EQ(Barrier(), "2");
  ASSERT_THAT(operations_->Cancel(in_flight, "ann", ""), IsOk());
  EXPECT_TRUE(ComesToBe(in_flight, OperationState::kCancelled));
  EXPECT_EQ(Barrier(), "0");
  // The run was taken back before, so whoever is let in now keeps its shape.
  EXPECT_EQ(Live("next").link->reason(), "ready");
  const auto session = lockstep_.Session();
  EXPECT_FALSE(lockstep_.ApplyOnly(*session, offer.token, 2).ok());
}

TEST_F(ContractOperationTest, ItSoaksBeforeItRuns) {
  ContractRequest request = Asks();
  request.soak = absl::Hours(1);
  request.deadline = absl::Hours(2);
  const std::string id = Start(request);
  EXPECT_TRUE(Eventually([&] { return absl::StrContains(WaitsFor(id), "soaks for 1h"); }))
      << WaitsFor(id);
  EXPECT_FALSE(migrator_.link->TakeOffer().has_value());
  lockstep_.db().RunScript(
      "UPDATE lockstep.operation SET quiet_since = clock_timestamp() - interval '1 hour'");
  driver_->Wake();
  Apply(migrator_, Offer(migrator_));
  EXPECT_TRUE(ComesToBe(id, OperationState::kSucceeded));
}

TEST_F(ContractOperationTest, OneThatFailedKeepsItsBarrierAndIsTriedAgain) {
  const std::string id = Start(Asks());
  LeaseOffer offer = Offer(migrator_);
  EXPECT_THAT(
      operations_->CompleteRun(
          migrator_.declaration.session_id, offer.token, RunOutcome::kFailed, 0,
          RunError{
              .version = 2, .sqlstate = "55P03", .message = "lock timeout", .retryable = true}),
      IsOk());
  EXPECT_EQ(Barrier(), "2");
  offer = Offer(migrator_);
  EXPECT_THAT(operations_->CompleteRun(
                  migrator_.declaration.session_id, offer.token, RunOutcome::kFailed, 0,
                  RunError{.version = 2, .sqlstate = "42601", .message = "syntax error"}),
              IsOk());
  EXPECT_TRUE(ComesToBe(id, OperationState::kFailed));
  EXPECT_EQ(Barrier(), "0");
}

TEST_F(ContractOperationTest, WhatIsNoWaitingContractIsSaidSo) {
  for (const Version version : {1, 3, 99}) {
    ContractRequest request = Asks();
    request.version = version;
    EXPECT_THAT(operations_->StartContract(request, true),
                StatusIs(absl::StatusCode::kFailedPrecondition, "NOT_WAITING"))
        << version;
  }
  EXPECT_THAT(operations_->ListContracts(1),
              StatusIs(absl::StatusCode::kFailedPrecondition, "NOT_WAITING"));
}

TEST_F(ContractOperationTest, TheStateOfTheClusterTellsPinsThatHoldOneUpFirst) {
  const LeaderToken leader = elector_->leadership().value();
  for (const Version adapted_to : {4, 0}) {
    Declaration declared = lockstep_.Instance("", 1);
    declared.adapted_to = adapted_to;
    ASSERT_THAT(PinBuild(lockstep_.admin(), leader,
                         {.service = "service",
                          .build = absl::StrCat("for ", 9 - adapted_to),
                          .declared = declared,
                          .lasting = absl::Hours(1),
                          .by = {.actor = "ann", .reason = "the way back"}}),
                IsOk());
  }
  const auto state = ReadClusterState({.database = &pool_,
                                       .elector = elector_.get(),
                                       .fleet = fleet_.get(),
                                       .operations = operations_.get()});
  ASSERT_THAT(state, IsOk());
  EXPECT_EQ(state->pins_total, 2);
  ASSERT_EQ(state->pins.size(), 2);
  EXPECT_EQ(state->pins[0].declaration.build, "for 9");
  EXPECT_EQ(state->pins[0].holds_up, 2);
  EXPECT_EQ(state->pins[1].holds_up, 0);
  EXPECT_EQ(state->overrides_total, 0);
}

TEST_F(ContractOperationTest, ContractsAreListedWithWhoIsInTheirWay) {
  const Agent old = Live("old");
  const auto listed = operations_->ListContracts(0);
  ASSERT_THAT(listed, IsOk());
  ASSERT_EQ(listed->size(), 1);
  EXPECT_EQ(listed->front().facts.version, 2);
  EXPECT_EQ(listed->front().facts.concerned, 1);
  EXPECT_FALSE(listed->front().operation.has_value());
  const std::string id = Start(Asks());
  ASSERT_TRUE(ComesToStand());
  EXPECT_EQ(operations_->ListContracts(2)->front().operation->operation_id, id);
}

}  // namespace
}  // namespace lockstep::coordinator
