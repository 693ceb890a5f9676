// What open and close accept, one rule a test.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "engine/base/digest.h"
#include "engine/base/ids.h"
#include "tests/catalog/lockstep_database.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using postgres::BytesParam;
using postgres::Param;
using postgres::TransactionStatus;

class FenceTest : public ::testing::Test {
 protected:
  FenceTest() { lockstep_.Publish({{}, {}, {}}); }

  // The state of a second transaction that tries to open.
  std::string OpenState(const LeaseToken& token, Version version,
                        const std::string& isolation = "READ COMMITTED") {
    return StateOf(Open(*lockstep_.Session(), token, version, isolation));
  }

  LockstepDatabase lockstep_;
};

TEST_F(FenceTest, AppliesOneVersionWithItsHistoryInOneCommit) {
  const LeaseToken token = lockstep_.Grant(1, 1);
  const auto agent = lockstep_.Session();
  ASSERT_THAT(lockstep_.ApplyOnly(*agent, token, 1), IsOk());
  EXPECT_FALSE(lockstep_.TableExists("t1"));
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.history"), "0");
  ASSERT_THAT(agent->Execute("COMMIT"), IsOk());
  EXPECT_TRUE(lockstep_.TableExists("t1"));
  EXPECT_EQ(lockstep_.Scalar("SELECT concat_ws(' ', version, how, applied_by, lease_epoch) "
                             "FROM lockstep.history"),
            absl::StrCat("1 run service@instance ", token.epoch));
  EXPECT_EQ(lockstep_.Scalar("SELECT concat_ws(' ', applied, coalesce(inflight, -1)) "
                             "FROM lockstep.chain"),
            "1 -1");
  EXPECT_EQ(lockstep_.Scalar("SELECT state FROM lockstep.lease"), "idle");
  EXPECT_EQ(lockstep_.Scalar("SELECT outcome || committed FROM lockstep.attempt"), "succeeded1");
}

TEST_F(FenceTest, ARollBackLeavesNothing) {
  const LeaseToken token = lockstep_.Grant(1, 1);
  const auto agent = lockstep_.Session();
  ASSERT_THAT(lockstep_.ApplyOnly(*agent, token, 1), IsOk());
  ASSERT_THAT(agent->Execute("ROLLBACK"), IsOk());
  EXPECT_FALSE(lockstep_.TableExists("t1"));
  EXPECT_EQ(lockstep_.Scalar("SELECT applied FROM lockstep.chain"), "0");
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.opened"), "0");
  EXPECT_EQ(lockstep_.Scalar("SELECT state FROM lockstep.lease"), "held");
}

TEST_F(FenceTest, ARunEndsWithItsLastVersionOnly) {
  const LeaseToken token = lockstep_.Grant(1, 2);
  const auto agent = lockstep_.Session();
  ASSERT_THAT(lockstep_.ApplyOnly(*agent, token, 1), IsOk());
  ASSERT_THAT(agent->Execute("COMMIT"), IsOk());
  EXPECT_EQ(lockstep_.Scalar("SELECT state FROM lockstep.lease"), "held");
  EXPECT_EQ(lockstep_.Scalar("SELECT inflight FROM lockstep.chain"), "2");
  ASSERT_THAT(lockstep_.ApplyOnly(*agent, token, 2), IsOk());
  ASSERT_THAT(agent->Execute("COMMIT"), IsOk());
  EXPECT_EQ(lockstep_.Scalar("SELECT state FROM lockstep.lease"), "idle");
}

TEST_F(FenceTest, OpenRefusesAnotherEpochOrIdAsFenced) {
  const LeaseToken token = lockstep_.Grant(1, 1);
  EXPECT_EQ(OpenState({token.epoch - 1, token.lease_id}, 1), "LS001");
  EXPECT_EQ(OpenState({token.epoch + 1, token.lease_id}, 1), "LS001");
  EXPECT_EQ(OpenState({token.epoch, base::NewUuid()}, 1), "LS001");
}

