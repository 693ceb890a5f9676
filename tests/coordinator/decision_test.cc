#include "coordinator/operation/decision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/coordinator/decision_fixture.h"

namespace lockstep::coordinator {
namespace {

using Kind = Decision::Kind;
using ::testing::HasSubstr;

TEST_F(DecisionTest, WithoutAnOperationThereIsNothingToDo) {
  view_.operation.reset();
  AddAgent("a");
  EXPECT_EQ(Ask().kind, Kind::kNothing);
}

TEST_F(DecisionTest, WhileALeaderSettlesContractsWaitAndWhatNeedsNoneRuns) {
  AddAgent("a");
  view_.chain.head = 5;
  view_.operation->target = 5;
  view_.operation->contracts = true;
  view_.pending = {{.version = 1, .phase = sql::Phase::kContract},
                   {.version = 2, .phase = sql::Phase::kExpand},
                   {.version = 3, .phase = sql::Phase::kExpand},
                   {.version = 4, .phase = sql::Phase::kExpand, .waits_for = {1}},
                   {.version = 5, .phase = sql::Phase::kExpand}};
  EXPECT_EQ(Ask().run, (coordinator::Run{1, 1}));
  view_.settling = "a new leader waits";
  view_.settle_left = absl::Seconds(7);
  Decision decision = Ask();
  EXPECT_EQ(decision.kind, Kind::kGrant);
  EXPECT_EQ(decision.run, (coordinator::Run{2, 3}));
  view_.chain.applied = 3;
  view_.pending.erase(view_.pending.begin() + 1, view_.pending.begin() + 3);
  decision = Ask();
  EXPECT_EQ(decision.kind, Kind::kWait);
  EXPECT_EQ(decision.why, "a new leader waits");
  EXPECT_EQ(decision.retry_in, absl::Seconds(7));
  view_.settling.clear();
  EXPECT_EQ(Ask().run, (coordinator::Run{1, 1}));
}

TEST_F(DecisionTest, TheNextRunGoesToAnAgentThatCanMigrate) {
  AddAgent("reader").declaration.can_migrate = false;
  AddAgent("gone").connected = false;
  AddAgent("leaving").draining = true;
  AddAgent("writer");
  const Decision decision = Ask();
  EXPECT_EQ(decision.kind, Kind::kGrant);
  EXPECT_EQ(decision.run, (coordinator::Run{1, 2}));
  EXPECT_EQ(decision.session, "writer");
  EXPECT_EQ(decision.holder, "service@writer");
}

TEST_F(DecisionTest, WithoutAnAgentItWaitsAndNamesTheFlag) {
  const Decision decision = Ask();
  EXPECT_EQ(decision.kind, Kind::kWait);
  EXPECT_THAT(decision.why, HasSubstr("--migrate-database"));
}

TEST_F(DecisionTest, ABrokenMigratorConnectionIsNamed) {
  Member& agent = AddAgent("a");
  agent.declaration.can_migrate = false;
  agent.declaration.migrate_error = "password authentication failed";
  EXPECT_THAT(Ask().why, HasSubstr("service@a: password authentication failed"));
}

TEST_F(DecisionTest, AnAgentThatDeclinedRestsAndItsTurnComes) {
  AddAgent("a").declined_until = kNow + absl::Seconds(2);
  const Decision decision = Ask();
  EXPECT_EQ(decision.kind, Kind::kWait);
  EXPECT_EQ(decision.retry_in, absl::Seconds(2));
  members_[0].declined_until = kNow;
  EXPECT_EQ(Ask().kind, Kind::kGrant);
}

TEST_F(DecisionTest, WhenEveryAgentIsUnfitTheOperationFails) {
  Member& agent = AddAgent("a");
  agent.unfit_for = "op";
  agent.unfit_why = "permission denied for schema public";
  const Decision decision = Ask();
  EXPECT_EQ(decision.kind, Kind::kEnd);
  EXPECT_EQ(decision.state, OperationState::kFailed);
  ASSERT_TRUE(decision.error.has_value());
  EXPECT_THAT(decision.error->message, HasSubstr("permission denied for schema public"));
  EXPECT_EQ(decision.error->version, 1);
  EXPECT_EQ(decision.error->reason, "NO_FIT_AGENT");
}

TEST_F(DecisionTest, AnUnfitAgentDoesNotEndItWhileAnotherMayTry) {
  AddAgent("a").unfit_for = "op";
  AddAgent("b").declined_until = kNow + absl::Seconds(1);
  EXPECT_EQ(Ask().kind, Kind::kWait);
  AddAgent("c");
  EXPECT_EQ(Ask().session, "c");
}

TEST_F(DecisionTest, UnfitForAnEarlierOperationIsForgiven) {
  AddAgent("a").unfit_for = "another";
  EXPECT_EQ(Ask().kind, Kind::kGrant);
}

TEST_F(DecisionTest, ARunThatWasTakenBackIsSettledBeforeAnythingElse) {
  AddAgent("a");
  view_.lease = {.token = {.epoch = 2}, .revoking = true, .first = 1, .last = 1};
  EXPECT_EQ(Ask().kind, Kind::kSettle);
  EXPECT_FALSE(Ask().force);
  // What runs for an operation that is not wanted any more need not end by itself.
  view_.operation->state = OperationState::kCancelling;
  EXPECT_EQ(Ask().kind, Kind::kSettle);
  EXPECT_TRUE(Ask().force);
  view_.operation.reset();
  EXPECT_EQ(Ask().kind, Kind::kSettle);
  EXPECT_TRUE(Ask().force);
}

TEST_F(DecisionTest, AContractThatWasBegunIsGrantedAgainByAnyOperation) {
  AddAgent("a");
  view_.lease = {.token = {.epoch = 2}, .revoking = true, .first = 7, .last = 7};
  view_.half_done = true;
  EXPECT_EQ(Ask().kind, Kind::kGrant);
  EXPECT_EQ(Ask().run, (coordinator::Run{7, 7}));
  view_.operation->state = OperationState::kPaused;
  EXPECT_EQ(Ask().kind, Kind::kWait);
  view_.operation->state = OperationState::kCancelling;
  EXPECT_EQ(Ask().kind, Kind::kEnd);
  EXPECT_EQ(Ask().state, OperationState::kCancelled);
  view_.operation.reset();
  EXPECT_EQ(Ask().kind, Kind::kNothing);
}

TEST_F(DecisionTest, APauseLetsWhatRunsOutsideOfATransactionEnd) {
  AddAgent("a");
  Hold("op");
  view_.operation->state = OperationState::kPaused;
  EXPECT_EQ(Ask().kind, Kind::kTakeBack);
  view_.lease.transactional = false;
  EXPECT_EQ(Ask().kind, Kind::kWait);
}

TEST_F(DecisionTest, NothingLeftToRunIsSuccess) {
  view_.pending.clear();
  const Decision decision = Ask();
  EXPECT_EQ(decision.kind, Kind::kEnd);
  EXPECT_EQ(decision.state, OperationState::kSucceeded);
  EXPECT_FALSE(decision.error.has_value());
}

TEST_F(DecisionTest, ContractsLeftWaitingAreSuccess) {
  view_.pending = {{.version = 2, .phase = sql::Phase::kContract}};
  EXPECT_EQ(Ask().state, OperationState::kSucceeded);
}

TEST_F(DecisionTest, ABlockedMigrationFailsItOnceTheOthersHaveRun) {
  AddAgent("a");
  view_.pending[1].needs_backfill = {"job"};
  EXPECT_EQ(Ask().run, (coordinator::Run{1, 1}));
  view_.pending.erase(view_.pending.begin());
  const Decision decision = Ask();
  EXPECT_EQ(decision.state, OperationState::kFailed);
  EXPECT_EQ(decision.error->version, 2);
  EXPECT_THAT(decision.error->message, HasSubstr("job"));
  EXPECT_EQ(decision.error->reason, "BLOCKED");
}

TEST_F(DecisionTest, ABackfillThatRunsIsWaitedForAndOneThatFailedIsNot) {
  AddAgent("a");
  view_.pending[0].needs_backfill = {"job"};
  view_.backfills = {{.name = "job", .state = "running", .total = 100, .walked = 7}};
  const Decision waits = Ask();
  EXPECT_EQ(waits.kind, Kind::kWait);
  EXPECT_LE(waits.retry_in, absl::Seconds(2));
  EXPECT_THAT(waits.why, HasSubstr("7 % of 100 rows"));
  view_.backfills[0].state = "failed";
  view_.backfills[0].rows_left = 3;
  view_.backfills[0].look = "SELECT 1";
  const Decision fails = Ask();
  EXPECT_EQ(fails.state, OperationState::kFailed);
  EXPECT_EQ(fails.error->reason, "BLOCKED");
  EXPECT_THAT(fails.error->message, HasSubstr("3 rows left"));
  EXPECT_THAT(fails.error->hint, HasSubstr("SELECT 1"));
}

TEST_F(DecisionTest, APauseAfterAnErrorIsWaitedForAndExplained) {
  AddAgent("a");
  view_.operation->delay = absl::Seconds(4);
  view_.operation->attempts = 2;
  view_.operation->error = RunError{.message = "lock timeout"};
  const Decision decision = Ask();
  EXPECT_EQ(decision.kind, Kind::kWait);
  EXPECT_EQ(decision.retry_in, absl::Seconds(4));
  EXPECT_THAT(decision.why, HasSubstr("lock timeout"));
}

TEST_F(DecisionTest, ACancelledOperationEndsOnceNothingIsHeld) {
  AddAgent("a");
  view_.operation->state = OperationState::kCancelling;
  EXPECT_EQ(Ask().state, OperationState::kCancelled);
  Hold("op");
  EXPECT_EQ(Ask().kind, Kind::kRevoke);
}

TEST_F(DecisionTest, APausedOperationIsGrantedNothingAndSaysHowToGoOn) {
  AddAgent("a");
  view_.operation->state = OperationState::kPaused;
  const Decision decision = Ask();
  EXPECT_EQ(decision.kind, Kind::kWait);
  EXPECT_THAT(decision.why, HasSubstr("lockstep operations resume op"));
  view_.pending[0].needs_backfill = {"job"};
  EXPECT_EQ(Ask().kind, Kind::kWait) << "what is in the way may be gone when it goes on";
}

TEST_F(DecisionTest, APausedOperationTakesItsRunBackGentlyUnlessTheHolderIsSilent) {
  AddAgent("a");
  view_.operation->state = OperationState::kPaused;
  Hold("op");
  EXPECT_EQ(Ask(false).kind, Kind::kTakeBack);
  EXPECT_EQ(Ask(true).kind, Kind::kRevoke);
}

TEST_F(DecisionTest, APausedOperationWithNothingLeftToRunHasSucceeded) {
  view_.operation->state = OperationState::kPaused;
  view_.pending.clear();
  EXPECT_EQ(Ask().state, OperationState::kSucceeded);
}

TEST_F(DecisionTest, AHeldLeaseIsLeftAloneUntilItIsOverdue) {
  AddAgent("a");
  Hold("op");
  EXPECT_EQ(Ask(false).kind, Kind::kWait);
  EXPECT_EQ(Ask(true).kind, Kind::kRevoke);
}

TEST_F(DecisionTest, ALeaseWhoseOperationHasEndedIsTakenBack) {
  Hold("another");
  EXPECT_EQ(Ask().kind, Kind::kRevoke);
  view_.operation.reset();
  EXPECT_EQ(Ask().kind, Kind::kRevoke);
}

TEST_F(DecisionTest, ALockThatIsWaitedForIsToldWithWhoIsInTheWay) {
  AddAgent("a");
  view_.operation->delay = absl::Seconds(4);
  view_.operation->failures = 2;
  view_.operation->error =
      RunError{.version = 1,
               .sqlstate = "55P03",
               .message = "canceling statement due to lock timeout",
               .lock = LockWait{.relation = "public.users",
                                .mode = "AccessExclusiveLock",
                                .blockers = {{.pid = 4711,
                                              .application_name = "orders@pod-3",
                                              .state = "idle in transaction",
                                              .state_age = absl::Seconds(12),
                                              .query = "UPDATE users"}}}};
  const std::string why = Ask().why;
  EXPECT_THAT(why, HasSubstr("public.users is locked by pid 4711, orders@pod-3, idle in "
                             "transaction for 12s: UPDATE users"));
  view_.operation->delay = absl::Seconds(3);
  EXPECT_EQ(Ask().why, why) << "told once, not with each look";
}

TEST_F(DecisionTest, AnAgentThatWasUnfitIsForgivenWhenAPersonSaysGoOn) {
  AddAgent("a").unfit_for = "op";
  EXPECT_EQ(Ask().kind, Kind::kEnd);
  view_.operation->retries = 1;
  EXPECT_EQ(Ask().kind, Kind::kGrant);
}

constexpr char kLockTimeout[] = "55P03";

TEST(AfterFailureTest, WhatCannotGetBetterEndsAtOnce) {
  EXPECT_FALSE(DecideAfterFailure({.retryable = false}, {.failures = 1}, {}).retry);
}

TEST(AfterFailureTest, LocksAreTriedAgainByTheLadder) {
  const RunError busy{.sqlstate = kLockTimeout, .retryable = true};
  const auto pause = [&](int failures) {
    return DecideAfterFailure(busy, {.failures = failures}, {}).delay;
  };
  EXPECT_EQ(pause(1), absl::Seconds(25));
  EXPECT_EQ(pause(5), absl::Seconds(25));
  EXPECT_EQ(pause(6), absl::Minutes(1));
  EXPECT_EQ(pause(11), absl::Minutes(2));
}

TEST(AfterFailureTest, WhatIsNotALockIsTriedAgainSoonAndThenSeldom) {
  const Durations durations{.retry_base = absl::Seconds(1), .retry_cap = absl::Seconds(60)};
  const RunError away{.reason = "DATABASE_UNAVAILABLE", .retryable = true};
  const auto pause = [&](int failures) {
    return DecideAfterFailure(away, {.failures = failures}, durations).delay;
  };
  EXPECT_EQ(pause(0), absl::Seconds(1));
  EXPECT_EQ(pause(1), absl::Seconds(1));
  EXPECT_EQ(pause(2), absl::Seconds(2));
  EXPECT_EQ(pause(5), absl::Seconds(16));
  EXPECT_EQ(pause(7), absl::Seconds(60));
  EXPECT_EQ(pause(1'000'000), absl::Seconds(60));
}

TEST(AfterFailureTest, TheBudgetEndsItWithWhoWasInTheWay) {
  const RunError busy{
      .reason = "SQL_ERROR",
      .sqlstate = kLockTimeout,
      .retryable = true,
      .lock = LockWait{.relation = "public.users", .blockers = {{.pid = 7, .role = "app"}}}};
  const AfterFailure last = DecideAfterFailure(
      busy, {.failures = 19, .failing_for = absl::Minutes(29.5), .jitter = 1}, {});
  EXPECT_TRUE(last.retry);
  EXPECT_EQ(last.delay, absl::Seconds(30)) << "not later than the budget's end";
  const AfterFailure over =
      DecideAfterFailure(busy, {.failures = 20, .failing_for = absl::Minutes(30)}, {});
  EXPECT_FALSE(over.retry);
  EXPECT_EQ(over.error.reason, "LOCK_BUSY");
  EXPECT_THAT(over.error.message, HasSubstr("public.users is locked by pid 7, role app"));
  EXPECT_THAT(over.error.message, HasSubstr("20 tries in 30m"));
  EXPECT_THAT(over.error.hint, HasSubstr("lockstep operations retry"));
  const RunError away{.reason = "DATABASE_UNAVAILABLE", .retryable = true};
  EXPECT_EQ(DecideAfterFailure(away, {.failing_for = absl::Minutes(31)}, {}).error.reason,
            "DATABASE_UNAVAILABLE");
}

}  // namespace
}  // namespace lockstep::coordinator
