// The driver end to end, with everything real but the wire: PostgreSQL, the fence, an elector, and
// agents that apply what they are offered by lockstep.open and close.
#include "coordinator/operation/driver.h"

#include <gtest/gtest.h>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "coordinator/store/run_store.h"
#include "engine/base/ids.h"
#include "tests/coordinator/coordinator_test.h"
#include "tests/support/matchers.h"
#include "tests/support/sim_clock.h"

namespace lockstep::coordinator {
namespace {

using testing::Async;
using testing::Eventually;
using testing::FakeLink;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::LockstepDatabase;

class DriverTest : public CoordinatorTest {
 protected:
  DriverTest() : CoordinatorTest({{}, {}, {.phase = "contract"}, {}}) {}
};

TEST_F(DriverTest, AnEmptyDatabaseComesToItsHeadRunByRun) {
  const Agent agent = Connect("migrator", 4, true);
  ASSERT_TRUE(Eventually([&] { return agent.link->reason() == "behind"; }));
  const std::string operation = Upgrade();
  for (const auto& [first, last] : std::vector<std::pair<int, int>>{{1, 2}, {3, 3}, {4, 4}}) {
    const LeaseOffer offer = Offer(agent);
    EXPECT_EQ(offer.first, first);
    EXPECT_EQ(offer.last, last);
    Apply(agent, offer);
  }
  EXPECT_TRUE(ComesToBe(operation, OperationState::kSucceeded));
  EXPECT_EQ(lockstep_.Scalar("SELECT applied FROM lockstep.chain"), "4");
  // It waited for version 4; contract 3 ran before it was admitted and concerns it.
  EXPECT_TRUE(Eventually([&] { return agent.link->reason() == "too_old"; }));
}

TEST_F(DriverTest, OnAServedDatabaseTheContractIsLeftWaiting) {
  const Agent live = Connect("live", 0, true);
  ASSERT_TRUE(Eventually([&] { return live.link->reason() == "ready"; }));
  const std::string operation = Upgrade();
  Apply(live, Offer(live));
  const LeaseOffer last = Offer(live);
  EXPECT_EQ(last.first, 4);
  Apply(live, last);
  ASSERT_TRUE(ComesToBe(operation, OperationState::kSucceeded));
  EXPECT_EQ(operations_->Get(operation)->contracts_waiting, std::vector<Version>{3});
}

TEST_F(DriverTest, AContractThatConcernsSomebodyHoldsNothingUp) {
  const Agent live = Connect("live", 0, true);
  ASSERT_TRUE(Eventually([&] { return live.link->reason() == "ready"; }));
  const std::string operation = Upgrade(/*contracts=*/true);
  Apply(live, Offer(live));
  Apply(live, Offer(live));
  EXPECT_TRUE(ComesToBe(operation, OperationState::kSucceeded));
  EXPECT_EQ(lockstep_.Scalar("SELECT string_agg(version::text, ' ' ORDER BY version) "
                             "FROM lockstep.history"),
            "1 2 4");
}

TEST_F(DriverTest, WithoutAMigratorItWaitsAndSaysSo) {
  const std::string operation = Upgrade();
  EXPECT_TRUE(Eventually([&] {
    const auto view = operations_->Get(operation);
    return view.ok() && view->waiting_for == "no agent with --migrate-database is connected";
  }));
  const Agent agent = Connect("migrator", 0, true);
  EXPECT_EQ(Offer(agent).first, 1);
}

TEST_F(DriverTest, ASilentHolderLosesItsRunToTheNextAgent) {
  const Agent silent = Connect("silent", 0, true);
  const std::string operation = Upgrade();
  const LeaseOffer lost = Offer(silent);
  const auto zombie = lockstep_.Session();
  ASSERT_THAT(lockstep_.ApplyOnly(*zombie, lost.token, 1), IsOk());
  const Agent next = Connect("next", 0, true);
  fleet_->Disconnect(silent.declaration.session_id, silent.link.get(), false);
  lessor_->StreamLost(silent.declaration.session_id);
  driver_->Wake();
  const LeaseOffer offer = Offer(next);
  EXPECT_EQ(offer.first, 1);
  EXPECT_NE(offer.token.epoch, lost.token.epoch);
  EXPECT_FALSE(zombie->Execute("COMMIT").ok());
  Apply(next, offer);
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.history WHERE lease_epoch = " +
                             absl::StrCat(lost.token.epoch)),
            "0");
}