TEST_F(FenceTest, OpenRefusesANullToken) {
  lockstep_.Grant(1, 1);
  const auto agent = lockstep_.Session();
  ASSERT_THAT(agent->Execute("BEGIN"), IsOk());
  EXPECT_EQ(StateOf(agent->Execute("SELECT lockstep.open(NULL, NULL, NULL)")), "LS001");
}

TEST_F(FenceTest, OpenRefusesAVersionOutsideTheRun) {
  const LeaseToken token = lockstep_.Grant(1, 2);
  EXPECT_EQ(OpenState(token, 3), "LS001");
  EXPECT_EQ(OpenState(token, 0), "LS001");
  EXPECT_EQ(OpenState(token, -1), "LS001");
}

TEST_F(FenceTest, OpenRefusesAVersionThatIsNotNext) {
  const LeaseToken token = lockstep_.Grant(1, 3);
  EXPECT_EQ(OpenState(token, 2), "LS004");
  EXPECT_EQ(OpenState(token, 3), "LS004");
}

TEST_F(FenceTest, OpenRefusesAVersionThatIsApplied) {
  const LeaseToken token = lockstep_.Grant(1, 2);
  const auto agent = lockstep_.Session();
  ASSERT_THAT(lockstep_.ApplyOnly(*agent, token, 1), IsOk());
  ASSERT_THAT(agent->Execute("COMMIT"), IsOk());
  EXPECT_EQ(OpenState(token, 1), "LS004");
}

TEST_F(FenceTest, OpenRefusesATokenWhoseRunHasEnded) {
  const LeaseToken token = lockstep_.Grant(1, 1);
  const auto agent = lockstep_.Session();
  ASSERT_THAT(lockstep_.ApplyOnly(*agent, token, 1), IsOk());
  ASSERT_THAT(agent->Execute("COMMIT"), IsOk());
  EXPECT_EQ(OpenState(token, 1), "LS001");
}

TEST_F(FenceTest, OpenWantsReadCommitted) {
  const LeaseToken token = lockstep_.Grant(1, 1);
  EXPECT_EQ(OpenState(token, 1, "REPEATABLE READ"), "LS003");
  EXPECT_EQ(OpenState(token, 1, "SERIALIZABLE"), "LS003");
}

TEST_F(FenceTest, AFailedOpenKeepsNoLockThatARevokeWouldWaitFor) {
  const LeaseToken token = lockstep_.Grant(1, 1);
  const auto agent = lockstep_.Session();
  ASSERT_EQ(StateOf(Open(*agent, {token.epoch, base::NewUuid()}, 1)), "LS001");
  ASSERT_EQ(agent->transaction_status(), TransactionStatus::kFailed);
  // Its transaction is still there, aborted.
  EXPECT_THAT(coordinator::RevokeRun(lockstep_.admin(), lockstep_.leader(), token, "test",
                                     absl::Seconds(5)),
              IsOkAndHolds(true));
}

TEST_F(FenceTest, CloseWithoutOpenIsRefused) {
  const LeaseToken token = lockstep_.Grant(1, 1);
  const auto agent = lockstep_.Session();
  ASSERT_THAT(agent->Execute("BEGIN"), IsOk());
  EXPECT_EQ(StateOf(lockstep_.Close(*agent, token, 1)), "LS002");
}

TEST_F(FenceTest, CloseTwiceIsRefused) {
  const LeaseToken token = lockstep_.Grant(1, 1);
  const auto agent = lockstep_.Session();
  ASSERT_THAT(lockstep_.ApplyOnly(*agent, token, 1), IsOk());
  EXPECT_EQ(StateOf(lockstep_.Close(*agent, token, 1)), "LS002");
  EXPECT_THAT(agent->Execute("ROLLBACK"), IsOk());
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.history"), "0");
}

TEST_F(FenceTest, CloseInAnotherTransactionIsRefused) {
  const LeaseToken token = lockstep_.Grant(1, 1);
  const auto agent = lockstep_.Session();
  ASSERT_THAT(Open(*agent, token, 1), IsOk());
  const auto other = lockstep_.Session();
  ASSERT_THAT(other->Execute("BEGIN"), IsOk());
  EXPECT_EQ(StateOf(lockstep_.Close(*other, token, 1)), "LS002");
}

