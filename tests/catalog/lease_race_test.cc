// Two and three sessions at once around a run lease: who waits for whom, and what is left.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "coordinator/store/leader_store.h"
#include "coordinator/store/run_store.h"
#include "engine/base/ids.h"
#include "tests/catalog/lockstep_database.h"
#include "tests/support/eventually.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using coordinator::CompleteRun;
using coordinator::RenewRun;
using coordinator::RevokeRun;
using postgres::Param;

MATCHER_P(Leads, expected, "") { return arg.ok() && arg->leads == expected; }

constexpr absl::Duration kLong = absl::Seconds(20);

class LeaseRaceTest : public ::testing::Test {
 protected:
  LeaseRaceTest() : agent_(lockstep_.Session()), other_(lockstep_.Connect()) {
    lockstep_.Publish({{}, {}, {}});
  }

  // Starts a revoke and waits until it stands behind the holder's open transaction.
  std::future<absl::StatusOr<bool>> RevokeBehindTheHolder(const LeaseToken& token) {
    auto revoke = Async(
        [this, token] { return RevokeRun(*other_, lockstep_.leader(), token, "test", kLong); });
    EXPECT_TRUE(ComesToWait(lockstep_.db(), other_->backend_pid()));
    return revoke;
  }
  std::string History() {
    return lockstep_.Scalar(
        "SELECT coalesce(string_agg(version || ':' || lease_epoch, ' ' "
        "ORDER BY version), '') FROM lockstep.history");
  }

  LockstepDatabase lockstep_;
  std::unique_ptr<ScriptSession> agent_;
  std::unique_ptr<postgres::Connection> other_;
};

TEST_F(LeaseRaceTest, OfTwoBackendsWithOneTokenTheSecondFindsTheVersionApplied) {
  const LeaseToken token = lockstep_.Grant(1, 2);
  const auto twin = lockstep_.Session();
  ASSERT_THAT(lockstep_.ApplyOnly(*agent_, token, 1), IsOk());
  auto second = Async([&] { return StateOf(Open(*twin, token, 1)); });
  ASSERT_TRUE(ComesToWait(lockstep_.db(), twin->announced_backend_pid()));
  ASSERT_THAT(agent_->Execute("COMMIT"), IsOk());
  EXPECT_EQ(second.get(), "LS004");
  EXPECT_EQ(History(), absl::StrCat("1:", token.epoch));
}

TEST_F(LeaseRaceTest, OfTwoBackendsWithOneTokenTheSecondGoesOnWhenTheFirstRollsBack) {
  const LeaseToken token = lockstep_.Grant(1, 1);
  const auto twin = lockstep_.Session();
  ASSERT_THAT(lockstep_.ApplyOnly(*agent_, token, 1), IsOk());
  auto second = Async([&] { return lockstep_.ApplyOnly(*twin, token, 1); });
  ASSERT_TRUE(ComesToWait(lockstep_.db(), twin->announced_backend_pid()));
  ASSERT_THAT(agent_->Execute("ROLLBACK"), IsOk());
  ASSERT_THAT(second.get(), IsOk());
  ASSERT_THAT(twin->Execute("COMMIT"), IsOk());
  EXPECT_EQ(History(), absl::StrCat("1:", token.epoch));
}

TEST_F(LeaseRaceTest, EightBackendsWithOneTokenApplyTheVersionOnce) {
  const LeaseToken token = lockstep_.Grant(1, 1);
  std::vector<std::future<bool>> tries;
  for (int i = 0; i < 8; ++i) {
    tries.push_back(Async([&] {
      const auto agent = lockstep_.Session();
      return lockstep_.ApplyOnly(*agent, token, 1).ok() && agent->Execute("COMMIT").ok();
    }));
  }
  int committed = 0;
  for (auto& each : tries) committed += each.get() ? 1 : 0;
  EXPECT_EQ(committed, 1);
  EXPECT_EQ(History(), absl::StrCat("1:", token.epoch));
}

TEST_F(LeaseRaceTest, ARevokeWaitsForTheHolderAndYieldsToItsCommit) {
  const LeaseToken token = lockstep_.Grant(1, 1);
  ASSERT_THAT(lockstep_.ApplyOnly(*agent_, token, 1), IsOk());
  auto revoke = RevokeBehindTheHolder(token);
  ASSERT_THAT(agent_->Execute("COMMIT"), IsOk());
  EXPECT_THAT(revoke.get(), IsOkAndHolds(false));
  EXPECT_EQ(lockstep_.Scalar("SELECT applied FROM lockstep.chain"), "1");
}

