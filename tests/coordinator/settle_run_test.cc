// Taking back a run outside of a transaction: nothing else begins while its statement may run, a
// holder that is stuck is ended, one that works is left to finish, and a contract that was begun
// goes forward.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "tests/coordinator/coordinator_test.h"

namespace lockstep::coordinator {
namespace {

using testing::Async;
using testing::ScriptSession;

// Version 1 and the contract 2 run outside of a transaction, version 3 in one.
class SettleRunTest : public CoordinatorTest {
 protected:
  SettleRunTest()
      : CoordinatorTest(
            {{.transactional = false}, {.phase = "contract", .transactional = false}, {}}) {}

  // An agent whose build no contract concerns.
  Agent ConnectAdapted(const std::string& name) {
    Agent agent{lockstep_.Instance(name, 0)};
    agent.declaration.adapted_to = 3;
    agent.declaration.can_migrate = true;
    EXPECT_THAT(fleet_->Register(agent.link, agent.declaration, false), IsOk());
    driver_->Wake();
    return agent;
  }
  // As its stream does when it breaks.
  void Lose(const Agent& agent) {
    fleet_->Disconnect(agent.declaration.session_id, agent.link.get(), false);
    lessor_->StreamLost(agent.declaration.session_id);
    driver_->Wake();
  }
  // A holder's session that has begun the one statement of `version`.
  std::unique_ptr<ScriptSession> Begin(const LeaseOffer& offer) {
    auto holder = lockstep_.Session();
    const std::string token =
        absl::StrCat(offer.token.epoch, ", '", offer.token.lease_id, "', ", offer.first);
    EXPECT_THAT(holder->Execute("SELECT lockstep.lock_statements()"), IsOk());
    EXPECT_THAT(holder->Execute(absl::StrCat("SELECT * FROM lockstep.plan_statements(", token,
                                             ", '{1}', '{1}', '{repeatable}', '{x}')")),
                IsOk());
    EXPECT_THAT(
        holder->Execute(absl::StrCat("SELECT lockstep.begin_statement(", token, ", 1, now())")),
        IsOk());
    return holder;
  }
  // Ends it and closes its version.
  void Finish(ScriptSession& holder, const LeaseOffer& offer) {
    const std::string token =
        absl::StrCat(offer.token.epoch, ", '", offer.token.lease_id, "', ", offer.first);
    EXPECT_THAT(
        holder.Execute(absl::StrCat("SELECT lockstep.end_statement(", token, ", 1, 'done', '{}')")),
        IsOk());
    EXPECT_THAT(testing::Open(holder, offer.token, offer.first), IsOk());
    EXPECT_THAT(lockstep_.Close(holder, offer.token, offer.first), IsOk());
    EXPECT_THAT(holder.Execute("COMMIT"), IsOk());
  }
  std::string LeaseState() { return lockstep_.Scalar("SELECT state FROM lockstep.lease"); }
  std::string Inflight() {
    return lockstep_.Scalar("SELECT coalesce(inflight, 0) FROM lockstep.chain");
  }
  void RunFirst(const Agent& agent) {
    const LeaseOffer offer = Offer(agent);
    EXPECT_EQ(offer.first, 1);
    EXPECT_EQ(offer.last, 1);
    Finish(*Begin(offer), offer);
  }
  // Until the leader says that somebody is still at work.
  bool WaitsForBackend(const std::string& operation, int pid) {
    return Eventually([&] {
      const auto view = operations_->Get(operation);
      return view.ok() &&
             absl::StrContains(view->waiting_for, absl::StrCat("backend ", pid, " still runs"));
    });
  }
};

TEST_F(SettleRunTest, AHolderThatWorksOnIsWaitedForAndThenTheNextOneComes) {
  const Agent silent = ConnectAdapted("silent");
  const std::string operation = Upgrade();
  const LeaseOffer offer = Offer(silent);
  const auto orphan = Begin(offer);
  auto working = Async([&] { return orphan->Execute("SELECT pg_sleep(600)").ok(); });
  ASSERT_TRUE(Eventually([&] {
    return lockstep_.Scalar("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") ==
           "1";
  }));
  const Agent next = ConnectAdapted("next");
  Lose(silent);
  EXPECT_TRUE(WaitsForBackend(operation, orphan->announced_backend_pid()));
  EXPECT_EQ(LeaseState(), "revoking");
  EXPECT_EQ(Inflight(), "1");
  EXPECT_FALSE(next.link->TakeOffer().has_value());
  orphan->Cancel();
  EXPECT_FALSE(working.get());
  // It idles now, with the lock, as behind an agent that is stopped: it is ended.
  const LeaseOffer again = Offer(next);
  EXPECT_EQ(again.first, 1);
  EXPECT_THAT(orphan->Execute("SELECT 1"), testing::StatusIs(absl::StatusCode::kUnavailable));
  Finish(*Begin(again), again);
  EXPECT_EQ(lockstep_.Scalar("SELECT lease_epoch FROM lockstep.history WHERE version = 1"),
            absl::StrCat(again.token.epoch));
}

TEST_F(SettleRunTest, AReportThatItFailedDoesNotFreeTheChainWhileTheStatementRuns) {
  const Agent agent = ConnectAdapted("a");
  const std::string operation = Upgrade();
  const LeaseOffer offer = Offer(agent);
  const auto orphan = Begin(offer);
  auto working = Async([&] { return orphan->Execute("SELECT pg_sleep(600)").ok(); });
  ASSERT_TRUE(Eventually([&] {
    return lockstep_.Scalar("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") ==
           "1";
  }));
  EXPECT_THAT(operations_->CompleteRun(
                  agent.declaration.session_id, offer.token, RunOutcome::kFailed, 0,
                  RunError{.version = 1, .message = "connection lost", .retryable = true}),
              IsOk());
  EXPECT_TRUE(WaitsForBackend(operation, orphan->announced_backend_pid()));
  EXPECT_EQ(Inflight(), "1");
  orphan->Cancel();
  EXPECT_FALSE(working.get());
  EXPECT_EQ(Offer(agent).first, 1);
}

TEST_F(SettleRunTest, ACancelledOperationEndsWhenNothingRunsAnyMore) {
  const Agent agent = ConnectAdapted("a");
  const std::string operation = Upgrade();
  const LeaseOffer offer = Offer(agent);
  auto holder = Begin(offer);
  auto working = Async([&] { return holder->Execute("SELECT pg_sleep(600)").ok(); });
  ASSERT_TRUE(Eventually([&] {
    return lockstep_.Scalar("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") ==
           "1";
  }));
  EXPECT_THAT(operations_->Cancel(operation, "ann", "enough"), IsOk());
  EXPECT_TRUE(Eventually([&] { return !agent.link->revoked().empty(); }));
  EXPECT_TRUE(WaitsForBackend(operation, holder->announced_backend_pid()));
  EXPECT_EQ(operations_->Get(operation)->row.state, OperationState::kCancelling);
  // What an agent does that hears of it.
  holder->Cancel();
  EXPECT_FALSE(working.get());
  holder.reset();
  EXPECT_TRUE(ComesToBe(operation, OperationState::kCancelled));
  EXPECT_EQ(LeaseState(), "idle");
  EXPECT_EQ(Inflight(), "0");
}

TEST_F(SettleRunTest, APauseLetsTheOneMigrationEnd) {
  const Agent agent = ConnectAdapted("a");
  const std::string operation = Upgrade();
  const LeaseOffer offer = Offer(agent);
  const auto holder = Begin(offer);
  EXPECT_THAT(operations_->Pause(operation, true, "ann", "lunch"), IsOk());
  EXPECT_EQ(driver_->waiting_for(), "");
  Finish(*holder, offer);
  EXPECT_TRUE(Eventually([&] {
    const auto view = operations_->Get(operation);
    return view.ok() && absl::StartsWith(view->waiting_for, "paused");
  }));
  EXPECT_FALSE(agent.link->TakeOffer().has_value());
}

TEST_F(SettleRunTest, AContractThatWasBegunStaysInFlightAndIsGrantedAgain) {
  const Agent agent = ConnectAdapted("a");
  const std::string operation = Upgrade(/*contracts=*/true);
  RunFirst(agent);
  const LeaseOffer offer = Offer(agent);
  ASSERT_EQ(offer.first, 2);
  auto holder = Begin(offer);
  const Agent next = ConnectAdapted("next");
  Lose(agent);
  holder.reset();
  const LeaseOffer again = Offer(next);
  EXPECT_EQ(again.first, 2);
  EXPECT_NE(again.token.epoch, offer.token.epoch);
  EXPECT_EQ(Inflight(), "2");
  Finish(*Begin(again), again);
  EXPECT_EQ(Offer(next).first, 3);
}

TEST_F(SettleRunTest, ACancelLeavesAContractThatWasBegunInFlightUntilTheNextUpgrade) {
  const Agent agent = ConnectAdapted("a");
  const std::string operation = Upgrade(/*contracts=*/true);
  RunFirst(agent);
  const LeaseOffer offer = Offer(agent);
  Begin(offer).reset();
  EXPECT_THAT(operations_->Cancel(operation, "ann", "enough"), IsOk());
  EXPECT_TRUE(ComesToBe(operation, OperationState::kCancelled));
  EXPECT_EQ(LeaseState(), "revoking");
  EXPECT_EQ(Inflight(), "2");
  Upgrade(/*contracts=*/false);
  EXPECT_EQ(Offer(agent).first, 2);
}

TEST_F(SettleRunTest, ARunOfSeveralWithOneOutsideOfATransactionIsNotGranted) {
  EXPECT_THAT(
      lessor_->Grant(
          *elector_->leadership(), lockstep_.lease_epoch(),
          {.first = 1, .last = 2, .session = base::NewUuid(), .holder = "a@b", .operation = "op"}),
      testing::StatusIs(absl::StatusCode::kFailedPrecondition, "NOT_NEXT"));
}

}  // namespace
}  // namespace lockstep::coordinator
