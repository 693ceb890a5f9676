#include "coordinator/lease/lessor.h"

#include <gtest/gtest.h>

#include "coordinator/store/attempt_store.h"
#include "engine/base/ids.h"
#include "tests/coordinator/core_fixture.h"
#include "tests/support/matchers.h"
#include "tests/support/sim_clock.h"

namespace lockstep::coordinator {
namespace {

using testing::Async;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::LockstepDatabase;
using testing::StatusIs;

// While it lives commits of this server wait for a replica that is not there, but for those of a
// session that asks for less.
class NoReplica {
 public:
  explicit NoReplica(LockstepDatabase& lockstep) : lockstep_(lockstep) { Set("nobody"); }
  ~NoReplica() { Set(""); }

 private:
  void Set(const std::string& name) {
    lockstep_.db().Query("ALTER SYSTEM SET synchronous_standby_names = '" + name + "'");
    lockstep_.db().Query("SELECT pg_reload_conf()");
    EXPECT_TRUE(testing::Eventually([&] {
      return lockstep_.Connect()->Query("SHOW synchronous_standby_names")->only().Text(0) == name;
    }));
  }
  LockstepDatabase& lockstep_;
};

class LessorTest : public ::testing::Test {
 protected:
  LessorTest() : pool_(testing::PoolOn(lockstep_.db())) {
    lockstep_.Publish({{}, {}});
    session_ = base::NewUuid();
  }

  absl::StatusOr<LeaseToken> Grant(Version first, Version last) {
    return lessor_.Grant(
        lockstep_.leader(), lockstep_.lease_epoch(),
        {.first = first, .last = last, .session = session_, .holder = "a@b", .operation = "op"});
  }