TEST_F(LeaseRaceTest, ARevokeInTheMiddleOfARunKeepsWhatIsCommitted) {
  const LeaseToken token = lockstep_.Grant(1, 3);
  ASSERT_THAT(lockstep_.ApplyOnly(*agent_, token, 1), IsOk());
  auto revoke = RevokeBehindTheHolder(token);
  ASSERT_THAT(agent_->Execute("COMMIT"), IsOk());
  EXPECT_THAT(revoke.get(), IsOkAndHolds(true));
  EXPECT_EQ(StateOf(Open(*agent_, token, 2)), "LS001");
  EXPECT_EQ(lockstep_.Scalar("SELECT concat_ws(' ', applied, coalesce(inflight, -1)) "
                             "FROM lockstep.chain"),
            "1 -1");
}

TEST_F(LeaseRaceTest, ARevokeAfterARollBackFencesTheOldTokenForEver) {
  const LeaseToken token = lockstep_.Grant(1, 1);
  ASSERT_THAT(lockstep_.ApplyOnly(*agent_, token, 1), IsOk());
  auto revoke = RevokeBehindTheHolder(token);
  ASSERT_THAT(agent_->Execute("ROLLBACK"), IsOk());
  EXPECT_THAT(revoke.get(), IsOkAndHolds(true));
  EXPECT_EQ(StateOf(Open(*agent_, token, 1)), "LS001");
  ASSERT_THAT(agent_->Execute("ROLLBACK"), IsOk());
  const LeaseToken next = lockstep_.Grant(1, 1);
  EXPECT_GT(next.epoch, token.epoch);
  EXPECT_NE(next.lease_id, token.lease_id);
  EXPECT_EQ(StateOf(Open(*agent_, token, 1)), "LS001");
  EXPECT_EQ(lockstep_.Scalar("SELECT outcome FROM lockstep.attempt WHERE lease_epoch = " +
                             absl::StrCat(token.epoch)),
            "revoked");
}

TEST_F(LeaseRaceTest, AnOpenThatQueuedBehindARevokeIsFenced) {
  const LeaseToken token = lockstep_.Grant(1, 1);
  ASSERT_THAT(Open(*agent_, token, 1), IsOk());
  auto revoke = RevokeBehindTheHolder(token);
  const auto twin = lockstep_.Session();
  auto late = Async([&] { return StateOf(Open(*twin, token, 1)); });
  ASSERT_TRUE(ComesToWait(lockstep_.db(), twin->announced_backend_pid()));
  ASSERT_THAT(agent_->Execute("ROLLBACK"), IsOk());
  EXPECT_THAT(revoke.get(), IsOkAndHolds(true));
  EXPECT_EQ(late.get(), "LS001");
}

