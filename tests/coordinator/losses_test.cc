#include "coordinator/operation/losses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/operation/decision.h"

namespace lockstep::coordinator {
namespace {

using Kind = Decision::Kind;
using ::testing::HasSubstr;

std::vector<std::string> Lost(int count) {
  std::vector<std::string> holders;
  for (int i = 0; i < count; ++i) holders.push_back(i % 2 == 0 ? "shop@pod-1" : "shop@pod-2");
  return holders;
}

OperationRow Losing(Version version, int count) {
  return {.operation_id = "op-7", .target = 2, .losses = {version, Lost(count)}};
}

TEST(LossesTest, OneLessThanTheLimitGoesOn) {
  EXPECT_FALSE(GivenUp(Losing(1, 0), 1).has_value());
  EXPECT_FALSE(GivenUp(Losing(1, kMaxHoldersLost - 1), 1).has_value());
  EXPECT_TRUE(GivenUp(Losing(1, kMaxHoldersLost), 1).has_value());
  EXPECT_TRUE(GivenUp(Losing(1, kMaxHoldersLost + 1), 1).has_value());
}

TEST(LossesTest, AnotherVersionIsNotToBlame) {
  EXPECT_FALSE(GivenUp(Losing(1, kMaxHoldersLost), 2).has_value());
}

TEST(LossesTest, TheErrorSaysHowManyWhoWhatIsAppliedAndWhatToDo) {
  const auto error = GivenUp(Losing(1, 5), 1);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->reason, "HOLDERS_LOST");
  EXPECT_EQ(error->version, 1);
  EXPECT_EQ(error->message,
            "version 1 was taken back 5 times in a row because the agent that ran it died or went "
            "silent: shop@pod-1 3 times, shop@pod-2 2 times; nothing of it is applied");
  EXPECT_THAT(error->hint, HasSubstr("logs"));
  EXPECT_THAT(error->hint, HasSubstr("`lockstep operations retry op-7`"));
}

TEST(LossesTest, OfOneOutsideATransactionItSaysWhatStays) {
  OperationRow operation = Losing(1, 5);
  operation.losses.transactional = false;
  EXPECT_THAT(GivenUp(operation, 1)->message, HasSubstr("no step of it is done"));
  operation.losses.steps_done = 1;
  EXPECT_THAT(GivenUp(operation, 1)->message, HasSubstr("1 step of it is done and stays"));
  operation.losses.steps_done = 2;
  EXPECT_THAT(GivenUp(operation, 1)->message, HasSubstr("2 steps of it are done and stay"));
}

class GivingUpTest : public ::testing::Test {
 protected:
  GivingUpTest() {
    view_.chain = {.head = 2, .never_served = false};
    view_.pending = {{.version = 1, .phase = sql::Phase::kExpand},
                     {.version = 2, .phase = sql::Phase::kExpand}};
    Member agent;
    agent.declaration.can_migrate = true;
    agent.connected = true;
    members_.push_back(agent);
  }
  Decision Ask() { return Decide(view_, members_, false, absl::Hours(1)); }

  DriverView view_;
  std::vector<Member> members_;
};

TEST_F(GivingUpTest, AnUpgradeThatLostTooManyEndsInsteadOfTakingTheNextOne) {
  view_.operation = Losing(1, kMaxHoldersLost - 1);
  EXPECT_EQ(Ask().kind, Kind::kGrant);
  view_.operation = Losing(1, kMaxHoldersLost);
  const Decision decision = Ask();
  EXPECT_EQ(decision.kind, Kind::kEnd);
  EXPECT_EQ(decision.operation, "op-7");
  EXPECT_EQ(decision.state, OperationState::kFailed);
  ASSERT_TRUE(decision.error.has_value());
  EXPECT_EQ(decision.error->reason, "HOLDERS_LOST");
}

TEST_F(GivingUpTest, AHeldUpOperationIsNotEndedForIt) {
  view_.operation = Losing(1, kMaxHoldersLost);
  view_.operation->state = OperationState::kPaused;
  EXPECT_EQ(Ask().kind, Kind::kWait);
  view_.operation->state = OperationState::kCancelling;
  EXPECT_EQ(Ask().state, OperationState::kCancelled);
}

TEST_F(GivingUpTest, AContractIsGivenUpByItself) {
  view_.chain.applied = 2;
  view_.pending = {{.version = 3, .phase = sql::Phase::kContract, .operation = "op-7"}};
  view_.contract = ContractView{.operation = Losing(3, kMaxHoldersLost),
                                .facts = {.version = 3, .published = true, .is_contract = true}};
  view_.contract->operation.kind = OperationKind::kContract;
  const Decision decision = Ask();
  EXPECT_EQ(decision.kind, Kind::kEnd);
  EXPECT_EQ(decision.operation, "op-7");
  EXPECT_EQ(decision.error->reason, "HOLDERS_LOST");
}

// A contract that was begun outside a transaction stays in flight, whoever asks for it next.
TEST_F(GivingUpTest, AHalfDoneRunIsGivenUpToo) {
  view_.operation = Losing(1, kMaxHoldersLost);
  view_.lease = {
      .revoking = true, .transactional = false, .operation = "op-7", .first = 1, .last = 1};
  view_.half_done = true;
  EXPECT_EQ(Ask().kind, Kind::kEnd);
}

TEST_F(GivingUpTest, OnlyARevokeOfAnOverdueLeaseSaysSo) {
  view_.operation = Losing(1, 0);
  view_.lease = {.held = true, .operation = "op-7", .first = 1, .last = 2};
  EXPECT_TRUE(Decide(view_, members_, true, absl::Hours(1)).overdue);
  view_.operation->state = OperationState::kCancelling;
  EXPECT_FALSE(Decide(view_, members_, true, absl::Hours(1)).overdue);
}

}  // namespace
}  // namespace lockstep::coordinator