TEST_F(FenceTest, CloseOfAnotherVersionOrTokenIsRefused) {
  const LeaseToken token = lockstep_.Grant(1, 2);
  const auto agent = lockstep_.Session();
  ASSERT_THAT(Open(*agent, token, 1), IsOk());
  EXPECT_EQ(StateOf(lockstep_.Close(*agent, token, 2)), "LS002");
  ASSERT_THAT(agent->Execute("ROLLBACK"), IsOk());
  ASSERT_THAT(Open(*agent, token, 1), IsOk());
  EXPECT_EQ(StateOf(lockstep_.Close(*agent, {token.epoch, base::NewUuid()}, 1)), "LS002");
}

TEST_F(FenceTest, CloseWithAnotherDigestIsRefused) {
  const LeaseToken token = lockstep_.Grant(1, 1);
  for (const postgres::Value& digest :
       {BytesParam(lockstep_.DigestOf(2)), BytesParam(""), postgres::NullParam()}) {
    const auto agent = lockstep_.Session();
    ASSERT_THAT(Open(*agent, token, 1), IsOk());
    EXPECT_EQ(StateOf(agent->Execute(
                  "SELECT lockstep.close($1, $2, $3, $4)",
                  {Param(token.epoch), Param(token.lease_id), Param(Version{1}), digest})),
              "LS007");
  }
}

TEST_F(FenceTest, CloseRefusesAChangedReplicationRole) {
  const LeaseToken token = lockstep_.Grant(1, 1);
  for (const char* role : {"replica", "local"}) {
    const auto agent = lockstep_.Session();
    ASSERT_THAT(Open(*agent, token, 1), IsOk());
    ASSERT_THAT(agent->Execute(absl::StrCat("SET LOCAL session_replication_role = ", role)),
                IsOk());
    EXPECT_EQ(StateOf(lockstep_.Close(*agent, token, 1)), "LS006");
  }
}

TEST_F(FenceTest, CloseRaisesSynchronousCommitAndNeverLowersIt) {
  const LeaseToken token = lockstep_.Grant(1, 1);
  const auto shown_after = [&](const std::string& setting) {
    const auto agent = lockstep_.Session();
    EXPECT_THAT(agent->Execute("SET synchronous_commit = " + setting), IsOk());
    EXPECT_THAT(lockstep_.ApplyOnly(*agent, token, 1), IsOk());
    const auto shown = agent->Execute("SHOW synchronous_commit");
    EXPECT_THAT(shown, IsOk());
    EXPECT_THAT(agent->Execute("ROLLBACK"), IsOk());
    return shown->only().Text(0);
  };
  EXPECT_EQ(shown_after("off"), "on");
  EXPECT_EQ(shown_after("local"), "on");
  EXPECT_EQ(shown_after("remote_write"), "on");
  EXPECT_EQ(shown_after("on"), "on");
  EXPECT_EQ(shown_after("remote_apply"), "remote_apply");
}

TEST_F(FenceTest, TheEventIsWrittenInTheCommitOfTheChange) {
  const std::string before = lockstep_.Scalar("SELECT revision FROM lockstep.chain");
  const LeaseToken token = lockstep_.Grant(1, 1);
  const auto agent = lockstep_.Session();
  ASSERT_THAT(lockstep_.ApplyOnly(*agent, token, 1), IsOk());
  ASSERT_THAT(agent->Execute("ROLLBACK"), IsOk());
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.event WHERE kind = 'applied'"), "0");
  ASSERT_THAT(lockstep_.ApplyOnly(*agent, token, 1), IsOk());
  ASSERT_THAT(agent->Execute("COMMIT"), IsOk());
  EXPECT_EQ(lockstep_.Scalar("SELECT version FROM lockstep.event WHERE kind = 'applied'"), "1");
  // run_granted and applied, nothing of the transaction that was rolled back.
  EXPECT_EQ(lockstep_.Scalar("SELECT max(revision) - " + before + " FROM lockstep.event"), "2");
}

}  // namespace
}  // namespace lockstep::testing