TEST_F(LeaseRaceTest, ARevokeGivesUpAfterItsLockTimeoutAndChangesNothing) {
  const LeaseToken token = lockstep_.Grant(1, 1);
  ASSERT_THAT(lockstep_.ApplyOnly(*agent_, token, 1), IsOk());
  EXPECT_THAT(RevokeRun(*other_, lockstep_.leader(), token, "test", absl::Milliseconds(100)),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_EQ(lockstep_.Scalar("SELECT state FROM lockstep.lease"), "held");
  EXPECT_THAT(agent_->Execute("COMMIT"), IsOk());
}

TEST_F(LeaseRaceTest, ARevokeOfATokenThatIsNotCurrentChangesNothing) {
  const LeaseToken token = lockstep_.Grant(1, 1);
  EXPECT_THAT(RevokeRun(*other_, lockstep_.leader(), {token.epoch, base::NewUuid()}, "test", kLong),
              IsOkAndHolds(false));
  EXPECT_THAT(
      RevokeRun(*other_, lockstep_.leader(), {token.epoch - 1, token.lease_id}, "test", kLong),
      IsOkAndHolds(false));
  EXPECT_EQ(lockstep_.Scalar("SELECT state FROM lockstep.lease"), "held");
  EXPECT_EQ(lockstep_.Scalar("SELECT inflight FROM lockstep.chain"), "1");
}

TEST_F(LeaseRaceTest, RenewalsNeverWaitForTheHolder) {
  const LeaseToken token = lockstep_.Grant(1, 1);
  ASSERT_THAT(Open(*agent_, token, 1), IsOk());
  ASSERT_THAT(other_->RunScript("SET lock_timeout = '1ms'"), IsOk());
  EXPECT_THAT(RenewRun(*other_, lockstep_.leader(), token, kLong), IsOkAndHolds(true));
  EXPECT_THAT(coordinator::RenewLeadership(*other_, lockstep_.leader(), kLong), Leads(true));
  // Nor while a revoke stands behind the holder.
  const auto revoker = lockstep_.Connect();
  auto revoke =
      Async([&] { return RevokeRun(*revoker, lockstep_.leader(), token, "test", kLong); });
  ASSERT_TRUE(ComesToWait(lockstep_.db(), revoker->backend_pid()));
  EXPECT_THAT(RenewRun(*other_, lockstep_.leader(), token, kLong), IsOkAndHolds(true));
  EXPECT_THAT(coordinator::RenewLeadership(*other_, lockstep_.leader(), kLong), Leads(true));
  ASSERT_THAT(agent_->Execute("ROLLBACK"), IsOk());
  EXPECT_THAT(revoke.get(), IsOkAndHolds(true));
  EXPECT_THAT(RenewRun(*other_, lockstep_.leader(), token, kLong), IsOkAndHolds(false));
}

TEST_F(LeaseRaceTest, OneRunAtATime) {
  lockstep_.Grant(1, 1);
  EXPECT_THAT(lockstep_.TryGrant(1, 1), StatusIs(absl::StatusCode::kAborted, "BUSY"));
  EXPECT_THAT(lockstep_.TryGrant(2, 2), StatusIs(absl::StatusCode::kAborted, "BUSY"));
}

TEST_F(LeaseRaceTest, AGrantWantsTheLeaseEpochThatItsCallerSaw) {
  const int64_t epoch = lockstep_.lease_epoch();
  EXPECT_THAT(lockstep_.TryGrant(1, 1, epoch - 1), StatusIs(absl::StatusCode::kAborted, "BUSY"));
  EXPECT_THAT(lockstep_.TryGrant(1, 1, epoch + 1), StatusIs(absl::StatusCode::kAborted, "BUSY"));
  EXPECT_EQ(lockstep_.Scalar("SELECT inflight IS NULL FROM lockstep.chain"), "t");
  EXPECT_THAT(lockstep_.TryGrant(1, 1, epoch), IsOk());
}

TEST_F(LeaseRaceTest, AGrantCoversPublishedVersionsThatAreNextOnly) {
  const auto not_next = StatusIs(absl::StatusCode::kFailedPrecondition, "NOT_NEXT");
  EXPECT_THAT(lockstep_.TryGrant(2, 3), not_next);
  EXPECT_THAT(lockstep_.TryGrant(4, 4), not_next);
  EXPECT_THAT(lockstep_.TryGrant(0, 1), not_next);
  EXPECT_THAT(lockstep_.TryGrant(2, 1), not_next);
  EXPECT_THAT(lockstep_.TryGrant(1, 4), not_next);  // 4 is not published.
  EXPECT_EQ(lockstep_.Scalar("SELECT inflight IS NULL FROM lockstep.chain"), "t");
}

TEST_F(LeaseRaceTest, TheHolderGivesItsRunBack) {
  const LeaseToken token = lockstep_.Grant(1, 2);
  const coordinator::RunError error{.version = 1, .message = "boom"};
  EXPECT_THAT(CompleteRun(*other_, lockstep_.leader(), token, "failed", 0, error),
              IsOkAndHolds(true));
  EXPECT_EQ(lockstep_.Scalar("SELECT inflight IS NULL FROM lockstep.chain"), "t");
  EXPECT_EQ(lockstep_.Scalar("SELECT error ->> 'message' FROM lockstep.attempt"), "boom");
  // Said again, nothing more happens.
  const std::string revision = lockstep_.Scalar("SELECT revision FROM lockstep.chain");
  EXPECT_THAT(CompleteRun(*other_, lockstep_.leader(), token, "succeeded", 2, {}),
              IsOkAndHolds(false));
  EXPECT_EQ(lockstep_.Scalar("SELECT outcome FROM lockstep.attempt"), "failed");
  EXPECT_EQ(lockstep_.Scalar("SELECT revision FROM lockstep.chain"), revision);
  EXPECT_EQ(StateOf(Open(*agent_, token, 1)), "LS001");
}

TEST_F(LeaseRaceTest, AReportUnderAStaleTokenNeitherChangesAnythingNorWaits) {
  const LeaseToken old = lockstep_.Grant(1, 1);
  ASSERT_THAT(RevokeRun(*other_, lockstep_.leader(), old, "test", kLong), IsOkAndHolds(true));
  const LeaseToken present = lockstep_.Grant(1, 1);
  ASSERT_THAT(Open(*agent_, present, 1), IsOk());
  const std::string revision = lockstep_.Scalar("SELECT revision FROM lockstep.chain");
  ASSERT_THAT(other_->RunScript("SET lock_timeout = '1ms'"), IsOk());
  const coordinator::RunError error{.version = 1, .message = "late"};
  EXPECT_THAT(CompleteRun(*other_, lockstep_.leader(), old, "failed", 0, error),
              IsOkAndHolds(false));
  EXPECT_EQ(lockstep_.Scalar("SELECT state FROM lockstep.lease"), "held");
  EXPECT_EQ(lockstep_.Scalar("SELECT revision FROM lockstep.chain"), revision);
  ASSERT_THAT(lockstep_.Close(*agent_, present, 1), IsOk());
  EXPECT_THAT(agent_->Execute("COMMIT"), IsOk());
}

// The epoch is no secret, the lease id is.
TEST_F(LeaseRaceTest, AReportWithTheRightEpochAndAnotherIdChangesNothing) {
  const LeaseToken token = lockstep_.Grant(1, 1);
  const std::string revision = lockstep_.Scalar("SELECT revision FROM lockstep.chain");
  const coordinator::RunError error{.version = 1, .message = "forged"};
  EXPECT_THAT(
      CompleteRun(*other_, lockstep_.leader(), {token.epoch, base::NewUuid()}, "failed", 0, error),
      IsOkAndHolds(false));
  EXPECT_EQ(lockstep_.Scalar("SELECT ended_at IS NULL FROM lockstep.attempt"), "t");
  EXPECT_EQ(lockstep_.Scalar("SELECT revision FROM lockstep.chain"), revision);
}

TEST_F(LeaseRaceTest, AnUnacknowledgedCommitIsNeverTakenForNotApplied) {
  lockstep_.Publish(std::vector<Spec>(97));
  const LeaseToken token = lockstep_.Grant(1, 100);
  for (Version version = 1; version <= 100; ++version) {
    ASSERT_THAT(lockstep_.ApplyOnly(*agent_, token, version), IsOk());
    const auto xid = agent_->Execute("SELECT pg_current_xact_id()::text");
    ASSERT_THAT(xid, IsOk());
    auto committing = Async([&] { return agent_->Execute("COMMIT").ok(); });
    std::string outcome;
    do {
      outcome = lockstep_.db().Scalar(
          "SELECT lockstep.outcome($1, $2, $3, $4::xid8)",
          {Param(token.epoch), Param(token.lease_id), Param(version), Param(xid->only().Text(0))});
    } while (outcome == "in_progress");
    ASSERT_EQ(outcome, "committed") << "version " << version;
    ASSERT_TRUE(committing.get());
  }
}

TEST_F(LeaseRaceTest, ATransactionThatRolledBackIsNotApplied) {
  const LeaseToken token = lockstep_.Grant(1, 1);
  ASSERT_THAT(lockstep_.ApplyOnly(*agent_, token, 1), IsOk());
  const auto xid = agent_->Execute("SELECT pg_current_xact_id()::text");
  ASSERT_THAT(xid, IsOk());
  const auto outcome = [&] {
    return lockstep_.db().Scalar(
        "SELECT lockstep.outcome($1, $2, 1, $3::xid8)",
        {Param(token.epoch), Param(token.lease_id), Param(xid->only().Text(0))});
  };
  EXPECT_EQ(outcome(), "in_progress");
  ASSERT_THAT(agent_->Execute("ROLLBACK"), IsOk());
  EXPECT_EQ(outcome(), "not_applied");
}

}  // namespace
}  // namespace lockstep::testing
