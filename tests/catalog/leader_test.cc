// The leader row: who gets it, and what a deposed leader can still do (nothing).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "coordinator/store/chain_store.h"
#include "coordinator/store/leader_store.h"
#include "coordinator/store/operation_store.h"
#include "coordinator/store/session_store.h"
#include "engine/base/ids.h"
#include "tests/catalog/lockstep_database.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using coordinator::AcquireLeadership;
using coordinator::LeaderRow;
using coordinator::ReadLeader;
using postgres::Param;

MATCHER_P(Leads, expected, "") { return arg.ok() && arg->leads == expected; }

const auto kNotLeader = StatusIs(absl::StatusCode::kUnavailable, "NOT_LEADER");

class LeaderTest : public ::testing::Test {
 protected:
  LeaderTest() : connection_(lockstep_.Connect()) {}

  // What the row says after a try of a new candidate, and whether it won.
  struct Try {
    LeaderRow row;
    bool won;
  };
  Try Candidate(const LeaderRow& seen = {}) {
    const std::string id = base::NewUuid();
    const auto row = AcquireLeadership(*connection_, id, "other:1", absl::Hours(1), seen);
    EXPECT_THAT(row, IsOk());
    return {*row, row->token.holder == id};
  }
  void Expire() {
    lockstep_.db().Query(
        "UPDATE lockstep.leader SET expires_at = clock_timestamp() - interval '1 ms'");
  }

  LockstepDatabase lockstep_;
  std::unique_ptr<postgres::Connection> connection_;
};

// Only a leader ends a migration whose agent is gone: waiting for it, nobody would ever lead again.
TEST_F(LeaderTest, ATakeoverDoesNotWaitForAMigrationBehindClose) {
  lockstep_.Publish({{}});
  const LeaseToken token = lockstep_.Grant(1, 1);
  const auto agent = lockstep_.Session();
  ASSERT_THAT(lockstep_.ApplyOnly(*agent, token, 1), IsOk());
  ASSERT_THAT(connection_->RunScript("SET lock_timeout = '1ms'"), IsOk());
  Expire();
  EXPECT_TRUE(Candidate().won);
  EXPECT_THAT(agent->Execute("COMMIT"), IsOk());
}

TEST_F(LeaderTest, OfEightCandidatesOneWinsAnEmptyRow) {
  lockstep_.db().Query("DELETE FROM lockstep.leader");
  std::vector<std::future<bool>> tries;
  for (int i = 0; i < 8; ++i) {
    tries.push_back(Async([&] {
      const std::string id = base::NewUuid();
      const auto row = AcquireLeadership(*lockstep_.Connect(), id, "", absl::Hours(1), {});
      return row.ok() && row->token.holder == id;
    }));
  }
  int winners = 0;
  for (auto& each : tries) winners += each.get() ? 1 : 0;
  EXPECT_EQ(winners, 1);
}

TEST_F(LeaderTest, OfEightCandidatesOneWinsAnExpiredRow) {
  Expire();
  std::vector<std::future<bool>> tries;
  for (int i = 0; i < 8; ++i) {
    tries.push_back(Async([&] {
      const std::string id = base::NewUuid();
      const auto row = AcquireLeadership(*lockstep_.Connect(), id, "", absl::Hours(1), {});
      return row.ok() && row->token.holder == id;
    }));
  }
  int winners = 0;
  for (auto& each : tries) winners += each.get() ? 1 : 0;
  EXPECT_EQ(winners, 1);
  EXPECT_EQ(ReadLeader(*connection_)->token.epoch, lockstep_.leader().epoch + 1);
}

TEST_F(LeaderTest, AnUnexpiredLeaseIsNotTaken) {
  const Try attempt = Candidate();
  EXPECT_FALSE(attempt.won);
  EXPECT_EQ(attempt.row.token, lockstep_.leader());
  EXPECT_EQ(attempt.row.address, "127.0.0.1:7411");
  EXPECT_FALSE(attempt.row.expired);
}

TEST_F(LeaderTest, AnExpiredLeaseIsTakenUnderANewEpoch) {
  Expire();
  const Try attempt = Candidate();
  EXPECT_TRUE(attempt.won);
  EXPECT_EQ(attempt.row.token.epoch, lockstep_.leader().epoch + 1);
}

TEST_F(LeaderTest, ALeaseThatTheCandidatesOwnClockSawStandStillIsTaken) {
  const auto seen = ReadLeader(*connection_);
  ASSERT_THAT(seen, IsOk());
  EXPECT_TRUE(Candidate(*seen).won);
}

TEST_F(LeaderTest, ALeaseThatWasRenewedSinceItWasSeenIsNotTaken) {
  const auto seen = ReadLeader(*connection_);
  ASSERT_THAT(coordinator::RenewLeadership(*connection_, lockstep_.leader(), absl::Hours(1)),
              Leads(true));
  EXPECT_FALSE(Candidate(*seen).won);
}

TEST_F(LeaderTest, NobodyHasLedAnEmptyRow) {
  lockstep_.db().Query("DELETE FROM lockstep.leader");
  const auto row = ReadLeader(*connection_);
  ASSERT_THAT(row, IsOk());
  EXPECT_EQ(row->token.epoch, 0);
  EXPECT_TRUE(row->expired);
}

TEST_F(LeaderTest, ResigningLetsTheNextOneInAtOnce) {
  EXPECT_THAT(coordinator::ResignLeadership(*connection_, lockstep_.leader()), IsOk());
  EXPECT_TRUE(Candidate().won);
}

