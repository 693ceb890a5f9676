#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/coordinator/decision_fixture.h"

namespace lockstep::coordinator {
namespace {

using Kind = Decision::Kind;
using ::testing::HasSubstr;

// A contract that waits for the fleet, beside an upgrade.
class LaneTest : public DecisionTest {
 protected:
  LaneTest() {
    view_.pending.push_back({.version = 3, .phase = sql::Phase::kContract, .operation = "op-c"});
    view_.chain.head = 3;
    view_.operation->target = 3;
    view_.contract = ContractView{
        .operation = {.operation_id = "op-c",
                      .kind = OperationKind::kContract,
                      .target = 3,
                      .when_drained = true,
                      .deadline_left = absl::Hours(1)},
        .facts = {.version = 3, .published = true, .is_contract = true, .concerned = 1}};
    view_.contract->operation.deadline = absl::UnixEpoch();
    view_.contract->facts.barrier = BarrierRow{.version = 3, .operation = "op-c"};
  }
  void Drain() { view_.contract->facts.concerned = 0; }
};

TEST_F(LaneTest, WhileTheContractDrainsTheUpgradeRuns) {
  AddAgent("a");
  const Decision decision = Ask();
  EXPECT_EQ(decision.kind, Kind::kGrant);
  EXPECT_EQ(decision.operation, "op");
  EXPECT_EQ(decision.run, (coordinator::Run{1, 2}));
}

TEST_F(LaneTest, TheUpgradeLeavesTheContractToItsOperationAndEnds) {
  AddAgent("a");
  Drain();
  view_.operation->contracts = true;
  view_.chain.applied = 2;
  view_.pending.erase(view_.pending.begin(), view_.pending.begin() + 2);
  Decision decision = Ask();
  EXPECT_EQ(decision.kind, Kind::kEnd);
  EXPECT_EQ(decision.operation, "op");
  EXPECT_EQ(decision.state, OperationState::kSucceeded);
  view_.operation.reset();
  decision = Ask();
  EXPECT_EQ(decision.kind, Kind::kGrant);
  EXPECT_EQ(decision.operation, "op-c");
  EXPECT_EQ(decision.run, (coordinator::Run{3, 3}));
}

TEST_F(LaneTest, WhenBothAreReadyTheUpgradeGoesFirst) {
  AddAgent("a");
  Drain();
  EXPECT_EQ(Ask().operation, "op");
  // While it waits for its next try, the contract need not.
  view_.operation->delay = absl::Minutes(1);
  EXPECT_EQ(Ask().operation, "op-c");
}

TEST_F(LaneTest, BothSayWhatTheyWaitFor) {
  view_.contract->facts.groups = {{.service = "shop", .live = 1}};
  const Decision decision = Ask();
  EXPECT_EQ(decision.kind, Kind::kWait);
  EXPECT_THAT(decision.why, HasSubstr("--migrate-database"));
  EXPECT_THAT(decision.contract_why, HasSubstr("shop 1 live"));
}

TEST_F(LaneTest, WhileARunOfTheUpgradeIsInFlightTheContractSetsItsBarrierAndMeetsItsDeadline) {
  AddAgent("a");
  Hold("op");
  EXPECT_EQ(Ask().kind, Kind::kWait);
  view_.contract->facts.barrier.reset();
  EXPECT_EQ(Ask().kind, Kind::kSetBarrier);
  EXPECT_EQ(Ask().operation, "op-c");
  view_.contract->operation.deadline_left = -absl::Seconds(1);
  EXPECT_EQ(Ask().kind, Kind::kEnd);
  EXPECT_EQ(Ask().operation, "op-c");
}

TEST_F(LaneTest, AContractThatIsReadyWaitsForTheRunInFlight) {
  AddAgent("a");
  Drain();
  Hold("op");
  const Decision decision = Ask();
  EXPECT_EQ(decision.kind, Kind::kWait);
  EXPECT_EQ(decision.contract_why, "another run is in flight");
}

TEST_F(LaneTest, TheRunOfTheContractIsNotTakenForOneOfAnOperationThatEnded) {
  AddAgent("a");
  Hold("op-c");
  view_.contract->operation.deadline_left = -absl::Seconds(1);  // Not while its run is in flight.
  EXPECT_EQ(Ask().kind, Kind::kWait);
  view_.operation->state = OperationState::kCancelling;
  EXPECT_EQ(Ask().kind, Kind::kEnd);
  EXPECT_EQ(Ask().operation, "op");
  view_.operation.reset();
  view_.contract->operation.state = OperationState::kCancelling;
  EXPECT_EQ(Ask().kind, Kind::kRevoke);
}

TEST_F(LaneTest, AContractThatFailedWaitsForItsNextTry) {
  AddAgent("a");
  Drain();
  view_.operation.reset();
  view_.contract->operation.delay = absl::Seconds(5);
  const Decision decision = Ask();
  EXPECT_EQ(decision.kind, Kind::kWait);
  EXPECT_EQ(decision.retry_in, absl::Seconds(5));
}

TEST_F(LaneTest, AHalfDoneContractIsCarriedOnByItsOwnOperation) {
  AddAgent("a");
  view_.lease = {
      .token = {.epoch = 2}, .revoking = true, .operation = "op-old", .first = 3, .last = 3};
  view_.half_done = true;
  EXPECT_EQ(Ask().operation, "op-c");
  view_.contract->facts.version = 4;  // Of another contract: then by the upgrade, as ever.
  EXPECT_EQ(Ask().operation, "op");
  view_.lease.operation = "op-c";
  EXPECT_EQ(Ask().operation, "op-c");
}

}  // namespace
}  // namespace lockstep::coordinator
