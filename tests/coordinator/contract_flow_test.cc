#include "coordinator/operation/contract_flow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/operation/decision.h"

namespace lockstep::coordinator {
namespace {

using Move = ContractStep::Move;
using Phase = ContractPhase;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ContractFlowTest : public ::testing::Test {
 protected:
  ContractFlowTest() {
    operation_ = {.operation_id = "op-1",
                  .kind = OperationKind::kContract,
                  .target = 13,
                  .when_drained = true,
                  .deadline = absl::FromUnixSeconds(1'900'000'000),
                  .deadline_left = absl::Hours(5)};
    facts_ = {.version = 13, .published = true, .is_contract = true};
    SetBarrier("op-1");
  }
  void SetBarrier(const std::string& operation) {
    facts_.barrier = BarrierRow{.version = 13, .owner = "ann", .operation = operation};
  }
  // As `lockstep contract 13` without more.
  void DoNotWait() {
    operation_.when_drained = false;
    operation_.deadline.reset();
    operation_.deadline_left.reset();
    facts_.barrier.reset();
  }
  void Concern(ConcernedGroup group) {
    facts_.concerned += group.counting();
    facts_.groups.push_back(std::move(group));
  }
  void AddClient(bool leftover) {
    facts_.clients.push_back({.leftover = leftover,
                              .role = "bi",
                              .application_name = "metabase",
                              .address = "10.2.0.7",
                              .connections = 4,
                              .locks = 1});
  }
  ContractStep Ask() { return NextContractStep(operation_, facts_, settling_, absl::Seconds(9)); }

  OperationRow operation_;
  ContractFacts facts_;
  std::string settling_;
};

TEST_F(ContractFlowTest, TheBarrierComesFirst) {
  facts_.barrier.reset();
  Concern({.service = "shop", .live = 1});
  const ContractStep step = Ask();
  EXPECT_EQ(step.move, Move::kSetBarrier);
  EXPECT_EQ(step.phase, Phase::kBarrier);
}

TEST_F(ContractFlowTest, AForeignBarrierIsWaitedForAndNamed) {
  SetBarrier("op-2");
  facts_.barrier->version = 11;
  const ContractStep step = Ask();
  EXPECT_EQ(step.move, Move::kWait);
  EXPECT_THAT(step.why, AllOf(HasSubstr("contract 11"), HasSubstr("ann")));
}

TEST_F(ContractFlowTest, ItDrainsAndNamesWhoHasLeftAndWhoIsStillThere) {
  Concern({.service = "core", .build = "8d02", .live = 2, .suspect = 1, .gone = 2});
  Concern({.service = "shop", .starting = 1, .draining = 1});
  const ContractStep step = Ask();
  EXPECT_EQ(step.move, Move::kWait);
  EXPECT_EQ(step.phase, Phase::kDraining);
  EXPECT_THAT(step.why, HasSubstr("2 of 7 instances have left"));
  EXPECT_THAT(step.why, HasSubstr("core (build 8d02) 1 suspect, 2 live"));
  EXPECT_THAT(step.why, HasSubstr("shop 1 starting, 1 draining"));
  EXPECT_THAT(step.why, HasSubstr("until 2030-03-17"));
  EXPECT_EQ(step.retry_in, absl::Hours(5));  // The deadline.
}

TEST_F(ContractFlowTest, OfManyBuildsTheFirstAreNamedAndTheOthersCounted) {
  for (const char* service : {"a", "b", "c", "d", "e"}) Concern({.service = service, .live = 1});
  EXPECT_THAT(Ask().why, AllOf(HasSubstr("5 instances"), HasSubstr("c 1 live"),
                               Not(HasSubstr("d 1 live")), HasSubstr("and 2 more")));
}

TEST_F(ContractFlowTest, WithoutAFittingGroupTheNumberIsSaid) {
  facts_.concerned = 2;
  EXPECT_THAT(Ask().why, HasSubstr("2 sessions"));
}

TEST_F(ContractFlowTest, ADrainedOneIsGranted) {
  const ContractStep step = Ask();
  EXPECT_EQ(step.move, Move::kGrant);
  EXPECT_EQ(step.phase, Phase::kReady);
}

TEST_F(ContractFlowTest, WhileANewLeaderSettlesItIsNot) {
  settling_ = "a new leader waits";
  const ContractStep step = Ask();
  EXPECT_EQ(step.move, Move::kWait);
  EXPECT_EQ(step.why, settling_);
  EXPECT_EQ(step.retry_in, absl::Seconds(9));
}

TEST_F(ContractFlowTest, AnUndeclaredClientHoldsItUpUnlessThatIsAccepted) {
  AddClient(/*leftover=*/false);
  ContractStep step = Ask();
  EXPECT_EQ(step.move, Move::kWait);
  EXPECT_EQ(step.phase, Phase::kEvidence);
  EXPECT_THAT(step.why, AllOf(HasSubstr("metabase"), HasSubstr("role bi"), HasSubstr("10.2.0.7"),
                              HasSubstr("4 connections, 1 holds a lock")));
  operation_.accept_unknown = "reads another table";
  EXPECT_EQ(Ask().move, Move::kGrant);
}

TEST_F(ContractFlowTest, WhatAnEndedInstanceLeftOverHoldsItUpWhateverIsAccepted) {
  operation_.accept_unknown = "whatever";
  AddClient(/*leftover=*/true);
  const ContractStep step = Ask();
  EXPECT_EQ(step.move, Move::kWait);
  EXPECT_EQ(step.phase, Phase::kEvidence);
}

TEST_F(ContractFlowTest, ItSoaksForAsLongAsWasAskedFor) {
  operation_.soak = absl::Minutes(10);
  EXPECT_EQ(Ask().move, Move::kNoteQuiet);
  operation_.quiet_for = absl::Minutes(4);
  ContractStep step = Ask();
  EXPECT_EQ(step.move, Move::kWait);
  EXPECT_EQ(step.phase, Phase::kSoaking);
  EXPECT_EQ(step.retry_in, absl::Minutes(6));
  operation_.quiet_for = absl::Minutes(10);
  EXPECT_EQ(Ask().move, Move::kGrant);
}

TEST_F(ContractFlowTest, WhoeverShowsUpWhileItSoaksBeginsItAnew) {
  operation_.soak = absl::Minutes(10);
  operation_.quiet_for = absl::Minutes(9);
  AddClient(/*leftover=*/false);
  const ContractStep step = Ask();
  EXPECT_EQ(step.move, Move::kNoteNoise);
  EXPECT_THAT(step.why, HasSubstr("metabase"));
  operation_.quiet_for.reset();
  EXPECT_EQ(Ask().move, Move::kWait);
}

TEST_F(ContractFlowTest, AtTheDeadlineItEndsAndSaysWhoWasStillThere) {
  operation_.deadline_left = absl::ZeroDuration();
  Concern({.service = "shop", .live = 1});
  for (const OperationState state : {OperationState::kRunning, OperationState::kPaused}) {
    operation_.state = state;
    const ContractStep step = Ask();
    EXPECT_EQ(step.move, Move::kEnd);
    EXPECT_EQ(step.state, OperationState::kFailed);
    ASSERT_TRUE(step.error.has_value());
    EXPECT_EQ(step.error->reason, "DEADLINE_PASSED");
    EXPECT_THAT(step.error->message, HasSubstr("shop 1 live"));
    EXPECT_THAT(step.error->hint, HasSubstr("operations retry op-1"));
  }
}

TEST_F(ContractFlowTest, APausedOneKeepsItsBarrierAndIsNotGranted) {
  operation_.state = OperationState::kPaused;
  const ContractStep step = Ask();
  EXPECT_EQ(step.move, Move::kWait);
  EXPECT_THAT(step.why, HasSubstr("operations resume op-1"));
  facts_.barrier.reset();
  EXPECT_EQ(Ask().move, Move::kWait);  // Nor is one set.
}

TEST_F(ContractFlowTest, ACancelledOneEndsAndOneThatRanHasSucceeded) {
  operation_.state = OperationState::kCancelling;
  EXPECT_EQ(Ask().move, Move::kEnd);
  EXPECT_EQ(Ask().state, OperationState::kCancelled);
  facts_.ran = true;
  EXPECT_EQ(Ask().state, OperationState::kSucceeded);
}

TEST_F(ContractFlowTest, OneWhoseTurnHasNotComeIsBlocked) {
  facts_.not_next = "version 12 has not run";
  const ContractStep step = Ask();
  EXPECT_EQ(step.move, Move::kEnd);
  EXPECT_EQ(step.error->reason, kReasonBlocked);
  EXPECT_THAT(step.error->message, HasSubstr("version 12 has not run"));
}

TEST_F(ContractFlowTest, OneThatDoesNotWaitNeedsNoBarrierAndFailsWhereAnotherWaits) {
  DoNotWait();
  EXPECT_EQ(Ask().move, Move::kGrant);
  AddClient(/*leftover=*/false);
  ContractStep step = Ask();
  EXPECT_EQ(step.move, Move::kEnd);
  EXPECT_EQ(step.error->reason, kReasonBlocked);
  EXPECT_THAT(step.error->hint, HasSubstr("--accept-unknown"));
  Concern({.service = "shop", .live = 1});
  step = Ask();
  EXPECT_EQ(step.error->reason, kReasonBlocked);
  EXPECT_THAT(step.error->message, HasSubstr("shop 1 live"));
  EXPECT_THAT(step.error->hint, HasSubstr("--when-drained"));
}

}  // namespace
}  // namespace lockstep::coordinator
