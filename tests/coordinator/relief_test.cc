// A migration that does not get its lock: told, tried again, relieved, given up, taken up again.
// All of it is real: PostgreSQL, the driver, the engine.
#include "coordinator/operation/relief.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "coordinator/store/lock_store.h"
#include "tests/coordinator/applying_agent.h"
#include "tests/coordinator/coordinator_test.h"

namespace lockstep::coordinator {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::StatusIs;

class ReliefTest : public CoordinatorTest {
 protected:
  ReliefTest() {
    lockstep_.db().RunScript("CREATE TABLE users (id int)");
    auto migration = chain::ReadMigration("001_add_name.sql", "ALTER TABLE users ADD COLUMN a int");
    EXPECT_THAT(migration, IsOk());
    EXPECT_THAT(operations_->Publish({.migrations = {*migration}, .actor = "ann"}), IsOk());
    declaration_ = lockstep_.Instance("migrator", 0);
    declaration_.can_migrate = true;
    agent_ = std::make_shared<ApplyingAgent>(operations_.get(), lessor_.get(),
                                             lockstep_.db().conninfo(), declaration_.session_id);
    EXPECT_THAT(fleet_->Register(agent_, declaration_, false), IsOk());
  }
  ~ReliefTest() override { agent_->Stop(); }

  // A session of the application that has the table locked.
  std::unique_ptr<postgres::ScriptSession> Block(const std::string& user = "postgres") {
    auto session = postgres::ScriptSession::Open(
        {.conninfo = lockstep_.db().conninfo(user), .application_name = "orders@pod-3"});
    EXPECT_THAT(session, IsOk());
    EXPECT_THAT((*session)->Execute("BEGIN"), IsOk());
    EXPECT_THAT((*session)->Execute("LOCK TABLE users IN ROW EXCLUSIVE MODE"), IsOk());
    return *std::move(session);
  }
  std::string Start(std::optional<absl::Duration> terminate_idle = std::nullopt) {
    const auto view = operations_->StartUpgrade(
        {.request_id = base::NewUuid(), .actor = "ann", .terminate_idle = terminate_idle}, "");
    EXPECT_THAT(view, IsOk());
    return view.ok() ? view->row.operation_id : "";
  }
  bool ComesToTell(const std::string& operation, const std::string& text) {
    return Eventually([&] {
      const auto view = operations_->Get(operation);
      return view.ok() && absl::StrContains(view->waiting_for, text);
    });
  }
  static LockWait WaitFor(const postgres::ScriptSession& session, testing::TestDatabase& db) {
    LockWait wait{.relation = "public.users"};
    const auto row = db.Query(
        "SELECT pid, backend_start, transaction_start FROM lockstep.sessions_of(ARRAY[$1::int])",
        {postgres::Param(session.announced_backend_pid())});
    wait.blockers.push_back({.pid = row.only().Int(0),
                             .backend_start = row.only().Long(1),
                             .transaction_start = row.only().Long(2)});
    return wait;
  }
  Declaration declaration_;
  std::shared_ptr<ApplyingAgent> agent_;
};

TEST_F(ReliefTest, WhoIsInTheWayIsToldAndTheNextTryComesWhenTheyAreGone) {
  const auto blocker = Block();
  const std::string operation = Start();
  EXPECT_TRUE(ComesToTell(
      operation, absl::StrCat("public.users is locked by pid ", blocker->announced_backend_pid(),
                              ", orders@pod-3, idle in transaction for ")));
  ASSERT_THAT(blocker->Execute("COMMIT"), IsOk());
  EXPECT_TRUE(ComesToBe(operation, OperationState::kSucceeded));
  const auto view = operations_->Get(operation, /*with_attempts=*/true);
  ASSERT_THAT(view, IsOk());
  ASSERT_GE(view->attempts.size(), 2);
  EXPECT_EQ(view->attempts.front().committed, 1);
  const RunError& met = *view->attempts.back().error;
  EXPECT_EQ(met.sqlstate, "55P03");
  EXPECT_EQ(met.statement, 1);
  EXPECT_EQ(met.statement_text, "ALTER TABLE users ADD COLUMN a int");
  ASSERT_TRUE(met.lock.has_value());
  EXPECT_EQ(met.lock->blockers.at(0).pid, blocker->announced_backend_pid());
  EXPECT_EQ(met.lock->blockers.at(0).application_name, "orders@pod-3");
}

TEST_F(ReliefTest, AnIdleSessionIsEndedWhereTheOperationAsksForIt) {
  const auto blocker = Block();
  const std::string operation = Start(absl::Seconds(1));
  EXPECT_TRUE(ComesToBe(operation, OperationState::kSucceeded));
  EXPECT_FALSE(blocker->Execute("SELECT 1").ok());
  EXPECT_EQ(
      lockstep_.Scalar("SELECT detail ->> 'application_name' FROM lockstep.event WHERE kind = "
                       "'blocker_terminated' AND operation IS NOT NULL"),
      "orders@pod-3");
}

TEST_F(ReliefTest, OnlyASessionThatSitsThereLongEnoughIsEnded) {
  const auto blocker = Block();
  const LockWait wait = WaitFor(*blocker, lockstep_.db());
  auto connection = pool_.Take();
  ASSERT_THAT(connection, IsOk());
  const LeaderToken leader = *elector_->leadership();
  const OperationRow operation{.operation_id = "op"};
  EXPECT_THAT(*TerminateIdle(**connection, leader, operation, wait, absl::Minutes(5)), IsEmpty());
  LockWait reused = wait;
  reused.blockers[0].backend_start += 1;
  EXPECT_THAT(*TerminateIdle(**connection, leader, operation, reused, absl::ZeroDuration()),
              IsEmpty())
      << "another session under the same pid";
  auto sleeping = testing::Async([&] { return blocker->Execute("SELECT pg_sleep(1)").status(); });
  EXPECT_TRUE(Eventually([&] {
    return lockstep_.Scalar(
               "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT "
               "pg_sleep%' AND state = 'active'") == "1";
  }));
  EXPECT_THAT(*TerminateIdle(**connection, leader, operation, wait, absl::ZeroDuration()),
              IsEmpty())
      << "it is at work";
  EXPECT_THAT(sleeping.get(), IsOk());
  EXPECT_THAT(blocker->Execute("COMMIT"), IsOk());
}

TEST_F(ReliefTest, RolesOfLockstepsOwnAreNeverEnded) {
  const std::string role = lockstep_.db().CreateLogin("migrator");
  lockstep_.db().Query(absl::StrCat("GRANT lockstep_agents TO ", role));
  lockstep_.db().Query(absl::StrCat("GRANT ALL ON users TO ", role));
  const auto blocker = Block(role);
  auto connection = pool_.Take();
  EXPECT_THAT(*TerminateIdle(**connection, *elector_->leadership(), {.operation_id = "op"},
                             WaitFor(*blocker, lockstep_.db()), absl::ZeroDuration()),
              IsEmpty());
  EXPECT_THAT(blocker->Execute("COMMIT"), IsOk());
}

TEST_F(ReliefTest, ARoleThatMayNotEndSessionsIsToldWhatToType) {
  const std::string role = lockstep_.db().CreateLogin("weak");
  auto weak = postgres::Connection::Open({.conninfo = lockstep_.db().conninfo(role)});
  ASSERT_THAT(weak, IsOk());
  const absl::Status refused = CheckMayTerminate(**weak);
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kPermissionDenied, "PERMISSION"));
  lockstep_.db().Query(absl::StrCat("GRANT pg_signal_backend TO ", role));
  EXPECT_THAT(CheckMayTerminate(**weak), IsOk());
}