// Its stream stands, its process does not answer: the next run is somebody else's.
TEST_F(DriverTest, AHolderThatIsSilentOnAStandingStreamIsNotTheNextChoice) {
  driver_->Stop();
  testing::SimClock clock;
  Fleet fleet({.database = &pool_,
               .workers = &workers_,
               .clock = &clock,
               .durations = durations_,
               .leadership = [this] { return elector_->leadership(); }});
  Lessor lessor({.database = &pool_, .clock = &clock, .durations = durations_});
  Driver driver({.database = &pool_,
                 .fleet = &fleet,
                 .lessor = &lessor,
                 .clock = &clock,
                 .durations = durations_,
                 .leadership = [this] { return elector_->leadership(); }});
  std::map<std::string, Agent> agents;
  for (const char* const name : {"one", "two"}) {
    Agent agent{lockstep_.Instance(name, 0)};
    agent.declaration.can_migrate = true;
    ASSERT_THAT(fleet.Register(agent.link, agent.declaration, false), IsOk());
    agents[agent.declaration.session_id] = agent;
  }
  Upgrade();
  driver.Step();
  ASSERT_TRUE(lessor.held().has_value());
  const std::string silent = lessor.held()->lease.session;
  clock.Advance(durations_.lease_ttl);
  for (const auto& [session, agent] : agents) {
    if (session != silent) fleet.Heartbeat(session, false);
  }
  while (lessor.held().has_value() && lessor.held()->lease.session == silent) driver.Step();
  driver.Step();
  ASSERT_TRUE(lessor.held().has_value());
  EXPECT_NE(lessor.held()->lease.session, silent);
  workers_.Stop();  // Before the fleet that they work for.
}

TEST_F(DriverTest, ACancelledOperationTakesItsRunBack) {
  const Agent agent = Connect("migrator", 0, true);
  const std::string operation = Upgrade();
  const LeaseOffer offer = Offer(agent);
  ASSERT_THAT(operations_->Cancel(operation, "ann", "why"), IsOk());
  EXPECT_TRUE(ComesToBe(operation, OperationState::kCancelled));
  EXPECT_EQ(agent.link->revoked(), std::vector<LeaseToken>{offer.token});
  EXPECT_EQ(testing::StateOf(testing::Open(*lockstep_.Session(), offer.token, 1)), "LS001");
}

TEST_F(DriverTest, APauseLetsTheRunningMigrationCommitAndBeginsNoOther) {
  const Agent agent = Connect("migrator", 0, true);
  const std::string operation = Upgrade();
  const LeaseOffer offer = Offer(agent);
  const auto session = lockstep_.Session();
  ASSERT_THAT(testing::Open(*session, offer.token, 1), IsOk());
  ASSERT_THAT(operations_->Pause(operation, true, "ann", "why"), IsOk());
  EXPECT_TRUE(Eventually([&] {
    return lockstep_.Scalar(
               "SELECT count(*) FROM pg_locks WHERE NOT granted "
               "AND relation = 'lockstep.run_lock'::regclass") == "1";
  }));
  EXPECT_TRUE(agent.link->revoked().empty());
  ASSERT_THAT(lockstep_.Close(*session, offer.token, 1), IsOk());
  EXPECT_THAT(session->Execute("COMMIT"), IsOk());
  EXPECT_TRUE(
      Eventually([&] { return agent.link->revoked() == std::vector<LeaseToken>{offer.token}; }));
  EXPECT_EQ(testing::StateOf(testing::Open(*lockstep_.Session(), offer.token, 2)), "LS001");
  EXPECT_TRUE(Eventually([&] {
    return absl::StrContains(operations_->Get(operation)->waiting_for, "operations resume");
  }));
  EXPECT_EQ(operations_->Get(operation)->row.state, OperationState::kPaused);
  EXPECT_EQ(lockstep_.Scalar("SELECT applied FROM lockstep.chain"), "1");
  ASSERT_THAT(operations_->Pause(operation, false, "ann", ""), IsOk());
  EXPECT_EQ(Offer(agent).first, 2);
}

TEST_F(DriverTest, APauseOutlivesItsLeaderAndEndsByACancel) {
  const std::string operation = Upgrade();
  ASSERT_THAT(operations_->Pause(operation, true, "ann", "why"), IsOk());
  driver_->Stop();
  Driver next({.database = &pool_,
               .fleet = fleet_.get(),
               .lessor = lessor_.get(),
               .durations = durations_,
               .leadership = [&] { return elector_->leadership(); }});
  next.Start();
  const Agent agent = Connect("migrator", 0, true);
  EXPECT_TRUE(
      Eventually([&] { return absl::StrContains(next.waiting_for(), "operations resume"); }));
  EXPECT_FALSE(agent.link->TakeOffer().has_value());
  ASSERT_THAT(operations_->Cancel(operation, "ann", "why"), IsOk());
  next.Wake();
  EXPECT_TRUE(ComesToBe(operation, OperationState::kCancelled));
}

