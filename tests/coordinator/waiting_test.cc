#include "coordinator/fleet/waiting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lockstep::coordinator {
namespace {

using ::testing::HasSubstr;

Verdict Waiting(const std::string& reason) {
  return {.state = GateState::kWait, .reason = reason, .hint = "lockstep upgrade", .needs = 5};
}
GateView Upgrading(Version applied, Version target = 5) {
  return {.chain = {.applied = applied, .head = 9, .revision = 77},
          .operation = OperationRow{.operation_id = "op", .target = target}};
}

TEST(VerdictWhileBehindTest, FollowsARunningUpgrade) {
  for (const char* reason : {"behind", "applying", "failed"}) {
    const auto verdict = VerdictWhileBehind(Waiting(reason), Upgrading(3));
    ASSERT_TRUE(verdict.has_value()) << reason;
    EXPECT_EQ(verdict->state, GateState::kWait);
    EXPECT_EQ(verdict->reason, "applying");
    EXPECT_EQ(verdict->applied, 3);
    EXPECT_EQ(verdict->head, 9);
    EXPECT_EQ(verdict->revision, 77);
    EXPECT_EQ(verdict->hint, "");
    EXPECT_THAT(verdict->detail, HasSubstr("op is running"));
  }
}

TEST(VerdictWhileBehindTest, SaysWhatRunsOrWhyNothingDoes) {
  GateView view = Upgrading(3);
  view.waiting_for = "no agent";
  EXPECT_THAT(VerdictWhileBehind(Waiting("behind"), view)->detail, HasSubstr("waits: no agent"));
  view.running = RunningMigration{.version = 4, .holder = "a@b"};
  EXPECT_EQ(VerdictWhileBehind(Waiting("behind"), view)->detail,
            "needs 5, applied is 3, op runs version 4, by a@b");
  view.running = RunningMigration{
      .version = 4, .title = "users", .holder = "a@b", .statement = 2, .statements = 7};
  const auto verdict = VerdictWhileBehind(Waiting("behind"), view);
  EXPECT_EQ(verdict->detail,
            "needs 5, applied is 3, op runs version 4 (users), statement 2 of 7, by a@b");
  EXPECT_EQ(verdict->facts, (VerdictFacts{.operation = "op",
                                          .version = 4,
                                          .title = "users",
                                          .holder = "a@b",
                                          .statement = 2,
                                          .statements = 7}));
  view.running->lock = "public.users";
  EXPECT_THAT(VerdictWhileBehind(Waiting("behind"), view)->detail,
              HasSubstr("by a@b, waits for a lock: public.users"));
}

TEST(VerdictWhileBehindTest, LeavesTheRestToTheDatabase) {
  EXPECT_FALSE(VerdictWhileBehind(Waiting("behind"), Upgrading(5)).has_value());
  EXPECT_FALSE(VerdictWhileBehind(Waiting("behind"), Upgrading(3, 4)).has_value());
  EXPECT_FALSE(VerdictWhileBehind(Waiting("not_published"), Upgrading(3)).has_value());
  GateView idle = Upgrading(3);
  idle.operation.reset();
  EXPECT_FALSE(VerdictWhileBehind(Waiting("behind"), idle).has_value());
  GateView cancelling = Upgrading(3);
  cancelling.operation->state = OperationState::kCancelling;
  EXPECT_FALSE(VerdictWhileBehind(Waiting("behind"), cancelling).has_value());
  Verdict refused = Waiting("behind");
  refused.state = GateState::kRefused;
  EXPECT_FALSE(VerdictWhileBehind(refused, Upgrading(3)).has_value());
}

}  // namespace
}  // namespace lockstep::coordinator
