// What open_group and close_group accept beyond what open and close do, one rule a test.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "engine/base/ids.h"
#include "engine/base/status_macros.h"
#include "tests/catalog/lockstep_database.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using postgres::BytesParam;
using postgres::Param;
using postgres::TransactionStatus;

const Spec kAny = {.sharing = "any"};
const Spec kLast = {.sharing = "last"};
const Spec kAlone = {};

class GroupTest : public ::testing::Test {
 protected:
  GroupTest() : agent_(lockstep_.Session()) {}

  absl::Status OpenGroup(ScriptSession& agent, const LeaseToken& token, Version first,
                         Version last) {
    RETURN_IF_ERROR(agent.Execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE").status());
    return agent
        .Execute("SELECT lockstep.open_group($1, $2, $3, $4)",
                 {Param(token.epoch), Param(token.lease_id), Param(first), Param(last)})
        .status();
  }
  std::string OpenState(const LeaseToken& token, Version first, Version last) {
    return StateOf(OpenGroup(*lockstep_.Session(), token, first, last));
  }
  absl::Status CloseGroup(const LeaseToken& token, Version first, Version last,
                          const std::vector<Version>& digests_of) {
    std::vector<std::string> digests;
    for (const Version version : digests_of) {
      digests.push_back(*BytesParam(lockstep_.DigestOf(version)));
    }
    return agent_
        ->Execute("SELECT lockstep.close_group($1, $2, $3, $4, $5::bytea[], '{0.25,1.5}')",
                  {Param(token.epoch), Param(token.lease_id), Param(first), Param(last),
                   postgres::TextArrayParam(digests)})
        .status();
  }

  LockstepDatabase lockstep_;
  std::unique_ptr<ScriptSession> agent_;
};

TEST_F(GroupTest, CommitsItsVersionsTogetherEachWithARowAndAnEvent) {
  lockstep_.Publish({kAny, kLast, {}});
  const LeaseToken token = lockstep_.Grant(1, 3);
  ASSERT_THAT(OpenGroup(*agent_, token, 1, 2), IsOk());
  ASSERT_THAT(CloseGroup(token, 1, 2, {1, 2}), IsOk());
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.history"), "0");
  ASSERT_THAT(agent_->Execute("COMMIT"), IsOk());
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.history h JOIN lockstep.migration m "
                             "USING (version) WHERE h.digest = m.digest AND h.how = 'run'"),
            "2");
  EXPECT_EQ(lockstep_.Scalar("SELECT count(DISTINCT xid) FROM lockstep.history"), "1");
  EXPECT_EQ(lockstep_.Scalar("SELECT string_agg(duration::text, ' ' ORDER BY version) "
                             "FROM lockstep.history"),
            "00:00:00.25 00:00:01.5");
  EXPECT_EQ(lockstep_.Scalar("SELECT string_agg(version::text, ' ' ORDER BY revision) "
                             "FROM lockstep.event WHERE kind = 'applied'"),
            "1 2");
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) = max(revision) AND max(revision) = "
                             "(SELECT revision FROM lockstep.chain) FROM lockstep.event"),
            "t");
  EXPECT_EQ(lockstep_.Scalar("SELECT concat_ws(' ', applied, inflight) FROM lockstep.chain"),
            "2 3");
  EXPECT_EQ(lockstep_.Scalar("SELECT state FROM lockstep.lease"), "held");
}

TEST_F(GroupTest, TheEndOfTheRunGivesTheLeaseBack) {
  lockstep_.Publish({kAny, kAny});
  const LeaseToken token = lockstep_.Grant(1, 2);
  ASSERT_THAT(OpenGroup(*agent_, token, 1, 2), IsOk());
  ASSERT_THAT(CloseGroup(token, 1, 2, {1, 2}), IsOk());
  ASSERT_THAT(agent_->Execute("COMMIT"), IsOk());
  EXPECT_EQ(lockstep_.Scalar("SELECT state FROM lockstep.lease"), "idle");
  EXPECT_EQ(lockstep_.Scalar("SELECT inflight FROM lockstep.chain"), "NULL");
  EXPECT_EQ(lockstep_.Scalar("SELECT outcome || committed FROM lockstep.attempt"), "succeeded2");
}

TEST_F(GroupTest, AStaleTokenIsNotLetIn) {
  lockstep_.Publish({kAny, kAny});
  const LeaseToken token = lockstep_.Grant(1, 2);
  EXPECT_EQ(OpenState({token.epoch - 1, token.lease_id}, 1, 2), "LS001");
  EXPECT_EQ(OpenState({token.epoch, base::NewUuid()}, 1, 2), "LS001");
}

TEST_F(GroupTest, ADatabaseThatWasServedHasNoGroups) {
  lockstep_.Publish({kAny, kAny});
  const LeaseToken token = lockstep_.Grant(1, 2);
  lockstep_.db().Query("UPDATE lockstep.chain SET first_served_at = now()");
  EXPECT_EQ(OpenState(token, 1, 2), "LS005");
}

