// Runs that nobody lives to report: how often in a row they may be lost, and what begins the count
// anew.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "coordinator/operation/losses.h"
#include "tests/coordinator/coordinator_test.h"

namespace lockstep::coordinator {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class HoldersLostTest : public CoordinatorTest {
 protected:
  HoldersLostTest() : CoordinatorTest({{}, {}, {}}) {}

  // The next agent takes the run and, when it was told to, commits its first version.
  LeaseOffer Take(const Agent& agent, bool commits = false) {
    LeaseOffer offer = Offer(agent);
    lessor_->Accept(agent.declaration.session_id, offer.token);
    if (!commits) return offer;
    const auto session = lockstep_.Session();
    EXPECT_THAT(lockstep_.ApplyOnly(*session, offer.token, offer.first), IsOk());
    EXPECT_THAT(session->Execute("COMMIT"), IsOk());
    return offer;
  }
  // Its stream breaks, and it does not come back.
  void Die(const Agent& agent, const LeaseOffer& offer) {
    fleet_->Disconnect(agent.declaration.session_id, agent.link.get(), false);
    lessor_->StreamLost(agent.declaration.session_id);
    AwaitRevoked(offer);
  }
  void AwaitRevoked(const LeaseOffer& offer) {
    driver_->Wake();
    EXPECT_TRUE(Eventually([&] {
      return lockstep_.Scalar(absl::StrCat("SELECT coalesce(outcome, '') FROM lockstep.attempt "
                                           "WHERE lease_epoch = ",
                                           offer.token.epoch)) == "revoked";
    }));
  }
  void Lose(int count, bool commits = false) {
    for (int i = 0; i < count; ++i) {
      const Agent agent = NewAgent();
      Die(agent, Take(agent, commits));
    }
  }
  Agent NewAgent() { return Connect(absl::StrCat("pod-", ++agents_), 0, true); }
  HolderLosses Losses(const std::string& operation) {
    const auto view = operations_->Get(operation);
    EXPECT_THAT(view, IsOk());
    return view.ok() ? view->row.losses : HolderLosses{};
  }

  int agents_ = 0;
};

TEST_F(HoldersLostTest, TooManyInARowEndTheOperationUntilAPersonSaysGoOn) {
  const std::string operation = Upgrade();
  EXPECT_THAT(Losses(operation).holders, IsEmpty());
  Lose(kMaxHoldersLost);
  ASSERT_TRUE(ComesToBe(operation, OperationState::kFailed));
  const OperationRow row = operations_->Get(operation)->row;
  ASSERT_TRUE(row.error.has_value());
  EXPECT_EQ(row.error->reason, "HOLDERS_LOST");
  EXPECT_EQ(row.error->version, 1);
  EXPECT_THAT(row.error->message, HasSubstr("@pod-1, "));
  EXPECT_THAT(row.error->message, HasSubstr(absl::StrCat("@pod-", kMaxHoldersLost, "; nothing")));
  EXPECT_EQ(lockstep_.Scalar("SELECT state FROM lockstep.lease"), "idle");
  const Agent agent = NewAgent();
  ASSERT_THAT(operations_->Retry(operation, "ann", "more memory"), IsOk());
  Apply(agent, Offer(agent));
  EXPECT_TRUE(ComesToBe(operation, OperationState::kSucceeded));
}

TEST_F(HoldersLostTest, WhatWasCommittedMeanwhileBeginsTheCountAnew) {
  const std::string operation = Upgrade();
  Lose(kMaxHoldersLost - 1);
  Lose(1, /*commits=*/true);
  EXPECT_EQ(Losses(operation).version, 2);
  EXPECT_THAT(Losses(operation).holders, SizeIs(1));
  Lose(kMaxHoldersLost - 1);
  ASSERT_TRUE(ComesToBe(operation, OperationState::kFailed));
  EXPECT_EQ(operations_->Get(operation)->row.error->version, 2);
}

TEST_F(HoldersLostTest, AnAgentThatLivesToReportAFailureBeginsItAnew) {
  const std::string operation = Upgrade();
  Lose(kMaxHoldersLost - 1);
  const Agent agent = NewAgent();
  const LeaseOffer offer = Take(agent);
  EXPECT_THAT(operations_->CompleteRun(
                  agent.declaration.session_id, offer.token, RunOutcome::kFailed, 0,
                  RunError{.version = 1, .message = "lock timeout", .retryable = true}),
              IsOk());
  EXPECT_THAT(Losses(operation).holders, IsEmpty());
  Die(agent, Take(agent));
  EXPECT_THAT(Losses(operation).holders, SizeIs(1));
}

// Nobody worked on an offer that was not taken, and a goodbye is no death.
TEST_F(HoldersLostTest, WhoeverDidNotTakeTheRunOrSaidGoodbyeIsNotCounted) {
  const std::string operation = Upgrade();
  Lose(1);
  const Agent idle = NewAgent();
  Die(idle, Offer(idle));
  const Agent leaving = NewAgent();
  const LeaseOffer offer = Take(leaving);
  fleet_->Disconnect(leaving.declaration.session_id, leaving.link.get(), true);
  lessor_->Left(leaving.declaration.session_id);
  AwaitRevoked(offer);
  EXPECT_THAT(Losses(operation).holders, SizeIs(1)) << "neither more, nor begun anew";
}

TEST_F(HoldersLostTest, APauseIsNoLoss) {
  const std::string operation = Upgrade();
  const Agent agent = NewAgent();
  const LeaseOffer offer = Take(agent);
  ASSERT_THAT(operations_->Pause(operation, true, "ann", ""), IsOk());
  AwaitRevoked(offer);
  EXPECT_THAT(Losses(operation).holders, IsEmpty());
}

}  // namespace
}  // namespace lockstep::coordinator