// A leader that has just been elected grants what needs no contract at once; the contract waits
// until those that count were heard from, also one that is admitted and does not serve.
TEST_F(DriverTest, AContractWaitsUntilTheNewLeaderHasSettled) {
  const Agent admitted = Connect("admitted", 0, false);
  ASSERT_TRUE(Eventually([&] { return admitted.link->reason() == "ready"; }));
  lockstep_.db().Query("UPDATE lockstep.session SET adapted_to = 3");  // Concerned by nothing.
  driver_->Stop();
  Settle settle({.durations = durations_});
  settle.Begin({admitted.declaration.session_id}, false);
  Driver next({.database = &pool_,
               .fleet = fleet_.get(),
               .lessor = lessor_.get(),
               .settle = &settle,
               .durations = durations_,
               .leadership = [&] { return elector_->leadership(); }});
  next.Start();
  const Agent agent = Connect("migrator", 0, true);
  ASSERT_TRUE(Eventually([&] { return agent.link->reason() == "ready"; }));  // Its row is there.
  lockstep_.db().Query("UPDATE lockstep.session SET adapted_to = 3");
  const std::string operation = Upgrade(/*contracts=*/true);
  for (const Version first : {1, 4}) {
    const LeaseOffer offer = Offer(agent);
    EXPECT_EQ(offer.first, first);
    Apply(agent, offer);
  }
  EXPECT_TRUE(
      Eventually([&] { return absl::StrContains(next.waiting_for(), "to be heard from"); }));
  EXPECT_FALSE(agent.link->TakeOffer().has_value());
  settle.Heard(admitted.declaration.session_id);
  next.Wake();
  EXPECT_EQ(Offer(agent).first, 3);
}

TEST_F(DriverTest, ANewIncarnationIsSettledInTheDatabaseForTheLeadersThatFollow) {
  driver_->Stop();
  lockstep_.db().Query("UPDATE lockstep.chain SET incarnation = 2");
  testing::SimClock clock;
  Settle settle({.clock = &clock, .durations = durations_});
  settle.Begin({}, /*rows_may_be_lost=*/true);
  Driver next({.database = &pool_,
               .fleet = fleet_.get(),
               .lessor = lessor_.get(),
               .settle = &settle,
               .durations = durations_,
               .leadership = [&] { return elector_->leadership(); }});
  (void)next.Step();
  EXPECT_EQ(lockstep_.Scalar("SELECT settled_incarnation FROM lockstep.chain"), "1");
  clock.Advance(durations_.session_ttl + durations_.admission_validity);
  (void)next.Step();
  EXPECT_EQ(lockstep_.Scalar("SELECT settled_incarnation FROM lockstep.chain"), "2");
}

TEST_F(DriverTest, ADatabaseWhoseNumbersWentBackIsNotTrusted) {
  driver_->Stop();
  std::string why;
  Driver next({.database = &pool_,
               .fleet = fleet_.get(),
               .lessor = lessor_.get(),
               .durations = durations_,
               .leadership = [&] { return elector_->leadership(); },
               .distrust = [&](int64_t, const std::string& what) { why = what; }});
  (void)next.Step();
  EXPECT_EQ(why, "");
  const Agent agent = Connect("migrator", 0, true);
  Upgrade();
  lockstep_.db().Query("UPDATE lockstep.chain SET revision = revision - 2");
  (void)next.Step();
  EXPECT_THAT(why, HasSubstr("the revision went back"));
  EXPECT_FALSE(agent.link->TakeOffer().has_value());
}

// Seldom, because what counts is in memory; and not while somebody looks at the database for long,
// because then each renewal leaves a version of the row behind.
TEST_F(DriverTest, AHeldLeaseIsRenewedInItsRowNowAndThenButNotUnderALongSnapshot) {
  driver_->Stop();
  testing::SimClock clock;
  Driver next({.database = &pool_,
               .fleet = fleet_.get(),
               .lessor = lessor_.get(),
               .clock = &clock,
               .durations = durations_,
               .leadership = [&] { return elector_->leadership(); }});
  const Agent agent = Connect("migrator", 0, true);
  Upgrade();
  (void)next.Step();
  ASSERT_TRUE(agent.link->TakeOffer().has_value());
  const auto expiry = [&] { return lockstep_.Scalar("SELECT expires_at FROM lockstep.lease"); };
  const std::string granted = expiry();
  (void)next.Step();
  EXPECT_EQ(expiry(), granted);
  clock.Advance(durations_.lease_row_renew);
  (void)next.Step();
  const std::string renewed = expiry();
  EXPECT_GT(renewed, granted);
  auto connection = pool_.Take();
  EXPECT_THAT(HasSnapshotOlderThan(**connection, absl::Seconds(10)), testing::IsOkAndHolds(false));
  const auto reader = lockstep_.Session();
  ASSERT_THAT(reader->Execute("BEGIN ISOLATION LEVEL REPEATABLE READ"), IsOk());
  ASSERT_THAT(reader->Execute("SELECT count(*) FROM lockstep.chain"), IsOk());
  EXPECT_THAT(HasSnapshotOlderThan(**connection, absl::ZeroDuration()),
              testing::IsOkAndHolds(true));
  // One that adopted the lease brings the row up to date at once.
  Driver successor({.database = &pool_,
                    .fleet = fleet_.get(),
                    .lessor = lessor_.get(),
                    .durations = durations_,
                    .leadership = [&] { return elector_->leadership(); }});
  (void)successor.Step();
  EXPECT_GT(expiry(), renewed);
}