TEST_F(GroupTest, OnlyWhatMayShareIsLetIn) {
  lockstep_.Publish({kLast, kAny, kAlone, kAny, kAny});
  const LeaseToken token = lockstep_.Grant(1, 5);
  EXPECT_EQ(OpenState(token, 1, 2), "LS004");  // Nothing follows a last one.
  ASSERT_THAT(lockstep_.ApplyOnly(*agent_, token, 1), IsOk());
  ASSERT_THAT(agent_->Execute("COMMIT"), IsOk());
  EXPECT_EQ(OpenState(token, 2, 3), "LS004");  // 3 is alone.
  EXPECT_EQ(OpenState(token, 2, 2), "LS004");  // One is no group.
  EXPECT_EQ(OpenState(token, 2, 1), "LS004");
}

TEST_F(GroupTest, NothingBeyondTheRunOrOutOfOrderIsLetIn) {
  lockstep_.Publish({kAny, kAny, kAny, kAny});
  const LeaseToken token = lockstep_.Grant(1, 3);
  EXPECT_EQ(OpenState(token, 2, 3), "LS004");
  EXPECT_EQ(OpenState(token, 1, 4), "LS004");
  ASSERT_THAT(OpenGroup(*agent_, token, 1, 2), IsOk());
  ASSERT_THAT(CloseGroup(token, 1, 2, {1, 2}), IsOk());
  ASSERT_THAT(agent_->Execute("COMMIT"), IsOk());
  EXPECT_EQ(OpenState(token, 1, 2), "LS004");
  EXPECT_EQ(OpenState(token, 2, 3), "LS004");
}

TEST_F(GroupTest, AnotherDigestOrRangeThanWasOpenedDoesNotClose) {
  lockstep_.Publish({kAny, kAny, kAny});
  const LeaseToken token = lockstep_.Grant(1, 3);
  ASSERT_THAT(OpenGroup(*agent_, token, 1, 2), IsOk());
  EXPECT_EQ(StateOf(CloseGroup(token, 1, 2, {1, 3})), "LS007");
  ASSERT_THAT(agent_->Execute("ROLLBACK"), IsOk());
  ASSERT_THAT(OpenGroup(*agent_, token, 1, 2), IsOk());
  EXPECT_EQ(StateOf(CloseGroup(token, 1, 2, {1})), "LS007");
  ASSERT_THAT(agent_->Execute("ROLLBACK"), IsOk());
  ASSERT_THAT(OpenGroup(*agent_, token, 1, 2), IsOk());
  EXPECT_EQ(StateOf(CloseGroup(token, 1, 3, {1, 2, 3})), "LS002");
  ASSERT_THAT(agent_->Execute("ROLLBACK"), IsOk());
  ASSERT_THAT(OpenGroup(*agent_, token, 1, 2), IsOk());
  EXPECT_EQ(StateOf(lockstep_.Close(*agent_, token, 2)), "LS002");
}

TEST_F(GroupTest, ACommitInTheMiddleRollsBackInstead) {
  lockstep_.Publish({kAny, kAny});
  const LeaseToken token = lockstep_.Grant(1, 2);
  ASSERT_THAT(OpenGroup(*agent_, token, 1, 2), IsOk());
  ASSERT_THAT(agent_->Execute("CREATE TABLE smuggled ()"), IsOk());
  EXPECT_EQ(StateOf(agent_->Execute("COMMIT")), "LS002");
  EXPECT_EQ(agent_->transaction_status(), TransactionStatus::kIdle);
  EXPECT_FALSE(lockstep_.TableExists("smuggled"));
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.opened"), "0");
}

TEST_F(GroupTest, ASingleCloseDoesNotEndAGroupEarly) {
  lockstep_.Publish({kAny, kAny});
  const LeaseToken token = lockstep_.Grant(1, 2);
  ASSERT_THAT(OpenGroup(*agent_, token, 1, 2), IsOk());
  ASSERT_THAT(agent_->Execute("CREATE TABLE t1 ()"), IsOk());
  // Version 1 alone would leave what ran of version 2 without a history row.
  EXPECT_EQ(StateOf(lockstep_.Close(*agent_, token, 1)), "LS002");
}

TEST_F(GroupTest, ARevokeWaitsForAGroupAndThenItsTokenIsStale) {
  lockstep_.Publish({kAny, kAny});
  const LeaseToken token = lockstep_.Grant(1, 2);
  ASSERT_THAT(OpenGroup(*agent_, token, 1, 2), IsOk());
  auto revoker = lockstep_.Connect();
  auto revoked = Async([&] {
    return coordinator::RevokeRun(*revoker, lockstep_.leader(), token, "test", absl::Seconds(20));
  });
  ASSERT_TRUE(ComesToWait(lockstep_.db(), revoker->backend_pid()));
  ASSERT_THAT(agent_->Execute("ROLLBACK"), IsOk());
  const absl::StatusOr<bool> taken = revoked.get();
  ASSERT_THAT(taken, IsOk());
  EXPECT_TRUE(*taken);
  EXPECT_EQ(OpenState(token, 1, 2), "LS001");
}

}  // namespace
}  // namespace lockstep::testing