TEST_F(ReliefTest, ALockIsFreeWhenNobodyHasItAndNobodyThatWasThereIsLeft) {
  auto connection = pool_.Take();
  const auto blocker = Block();
  const LockWait wait = WaitFor(*blocker, lockstep_.db());
  EXPECT_EQ(*IsLockFree(**connection, wait), false);
  LockWait row = wait;
  row.relation = "";
  EXPECT_EQ(*IsLockFree(**connection, row), false) << "a row's lock: the transaction is still open";
  EXPECT_EQ(*IsLockFree(**connection, {}), false) << "nothing is known";
  ASSERT_THAT(blocker->Execute("COMMIT"), IsOk());
  EXPECT_EQ(*IsLockFree(**connection, wait), true);
  EXPECT_EQ(*IsLockFree(**connection, row), true);
  ASSERT_THAT(blocker->Execute("BEGIN"), IsOk());
  EXPECT_EQ(*IsLockFree(**connection, row), true) << "it is another transaction";
}

// With a ladder that gives up at once.
class GivingUpTest : public ReliefTest {
 protected:
  GivingUpTest() {
    durations_.lock_budget = absl::Milliseconds(1);
    agent_->Stop();
    operations_ = std::make_unique<Operations>(OperationsOptions{.database = &pool_,
                                                                 .elector = elector_.get(),
                                                                 .fleet = fleet_.get(),
                                                                 .lessor = lessor_.get(),
                                                                 .driver = driver_.get(),
                                                                 .durations = durations_});
    agent_ = std::make_shared<ApplyingAgent>(operations_.get(), lessor_.get(),
                                             lockstep_.db().conninfo(), declaration_.session_id);
    EXPECT_THAT(fleet_->Register(agent_, declaration_, false), IsOk());
  }
};

TEST_F(GivingUpTest, AfterTheBudgetItFailsWithWhoWasInTheWayAndGoesOnWhenTold) {
  const auto blocker = Block();
  const std::string operation = Start();
  ASSERT_TRUE(ComesToBe(operation, OperationState::kFailed));
  const auto failed = operations_->Get(operation);
  EXPECT_EQ(failed->row.error->reason, "LOCK_BUSY");
  EXPECT_THAT(failed->row.error->message, HasSubstr("orders@pod-3, idle in transaction"));
  ASSERT_THAT(blocker->Execute("COMMIT"), IsOk());
  const auto retried = operations_->Retry(operation, "bob", "the report has ended");
  ASSERT_THAT(retried, IsOk());
  EXPECT_EQ(retried->row.operation_id, operation);
  EXPECT_TRUE(ComesToBe(operation, OperationState::kSucceeded));
  EXPECT_EQ(lockstep_.Scalar("SELECT detail ->> 'by' FROM lockstep.event WHERE kind = "
                             "'operation_retried'"),
            "bob");
  const auto again = operations_->Retry(operation, "bob", "");
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->row.state, OperationState::kSucceeded) << "there is nothing to retry";
}

TEST_F(GivingUpTest, NothingIsRetriedBesideAnotherOperation) {
  const auto blocker = Block();
  const std::string failed = Start();
  ASSERT_TRUE(ComesToBe(failed, OperationState::kFailed));
  ASSERT_THAT(operations_->Pause(Start(), true, "ann", ""), IsOk());
  EXPECT_THAT(operations_->Retry(failed, "bob", ""),
              StatusIs(absl::StatusCode::kAborted, "OPERATION_IN_PROGRESS"));
  EXPECT_THAT(operations_->Retry("op-none", "bob", ""),
              StatusIs(absl::StatusCode::kNotFound, "OPERATION_NOT_FOUND"));
  ASSERT_THAT(blocker->Execute("COMMIT"), IsOk());
}

}  // namespace
}  // namespace lockstep::coordinator