TEST_F(LeaderTest, ADeposedLeaderCannotResignForItsSuccessor) {
  const LeaderToken old = lockstep_.TakeOver();
  EXPECT_THAT(coordinator::ResignLeadership(*connection_, old), IsOk());
  EXPECT_FALSE(Candidate().won);
  EXPECT_THAT(coordinator::RenewLeadership(*connection_, old, absl::Hours(1)), Leads(false));
}

TEST_F(LeaderTest, TheRightEpochWithAnotherHolderIsNotLeadership) {
  const LeaderToken forged{lockstep_.leader().epoch, base::NewUuid()};
  EXPECT_THAT(coordinator::RenewLeadership(*connection_, forged, absl::Hours(1)), Leads(false));
  EXPECT_THAT(coordinator::CancelOperation(*connection_, forged, "op", "a", "r"), kNotLeader);
}

TEST_F(LeaderTest, EveryWriteOfADeposedLeaderIsRefusedAndWritesNothing) {
  lockstep_.Publish({{}, {}});
  const LeaseToken lease = lockstep_.Grant(1, 1);
  const Declaration instance = lockstep_.Instance("i", 0);
  lockstep_.Admit(instance);
  const LeaderToken old = lockstep_.TakeOver();
  const std::string state =
      "SELECT md5(concat((SELECT string_agg(c::text, '') FROM lockstep.chain c), (SELECT "
      "string_agg(l::text, '') FROM lockstep.lease l), (SELECT string_agg(s::text, '') FROM "
      "lockstep.session s), (SELECT string_agg(o::text, '') FROM lockstep.operation o), (SELECT "
      "string_agg(b::text, '') FROM lockstep.backfill b), (SELECT string_agg(a::text, '') FROM "
      "lockstep.attempt a)))";
  const std::string before = lockstep_.Scalar(state);
  postgres::Connection& c = *connection_;
  EXPECT_THAT(coordinator::GrantRun(c, old, lockstep_.lease_epoch(),
                                    {.first = 1,
                                     .last = 1,
                                     .session = instance.session_id,
                                     .holder = "a@b",
                                     .operation = "op",
                                     .ttl = absl::Seconds(1)}),
              kNotLeader);
  EXPECT_THAT(coordinator::RenewRun(c, old, lease, absl::Seconds(1)), kNotLeader);
  EXPECT_THAT(coordinator::RevokeRun(c, old, lease, "r", absl::Seconds(1)), kNotLeader);
  EXPECT_THAT(coordinator::CompleteRun(c, old, lease, "failed", 0, {}), kNotLeader);
  EXPECT_THAT(coordinator::MoveSession(c, old, instance.session_id, "closed"), kNotLeader);
  EXPECT_THAT(coordinator::StartOperation(c, old, {.request_id = "r", .target = 1}), kNotLeader);
  EXPECT_THAT(coordinator::EndOperation(c, old, "op", coordinator::OperationState::kFailed, {}),
              kNotLeader);
  EXPECT_THAT(coordinator::DeferOperation(c, old, "op", absl::Seconds(1), {}), kNotLeader);
  EXPECT_THAT(coordinator::CancelOperation(c, old, "op", "a", "r"), kNotLeader);
  chain::Migration migration;
  migration.version = 3;
  migration.title = "late";
  migration.digest = lockstep_.DigestOf(1);
  EXPECT_THAT(coordinator::AppendMigrations(c, old, lockstep_.ChainHashAt(2), {migration}, {}, "a"),
              kNotLeader);
  chain::Backfill backfill;
  backfill.name = "job";
  backfill.digest = lockstep_.DigestOf(1);
  EXPECT_THAT(coordinator::AppendMigrations(c, old, lockstep_.ChainHashAt(2), {}, {backfill}, "a"),
              kNotLeader);
  EXPECT_EQ(lockstep_.Scalar(state), before);
}

TEST_F(LeaderTest, ATakeoverWaitsForAnOpenTransactionOfTheLeader) {
  const auto leading = lockstep_.Session();
  ASSERT_THAT(leading->Execute("BEGIN"), IsOk());
  ASSERT_THAT(leading->Execute("SELECT lockstep.leader_fence($1, $2)",
                               {Param(lockstep_.leader().epoch), Param(lockstep_.leader().holder)}),
              IsOk());
  Expire();  // Waits for nobody: not a key column.
  auto attempt = Async([&] { return Candidate().won; });
  ASSERT_TRUE(ComesToWait(lockstep_.db(), connection_->backend_pid()));
  // Meanwhile the old leader may still write, and its renewals wait for nobody.
  const auto renewing = lockstep_.Connect();
  ASSERT_THAT(renewing->RunScript("SET lock_timeout = '1ms'"), IsOk());
  EXPECT_THAT(coordinator::RenewLeadership(*renewing, lockstep_.leader(), -absl::Seconds(1)),
              Leads(true));
  ASSERT_THAT(leading->Execute("SELECT lockstep.emit('late', NULL, NULL, NULL)"), IsOk());
  ASSERT_THAT(leading->Execute("COMMIT"), IsOk());
  EXPECT_TRUE(attempt.get());
}

TEST_F(LeaderTest, LeaderWritesWantReadCommitted) {
  const auto session = lockstep_.Session();
  ASSERT_THAT(session->Execute("BEGIN ISOLATION LEVEL REPEATABLE READ"), IsOk());
  EXPECT_EQ(StateOf(session->Execute(
                "SELECT lockstep.leader_fence($1, $2)",
                {Param(lockstep_.leader().epoch), Param(lockstep_.leader().holder)})),
            "LS003");
}

}  // namespace
}  // namespace lockstep::testing
