// Statements of a migration that try to end its transaction, or to speak for lockstep.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "tests/catalog/lockstep_database.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using postgres::TransactionStatus;

class FenceEscapeTest : public ::testing::Test {
 protected:
  FenceEscapeTest() : agent_(lockstep_.Session()) {
    lockstep_.Publish({{}});
    token_ = lockstep_.Grant(1, 1);
  }

  // Opens version 1 and changes something that must not survive.
  void OpenAndChange() {
    ASSERT_THAT(Open(*agent_, token_, 1), IsOk());
    ASSERT_THAT(agent_->Execute("CREATE TABLE smuggled ()"), IsOk());
  }
  void ExpectNothingHappened() {
    EXPECT_FALSE(lockstep_.TableExists("smuggled"));
    EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.history"), "0");
    EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.opened"), "0");
    EXPECT_EQ(lockstep_.Scalar("SELECT applied FROM lockstep.chain"), "0");
    // The run can still be applied as if nothing had been tried.
    agent_ = lockstep_.Session();
    EXPECT_THAT(lockstep_.ApplyOnly(*agent_, token_, 1), IsOk());
    EXPECT_THAT(agent_->Execute("COMMIT"), IsOk());
  }

  LockstepDatabase lockstep_;
  std::unique_ptr<ScriptSession> agent_;
  LeaseToken token_;
};

TEST_F(FenceEscapeTest, ACommitRollsBackInstead) {
  OpenAndChange();
  EXPECT_EQ(StateOf(agent_->Execute("COMMIT")), "LS002");
  EXPECT_EQ(agent_->transaction_status(), TransactionStatus::kIdle);
  ExpectNothingHappened();
}

TEST_F(FenceEscapeTest, ACommitRollsBackInsteadAlsoWithTriggersSwitchedOff) {
  OpenAndChange();
  ASSERT_THAT(agent_->Execute("SET LOCAL session_replication_role = replica"), IsOk());
  EXPECT_EQ(StateOf(agent_->Execute("COMMIT")), "LS002");
  ExpectNothingHappened();
}

TEST_F(FenceEscapeTest, ACommitRollsBackInsteadWithTriggersSwitchedOffBeforeOpen) {
  ASSERT_THAT(agent_->Execute("SET session_replication_role = replica"), IsOk());
  OpenAndChange();
  EXPECT_EQ(StateOf(agent_->Execute("COMMIT")), "LS002");
  ExpectNothingHappened();
}

TEST_F(FenceEscapeTest, CommitAndChainRollsBackInstead) {
  OpenAndChange();
  EXPECT_EQ(StateOf(agent_->Execute("COMMIT AND CHAIN")), "LS002");
  (void)agent_->Execute("ROLLBACK");
  ExpectNothingHappened();
}

TEST_F(FenceEscapeTest, PrepareTransactionRollsBackInstead) {
  OpenAndChange();
  EXPECT_EQ(StateOf(agent_->Execute("PREPARE TRANSACTION 'smuggled'")), "LS002");
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM pg_prepared_xacts"), "0");
  ExpectNothingHappened();
}

TEST_F(FenceEscapeTest, ADoBlockCannotCommit) {
  OpenAndChange();
  EXPECT_NE(StateOf(agent_->Execute("DO $$ BEGIN COMMIT; END $$")), "");
  (void)agent_->Execute("ROLLBACK");
  ExpectNothingHappened();
}

TEST_F(FenceEscapeTest, AProcedureCannotCommit) {
  OpenAndChange();
  ASSERT_THAT(agent_->Execute("CREATE PROCEDURE escape() LANGUAGE plpgsql AS "
                              "$$ BEGIN COMMIT; END $$"),
              IsOk());
  EXPECT_NE(StateOf(agent_->Execute("CALL escape()")), "");
  (void)agent_->Execute("ROLLBACK");
  ExpectNothingHappened();
}

TEST_F(FenceEscapeTest, MakingTheTriggerImmediateRefusesTooEarlyButNeverTooLate) {
  OpenAndChange();
  EXPECT_EQ(StateOf(agent_->Execute("SET CONSTRAINTS ALL IMMEDIATE")), "LS002");
  (void)agent_->Execute("ROLLBACK");
  OpenAndChange();
  EXPECT_EQ(StateOf(agent_->Execute("SET CONSTRAINTS lockstep.must_close IMMEDIATE")), "LS002");
  (void)agent_->Execute("ROLLBACK");
  ExpectNothingHappened();
}