  LockstepDatabase lockstep_;
  testing::SimClock clock_;
  Durations durations_;
  Database pool_;
  Lessor lessor_{{.database = &pool_, .clock = &clock_, .durations = durations_}};
  std::string session_;
};

TEST_F(LessorTest, RemembersWhatItGranted) {
  const auto token = Grant(1, 2);
  ASSERT_THAT(token, IsOk());
  const auto held = lessor_.held();
  ASSERT_TRUE(held.has_value());
  EXPECT_EQ(held->lease.token, *token);
  EXPECT_EQ(held->lease.session, session_);
  EXPECT_EQ(held->holder, "a@b");
  EXPECT_EQ(lessor_.UntilOverdue(), durations_.lease_ttl);
}

TEST_F(LessorTest, AFailedGrantIsNotRemembered) {
  EXPECT_THAT(Grant(2, 2), StatusIs(absl::StatusCode::kFailedPrecondition, "NOT_NEXT"));
  EXPECT_FALSE(lessor_.held().has_value());
  EXPECT_EQ(lessor_.UntilOverdue(), absl::InfiniteDuration());
  EXPECT_FALSE(lessor_.Overdue());
}

TEST_F(LessorTest, ASilentHolderIsOverdueAfterTheTtl) {
  ASSERT_THAT(Grant(1, 1), IsOk());
  clock_.Advance(durations_.lease_ttl - absl::Milliseconds(1));
  EXPECT_FALSE(lessor_.Overdue());
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_TRUE(lessor_.Overdue());
}

TEST_F(LessorTest, SettingTheWallClockMakesNobodyOverdue) {
  ASSERT_THAT(Grant(1, 1), IsOk());
  clock_.StepWallClock(absl::Hours(24));
  EXPECT_FALSE(lessor_.Overdue());
}

TEST_F(LessorTest, HeartbeatsOfTheHolderExtendTheLease) {
  const auto token = Grant(1, 1);
  lessor_.Accept(session_, *token);
  clock_.Advance(absl::Seconds(20));
  lessor_.Heartbeat(base::NewUuid());  // Somebody else's.
  EXPECT_EQ(lessor_.UntilOverdue(), durations_.lease_ttl - absl::Seconds(20));
  lessor_.Heartbeat(session_);
  EXPECT_EQ(lessor_.UntilOverdue(), durations_.lease_ttl);
}

// The offer was lost, or declined: the agent is well, and nobody works on the run.
TEST_F(LessorTest, HeartbeatsOfAnAgentThatDidNotTakeTheRunExtendNothing) {
  const auto token = Grant(1, 1);
  clock_.Advance(absl::Seconds(20));
  lessor_.Heartbeat(session_);
  EXPECT_EQ(lessor_.UntilOverdue(), durations_.lease_ttl - absl::Seconds(20));
  lessor_.Accept(session_, {token->epoch, base::NewUuid()});
  lessor_.Heartbeat(session_);
  EXPECT_EQ(lessor_.UntilOverdue(), durations_.lease_ttl - absl::Seconds(20));
  lessor_.Accept(session_, *token);
  lessor_.Decline(session_, *token);
  lessor_.Heartbeat(session_);
  EXPECT_TRUE(lessor_.Overdue());
}

TEST_F(LessorTest, AnAgentThatIsOfferedTheRunAgainHasATtlToTakeIt) {
  const auto token = Grant(1, 1);
  lessor_.StreamLost(session_);
  lessor_.OfferedAgain(session_);
  EXPECT_EQ(lessor_.UntilOverdue(), durations_.lease_ttl);
  clock_.Advance(durations_.lease_ttl);
  lessor_.Heartbeat(session_);
  EXPECT_TRUE(lessor_.Overdue());
  EXPECT_TRUE(lessor_.StreamBack(session_, *token));
  EXPECT_FALSE(lessor_.Overdue());
}

TEST_F(LessorTest, ALostStreamShortensTheLeaseAndNeverExtendsIt) {
  const auto token = Grant(1, 1);
  lessor_.StreamLost(session_);
  EXPECT_EQ(lessor_.UntilOverdue(), durations_.lease_reconnect);
  clock_.Advance(absl::Seconds(2));
  lessor_.StreamLost(session_);
  EXPECT_EQ(lessor_.UntilOverdue(), durations_.lease_reconnect - absl::Seconds(2));
  EXPECT_TRUE(lessor_.StreamBack(session_, *token));
  EXPECT_EQ(lessor_.UntilOverdue(), durations_.lease_ttl);
}

TEST_F(LessorTest, AHolderThatComesBackWithAnotherTokenMustLetGo) {
  const auto token = Grant(1, 1);
  EXPECT_FALSE(lessor_.StreamBack(session_, {token->epoch, base::NewUuid()}));
  EXPECT_FALSE(lessor_.StreamBack(base::NewUuid(), *token));
}

TEST_F(LessorTest, ADeclinedOfferIsOverdueAtOnce) {
  const auto token = Grant(1, 1);
  lessor_.Decline(session_, {token->epoch - 1, token->lease_id});
  EXPECT_FALSE(lessor_.Overdue());
  lessor_.Decline(session_, *token);
  EXPECT_TRUE(lessor_.Overdue());
}

TEST_F(LessorTest, ProgressCountsUnderTheRightTokenOnly) {
  const auto token = Grant(1, 2);
  EXPECT_TRUE(lessor_.Progress(*token, {.version = 2, .statement = 3, .statements = 4}));
  EXPECT_FALSE(lessor_.Progress({token->epoch, base::NewUuid()}, {.version = 9}));
  EXPECT_EQ(lessor_.held()->progress.version, 2);
}

TEST_F(LessorTest, AnAdoptedLeaseGetsAFullTtlOnce) {
  ASSERT_THAT(Grant(1, 1), IsOk());
  auto connection = pool_.Take();
  const auto row = ReadLease(**connection);
  ASSERT_THAT(row, IsOk());
  Lessor successor({.database = &pool_, .clock = &clock_, .durations = durations_});
  clock_.Advance(absl::Hours(1));
  successor.Adopt(*row, "a@b");
  EXPECT_EQ(successor.UntilOverdue(), durations_.lease_ttl);
  clock_.Advance(absl::Seconds(10));
  successor.Adopt(*row, "a@b");  // Known already: no fresh TTL.
  EXPECT_EQ(successor.UntilOverdue(), durations_.lease_ttl - absl::Seconds(10));
}

TEST_F(LessorTest, ForgetsWhatEndedButNothingNewer) {
  const auto token = Grant(1, 1);
  lessor_.Forget(token->epoch - 1);
  EXPECT_TRUE(lessor_.held().has_value());
  lessor_.Forget(token->epoch);
  EXPECT_FALSE(lessor_.held().has_value());
}

TEST_F(LessorTest, RevokingNothingIsFine) {
  EXPECT_THAT(lessor_.Revoke(lockstep_.leader(), "test"), IsOk());
}

TEST_F(LessorTest, ARevokedRunIsForgottenAndFenced) {
  const auto token = Grant(1, 1);
  ASSERT_THAT(lessor_.Revoke(lockstep_.leader(), "test"), IsOk());
  EXPECT_FALSE(lessor_.held().has_value());
  EXPECT_EQ(testing::StateOf(testing::Open(*lockstep_.Session(), *token, 1)), "LS001");
}

// Only that says something about what it ran.
TEST_F(LessorTest, OnlyAnOverdueHolderThatHadTakenItsRunIsLost) {
  const auto lost = [&](bool takes, bool leaves, bool overdue) {
    const auto token = Grant(1, 1);
    EXPECT_THAT(token, IsOk());
    if (takes) lessor_.Accept(session_, *token);
    if (leaves) lessor_.Left(session_);
    EXPECT_EQ(lessor_.Overdue(), leaves);
    EXPECT_THAT(lessor_.Revoke(lockstep_.leader(), "test", overdue), IsOk());
    return lockstep_.Scalar(
        "SELECT error ->> 'lost' FROM lockstep.attempt ORDER BY lease_epoch DESC LIMIT 1");
  };
  EXPECT_EQ(lost(/*takes=*/true, /*leaves=*/false, /*overdue=*/true), "true");
  EXPECT_EQ(lost(/*takes=*/false, /*leaves=*/false, /*overdue=*/true), "false");
  EXPECT_EQ(lost(/*takes=*/true, /*leaves=*/true, /*overdue=*/true), "false");
  EXPECT_EQ(lost(/*takes=*/true, /*leaves=*/false, /*overdue=*/false), "false");
}

// The holder stands idle in its transaction, or in a statement that never ends.
TEST_F(LessorTest, ARevokeTerminatesAHolderThatIsStuck) {
  for (const bool in_a_statement : {false, true}) {
    const auto token = Grant(1, 1);
    ASSERT_THAT(token, IsOk());
    const auto agent = lockstep_.Session();
    ASSERT_THAT(testing::Open(*agent, *token, 1), IsOk());
    std::future<bool> stuck;
    if (in_a_statement) {
      stuck = Async([&] { return agent->Execute("SELECT pg_sleep(600)").ok(); });
      ASSERT_TRUE(testing::Eventually([&] {
        return lockstep_.Scalar(
                   "SELECT count(*) FROM pg_stat_activity WHERE wait_event = "
                   "'PgSleep'") == "1";
      }));
    }
    const absl::Time start = absl::Now();
    EXPECT_THAT(lessor_.Revoke(lockstep_.leader(), "silent"), IsOk());
    EXPECT_LT(absl::Now() - start, durations_.revoke_wait);
    if (in_a_statement) {
      EXPECT_FALSE(stuck.get());
    }
    EXPECT_THAT(agent->Execute("COMMIT"), StatusIs(absl::StatusCode::kUnavailable));
    EXPECT_FALSE(lessor_.held().has_value());
  }
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.history"), "0");
}

TEST_F(LessorTest, ARevokeSparesSessionsThatAreNotInItsWay) {
  ASSERT_THAT(Grant(1, 1), IsOk());
  const auto bystander = lockstep_.Session();
  ASSERT_THAT(bystander->Execute("BEGIN"), IsOk());
  ASSERT_THAT(bystander->Execute("LOCK TABLE lockstep.run_lock IN ACCESS SHARE MODE"), IsOk());
  EXPECT_THAT(lessor_.Revoke(lockstep_.leader(), "test"), IsOk());
  EXPECT_THAT(bystander->Execute("COMMIT"), IsOk());
}

TEST_F(LessorTest, ADeposedLeaderRevokesNothing) {
  ASSERT_THAT(Grant(1, 1), IsOk());
  const LeaderToken old = lockstep_.TakeOver();
  EXPECT_THAT(lessor_.Revoke(old, "test"), StatusIs(absl::StatusCode::kUnavailable, "NOT_LEADER"));
  EXPECT_TRUE(lessor_.held().has_value());
}

TEST_F(LessorTest, TheHoldersReportEndsTheLease) {
  const auto token = Grant(1, 1);
  EXPECT_THAT(lessor_.Complete(lockstep_.leader(), *token, "failed", 0, RunError{.message = "x"}),
              IsOkAndHolds(true));
  EXPECT_FALSE(lessor_.held().has_value());
}

// Its deadline must go on, whatever a stranger reports.
TEST_F(LessorTest, AReportUnderAnotherTokenForgetsNothing) {
  const auto token = Grant(1, 1);
  for (const LeaseToken& other :
       {LeaseToken{token->epoch, base::NewUuid()}, LeaseToken{token->epoch + 100, base::NewUuid()},
        LeaseToken{token->epoch - 1, base::NewUuid()}}) {
    EXPECT_THAT(lessor_.Complete(lockstep_.leader(), other, "failed", 0, {}), IsOkAndHolds(false));
    EXPECT_TRUE(lessor_.held().has_value());
  }
}

// The agent is gone, its COMMIT is under way: it has happened and only waits for a replica. A
// revoke must not take it for undone.
class CommitUnderWayTest : public LessorTest {
 protected:
  CommitUnderWayTest() {
    lockstep_.db().Query("ALTER DATABASE " + lockstep_.db().name() +
                         " SET synchronous_commit = 'local'");
  }
  // Begins the commit of version 1 in a run to `last` and revokes the run meanwhile.
  void RevokeDuringCommit(Version last) {
    const auto token = Grant(1, last);
    ASSERT_THAT(token, IsOk());
    const auto agent = lockstep_.Session();
    ASSERT_THAT(lockstep_.ApplyOnly(*agent, *token, 1), IsOk());
    const NoReplica nobody(lockstep_);
    auto commit = Async([&] { return agent->Execute("COMMIT").status(); });
    EXPECT_TRUE(testing::Eventually([&] {
      return lockstep_.Scalar(
                 "SELECT count(*) FROM pg_stat_activity WHERE wait_event = "
                 "'SyncRep'") == "1";
    }));
    EXPECT_THAT(lessor_.Revoke(lockstep_.leader(), "its holder went silent"), IsOk());
    EXPECT_FALSE(commit.get().ok()) << "its backend was ended";
    EXPECT_EQ(lockstep_.Scalar("SELECT string_agg(version::text, ' ') FROM lockstep.history"), "1");
    EXPECT_EQ(lockstep_.Scalar("SELECT state FROM lockstep.lease"), "idle");
    EXPECT_EQ(lockstep_.Scalar("SELECT inflight FROM lockstep.chain"), "NULL");
    EXPECT_FALSE(lessor_.held().has_value());
  }
};

TEST_F(CommitUnderWayTest, OfTheLastMigrationEndsTheRunBeforeTheRevokeDoes) {
  RevokeDuringCommit(1);
  EXPECT_EQ(lockstep_.Scalar("SELECT outcome FROM lockstep.attempt"), "succeeded");
  EXPECT_THAT(Grant(2, 2), IsOk());
}

TEST_F(CommitUnderWayTest, OfAnEarlierMigrationStaysAndTheRestIsTakenBack) {
  RevokeDuringCommit(2);
  const auto attempts = ReadAttempts(lockstep_.admin(), std::nullopt, 10);
  ASSERT_THAT(attempts, IsOk());
  ASSERT_EQ(attempts->size(), 1);
  EXPECT_EQ((*attempts)[0].outcome, "revoked");
  EXPECT_EQ((*attempts)[0].committed, 1);
  EXPECT_THAT(Grant(1, 2), StatusIs(absl::StatusCode::kFailedPrecondition, "NOT_NEXT"));
  EXPECT_THAT(Grant(2, 2), IsOk());
}

}  // namespace
}  // namespace lockstep::coordinator
