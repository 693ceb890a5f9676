// Locks that a migration waits for: who is in the way, every try, and going on afterwards.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nlohmann/json.hpp"

#include "tests/ctl/fake_coordinator.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

constexpr char kInTheWay[] =
    "public.users is locked by pid 4711, orders@pod-3, idle in transaction for 12s: UPDATE users";

v1::LockWait Wait() {
  v1::LockWait wait;
  wait.set_relation("public.users");
  wait.set_mode("AccessExclusiveLock");
  v1::LockBlocker& blocker = *wait.add_blockers();
  blocker.set_pid(4711);
  blocker.set_application_name("orders@pod-3");
  blocker.set_state("idle in transaction");
  blocker.mutable_state_age()->set_seconds(12);
  blocker.set_query("UPDATE users");
  return wait;
}

v1::RunError LockTimeout() {
  v1::RunError error;
  error.set_version(3);
  error.set_statement(2);
  error.set_reason("SQL_ERROR");
  error.set_sqlstate("55P03");
  error.set_message("canceling statement due to lock timeout");
  error.set_statement_text("ALTER TABLE users ADD COLUMN a int");
  *error.mutable_lock_wait() = Wait();
  return error;
}

v1::Operation FailedOperation() {
  v1::Operation operation = DoneOperation(2);
  operation.set_state(v1::OPERATION_STATE_FAILED);
  operation.set_error_file("003_add_a.sql");
  *operation.mutable_error() = LockTimeout();
  operation.mutable_error()->set_reason("LOCK_BUSY");
  operation.mutable_error()->set_message(
      "public.users is locked by pid 4711; gave up after 17 "
      "tries in 30m");
  v1::Attempt& attempt = *operation.add_recent_attempts();
  attempt.set_first(3);
  attempt.set_last(8);
  attempt.set_holder("shop@pod-1");
  attempt.set_outcome(v1::ATTEMPT_OUTCOME_FAILED);
  *attempt.mutable_error() = LockTimeout();
  return operation;
}

class Lock : public ::testing::Test {
 protected:
  Lock() {
    fake_.get_operation = [](const auto&, auto* response) {
      *response->mutable_operation() = FailedOperation();
      return absl::OkStatus();
    };
  }
  FakeCoordinator fake_;
};

TEST_F(Lock, WhoIsInTheWayIsShownWhileItWaits) {
  fake_.get_operation = [](const auto&, auto* response) {
    *response->mutable_operation() = RunningOperation(16);
    return absl::OkStatus();
  };
  fake_.watch_operation = [](auto*, auto* writer) {
    v1::WatchOperationResponse response;
    *response.mutable_operation() = RunningOperation(16);
    response.mutable_operation()->mutable_running()->set_version(3);
    *response.mutable_operation()->mutable_running()->mutable_lock_wait() = Wait();
    writer->Write(response);
    *response.mutable_operation() = DoneOperation(16);
    writer->Write(response);
    return absl::OkStatus();
  };
  const CommandResult result = RunLockstep(fake_, {"operations", "watch", "op-7f3a"});
  EXPECT_THAT(result.err, HasSubstr(kInTheWay));
  EXPECT_EQ(result.exit->code, 0);
}

TEST_F(Lock, EveryTryIsShownWithItsStatementAndWhoWasInTheWay) {
  const CommandResult result = RunLockstep(fake_, {"operations", "get", "op-7f3a"});
  EXPECT_THAT(result.out, HasSubstr("3..8"));
  EXPECT_THAT(result.out, HasSubstr("failed"));
  EXPECT_THAT(result.out, HasSubstr("55P03 at 3, statement 2: ALTER TABLE users ADD COLUMN a int"));
  EXPECT_THAT(result.out, HasSubstr(kInTheWay));
  const CommandResult json = RunLockstep(fake_, {"operations", "get", "op-7f3a", "-o", "json"});
  const auto attempt = nlohmann::json::parse(json.out).at("recentAttempts").at(0);
  EXPECT_EQ(attempt.at("error").at("sqlstate"), "55P03");
  EXPECT_EQ(attempt.at("error").at("lockWait").at("blockers").at(0).at("pid"), 4711);
}

TEST_F(Lock, AMigrationThatNeverGotItsLockIsBlockedAndSaysByWhom) {
  const CommandResult result = RunLockstep(fake_, {"operations", "watch", "op-7f3a"});
  EXPECT_EQ(result.exit->code, 5);
  EXPECT_THAT(result.err, HasSubstr("error: migration 3 add_a did not get its lock"));
  EXPECT_THAT(result.err, HasSubstr("pid 4711, orders@pod-3, idle in transaction for 12s"));
  EXPECT_THAT(result.err, HasSubstr("hint: "));
  EXPECT_THAT(result.err, HasSubstr("lockstep operations retry op-7f3a"));
}

TEST_F(Lock, RetryGoesOnUnderTheSameId) {
  v1::RetryOperationRequest asked;
  fake_.retry = [&](const auto& request, auto* response) {
    asked = request;
    *response->mutable_operation() = RunningOperation(16);
    return absl::OkStatus();
  };
  const CommandResult result =
      RunLockstep(fake_, {"operations", "retry", "op-7f3a", "--reason", "they are gone"});
  EXPECT_EQ(result.out, "op-7f3a is running\n");
  EXPECT_THAT(result.err, HasSubstr("lockstep operations watch op-7f3a"));
  EXPECT_EQ(asked.operation_id(), "op-7f3a");
  EXPECT_EQ(asked.reason(), "they are gone");
  EXPECT_NE(asked.actor(), "");
}

TEST_F(Lock, EndingIdleSessionsIsAskedForWithATime) {
  v1::StartUpgradeRequest asked;
  fake_.plan = [](const auto&, auto*) { return absl::OkStatus(); };
  fake_.start = [&](const auto& request, auto* response) {
    asked = request;
    *response->mutable_operation() = DoneOperation(16);
    return absl::OkStatus();
  };
  EXPECT_EQ(RunLockstep(fake_, {"upgrade", "--yes"}).exit->code, 0);
  EXPECT_FALSE(asked.has_terminate_idle_blockers());
  EXPECT_EQ(RunLockstep(fake_, {"upgrade", "--yes", "--terminate-idle-blockers", "30s"}).exit->code,
            0);
  EXPECT_EQ(asked.terminate_idle_blockers().seconds(), 30);
}

}  // namespace
}  // namespace lockstep::testing