TEST_F(FenceEscapeTest, CloseByDynamicSqlWithAGuessedTokenIsFenced) {
  OpenAndChange();
  // All that other sessions can see of the token is its epoch.
  EXPECT_EQ(StateOf(agent_->Execute(
                absl::StrCat("DO $$ BEGIN EXECUTE 'RESET ROLE'; EXECUTE 'SELECT lockstep.close(",
                             token_.epoch, ", gen_random_uuid(), 1, ''\\x00'')'; END $$"))),
            "LS002");
  (void)agent_->Execute("ROLLBACK");
  ExpectNothingHappened();
}

TEST_F(FenceEscapeTest, TheTokenIsNotInWhatOtherSessionsCanSee) {
  OpenAndChange();
  EXPECT_EQ(lockstep_.db().Scalar(
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%' || $1 || '%' "
                "AND pid <> pg_backend_pid()",
                {postgres::Param(token_.lease_id)}),
            "0");
}

TEST_F(FenceEscapeTest, ASavepointDoesNotHideTheOpenRow) {
  ASSERT_THAT(agent_->Execute("BEGIN"), IsOk());
  ASSERT_THAT(agent_->Execute("SAVEPOINT a"), IsOk());
  ASSERT_THAT(agent_->Execute("SELECT lockstep.open($1, $2, 1)",
                              {postgres::Param(token_.epoch), postgres::Param(token_.lease_id)}),
              IsOk());
  ASSERT_THAT(agent_->Execute("CREATE TABLE smuggled ()"), IsOk());
  ASSERT_THAT(agent_->Execute("RELEASE a"), IsOk());
  EXPECT_EQ(StateOf(agent_->Execute("COMMIT")), "LS002");
  ExpectNothingHappened();
}

// Rolled back to before open, close finds no row: what ran meanwhile stays unpublished.
TEST_F(FenceEscapeTest, RollingBackToBeforeOpenMakesCloseFail) {
  ASSERT_THAT(agent_->Execute("BEGIN"), IsOk());
  ASSERT_THAT(agent_->Execute("SAVEPOINT a"), IsOk());
  ASSERT_THAT(agent_->Execute("SELECT lockstep.open($1, $2, 1)",
                              {postgres::Param(token_.epoch), postgres::Param(token_.lease_id)}),
              IsOk());
  ASSERT_THAT(agent_->Execute("ROLLBACK TO a"), IsOk());
  EXPECT_EQ(StateOf(lockstep_.Close(*agent_, token_, 1)), "LS002");
  (void)agent_->Execute("ROLLBACK");
  ExpectNothingHappened();
}

class TemporaryTableTest : public FenceEscapeTest,
                           public ::testing::WithParamInterface<const char*> {};

// With lockstep's own schema on the path of its functions, a temporary table of the same name would
// be read in place of the real one.
TEST_P(TemporaryTableTest, ForgesNothing) {
  const std::string table = GetParam();
  ASSERT_THAT(agent_->Execute(
                  absl::StrCat("CREATE TEMP TABLE ", table, " AS SELECT * FROM lockstep.", table)),
              IsOk());
  ASSERT_THAT(agent_->Execute("SET search_path = pg_temp, lockstep, public"), IsOk());
  if (table == "lease") {
    // A lease that only the forger has.
    ASSERT_THAT(agent_->Execute("UPDATE pg_temp.lease SET epoch = 99, first = 1, last = 1, "
                                "state = 'held', lease_id = "
                                "'00000000-0000-0000-0000-000000000001'"),
                IsOk());
    EXPECT_EQ(StateOf(Open(*agent_, {99, "00000000-0000-0000-0000-000000000001"}, 1)), "LS001");
    (void)agent_->Execute("ROLLBACK");
    ExpectNothingHappened();
    return;
  }
  ASSERT_THAT(Open(*agent_, token_, 1), IsOk());
  ASSERT_THAT(lockstep_.Close(*agent_, token_, 1), IsOk());
  ASSERT_THAT(agent_->Execute("COMMIT"), IsOk());
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.history"), "1");
  EXPECT_EQ(lockstep_.Scalar("SELECT applied FROM lockstep.chain"), "1");
}

INSTANTIATE_TEST_SUITE_P(All, TemporaryTableTest,
                         ::testing::Values("lease", "history", "opened", "chain", "migration"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace lockstep::testing