TEST_F(DriverTest, AnErrorThatCannotGetBetterEndsTheOperation) {
  const Agent agent = Connect("migrator", 0, true);
  const std::string operation = Upgrade();
  const LeaseOffer offer = Offer(agent);
  EXPECT_THAT(
      operations_->CompleteRun(agent.declaration.session_id, offer.token, RunOutcome::kFailed, 0,
                               RunError{.version = 1, .message = "syntax error"}),
      IsOk());
  EXPECT_TRUE(ComesToBe(operation, OperationState::kFailed));
  const auto view = operations_->Get(operation);
  EXPECT_EQ(view->row.error->message, "syntax error");
  EXPECT_EQ(view->error_file, "001_title_1.sql");
}

TEST_F(DriverTest, ABusyLockIsTriedAgainAfterAPause) {
  const Agent agent = Connect("migrator", 0, true);
  const std::string operation = Upgrade();
  const LeaseOffer first = Offer(agent);
  EXPECT_THAT(operations_->CompleteRun(
                  agent.declaration.session_id, first.token, RunOutcome::kFailed, 0,
                  RunError{.version = 1, .message = "lock timeout", .retryable = true}),
              IsOk());
  const LeaseOffer second = Offer(agent);
  EXPECT_GT(second.token.epoch, first.token.epoch);
  EXPECT_EQ(operations_->Get(operation)->row.attempts, 2);
}

TEST_F(DriverTest, ALongChainWithManyRunsStillWaitsForABusyLock) {
  const Agent agent = Connect("migrator", 0, true);
  const std::string operation = Upgrade();
  // More runs than a busy lock is tried for, all of which committed what they were to.
  lockstep_.db().Query(
      "INSERT INTO lockstep.attempt (lease_epoch, operation, session, holder, first, last, "
      "ended_at,"
      " outcome, committed) SELECT -n, $1, gen_random_uuid(), 'a', 1, 1, now(), 'succeeded', 1"
      " FROM generate_series(1, 50) AS n",
      {postgres::Param(operation)});
  const LeaseOffer first = Offer(agent);
  EXPECT_THAT(operations_->CompleteRun(
                  agent.declaration.session_id, first.token, RunOutcome::kFailed, 0,
                  RunError{.version = 1, .message = "lock timeout", .retryable = true}),
              IsOk());
  EXPECT_GT(Offer(agent).token.epoch, first.token.epoch);
}

TEST_F(DriverTest, ARunThatItsHolderDeclinesGoesToAnother) {
  const Agent one = Connect("one", 0, true);
  Upgrade();
  const LeaseOffer offer = Offer(one);
  const Agent two = Connect("two", 0, true);
  EXPECT_THAT(operations_->CompleteRun(one.declaration.session_id, offer.token,
                                       RunOutcome::kNotStarted, 0, {}),
              IsOk());
  EXPECT_EQ(Offer(two).first, 1);
}

TEST_F(DriverTest, FetchingNeedsTheTokenAndAVersionOfTheRun) {
  const Agent agent = Connect("migrator", 0, true);
  Upgrade();
  const LeaseOffer offer = Offer(agent);
  const auto run = operations_->FetchRun(offer.token, 1);
  ASSERT_THAT(run, IsOk());
  EXPECT_EQ(run->texts.size(), 2);
  EXPECT_FALSE(run->more);
  EXPECT_THAT(operations_->FetchRun(offer.token, 3),
              testing::StatusIs(absl::StatusCode::kInvalidArgument, "INVALID_FIELD"));
  EXPECT_THAT(operations_->FetchRun({offer.token.epoch, base::NewUuid()}, 1),
              testing::StatusIs(absl::StatusCode::kFailedPrecondition, "FENCED"));
}

}  // namespace
}  // namespace lockstep::coordinator
