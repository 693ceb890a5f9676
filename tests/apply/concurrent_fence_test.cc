// Who may run a statement outside of a transaction, and what a holder whose lease is gone may
// write.
#include <gmock/gmock.h>

#include "tests/apply/concurrent_fixture.h"

namespace lockstep::testing {
namespace {

using apply::RunOutcome;
using apply::RunResult;
using postgres::Param;
using ::testing::HasSubstr;

class StatementFenceTest : public ConcurrentTest {
 protected:
  std::unique_ptr<postgres::ScriptSession> AgentSession() {
    auto session = postgres::ScriptSession::Open({.conninfo = db_.db().conninfo(db_.agent())});
    EXPECT_THAT(session, IsOk());
    return *std::move(session);
  }
  static std::string Plan(const apply::LeaseToken& token) {
    return absl::StrCat("SELECT * FROM lockstep.plan_statements(", token.epoch, ", '",
                        token.lease_id, "', 1, '{1}', '{1}', '{repeatable}', '{x}')");
  }
  static std::string Begin(const apply::LeaseToken& token) {
    return absl::StrCat("SELECT lockstep.begin_statement(", token.epoch, ", '", token.lease_id,
                        "', 1, 1, now())");
  }
  static std::string End(const apply::LeaseToken& token, const std::string& state = "done") {
    return absl::StrCat("SELECT lockstep.end_statement(", token.epoch, ", '", token.lease_id,
                        "', 1, 1, '", state, "', '{}')");
  }
};

TEST_F(StatementFenceTest, WithoutTheLockOfStatementsNothingIsWritten) {
  db_.Publish("VACUUM");
  const apply::LeaseToken token = db_.LeaseAll().token;
  const auto agent = AgentSession();
  for (const std::string& sql : {Plan(token), Begin(token), End(token)}) {
    EXPECT_THAT(agent->Execute(sql),
                StatusIs(absl::StatusCode::kFailedPrecondition, "LOCK_NOT_HELD"))
        << sql;
  }
  ASSERT_THAT(agent->Execute("BEGIN"), IsOk());
  EXPECT_THAT(agent->Execute(absl::StrCat("SELECT lockstep.open(", token.epoch, ", '",
                                          token.lease_id, "', 1)")),
              StatusIs(absl::StatusCode::kFailedPrecondition, "LOCK_NOT_HELD"));
}

TEST_F(StatementFenceTest, AnOldTokenWritesNothingAtAnyPoint) {
  db_.Publish("VACUUM");
  const apply::LeaseToken token = db_.LeaseAll().token;
  const auto agent = AgentSession();
  ASSERT_THAT(agent->Execute("SELECT lockstep.lock_statements()"), IsOk());
  ASSERT_THAT(agent->Execute(Plan(token)), IsOk());
  ASSERT_THAT(agent->Execute(Begin(token)), IsOk());
  db_.LeaseAll();
  for (const std::string& sql : {Plan(token), Begin(token), End(token)}) {
    EXPECT_THAT(agent->Execute(sql), StatusIs(absl::StatusCode::kFailedPrecondition, "FENCED"))
        << sql;
  }
  EXPECT_EQ(States(), "1 running");
}

TEST_F(StatementFenceTest, NothingBeginsOrEndsOutOfItsTurn) {
  db_.Publish("VACUUM");
  const apply::LeaseToken token = db_.LeaseAll().token;
  const auto agent = AgentSession();
  ASSERT_THAT(agent->Execute("SELECT lockstep.lock_statements()"), IsOk());
  EXPECT_THAT(agent->Execute(Begin(token)),
              StatusIs(absl::StatusCode::kFailedPrecondition, "NOT_NEXT"));
  ASSERT_THAT(agent->Execute(Plan(token)), IsOk());
  EXPECT_THAT(agent->Execute(End(token)),
              StatusIs(absl::StatusCode::kFailedPrecondition, "NOT_NEXT"));
  ASSERT_THAT(agent->Execute(Begin(token)), IsOk());
  ASSERT_THAT(agent->Execute(End(token)), IsOk());
  EXPECT_THAT(agent->Execute(Begin(token)),
              StatusIs(absl::StatusCode::kFailedPrecondition, "NOT_NEXT"));
  EXPECT_THAT(agent->Execute(End(token, "cleaned")),
              StatusIs(absl::StatusCode::kFailedPrecondition, "NOT_NEXT"));
}

TEST_F(StatementFenceTest, WithoutItsStatementsDoneAVersionDoesNotClose) {
  db_.Publish("VACUUM");
  const apply::RunSpec spec = db_.LeaseAll();
  const auto agent = AgentSession();
  ASSERT_THAT(agent->Execute("SELECT lockstep.lock_statements()"), IsOk());
  ASSERT_THAT(agent->Execute(Plan(spec.token)), IsOk());
  ASSERT_THAT(agent->Execute("BEGIN"), IsOk());
  ASSERT_THAT(agent->Execute("SELECT lockstep.open($1, $2, 1)",
                             {Param(spec.token.epoch), Param(spec.token.lease_id)}),
              IsOk());
  EXPECT_THAT(agent->Execute("SELECT lockstep.close($1, $2, 1, $3)",
                             {Param(spec.token.epoch), Param(spec.token.lease_id),
                              postgres::BytesParam(spec.items[0].digest)}),
              StatusIs(absl::StatusCode::kFailedPrecondition, "FENCE_BROKEN"));
}

TEST_F(StatementFenceTest, TheLockIsPolledAndNeverWaitedFor) {
  MakeTable("t");
  db_.Publish("CREATE INDEX CONCURRENTLY i ON t (a)");
  const apply::RunSpec spec = db_.LeaseAll();
  auto other = AgentSession();
  ASSERT_THAT(other->Execute("SELECT lockstep.lock_statements()"), IsOk());
  RunResult result;
  base::Mutex mu;
  std::string told;
  std::thread runner([&] {
    apply::Cancellation nobody;
    result = apply::ApplyRun(spec, nobody, [&](const apply::Progress& progress) {
      base::MutexLock lock(mu);
      if (!progress.activity.empty()) told = progress.activity;
    });
  });
  EXPECT_TRUE(Eventually([&] {
    base::MutexLock lock(mu);
    return told.find("still runs a statement") != std::string::npos;
  }));
  EXPECT_EQ(db_.Scalar("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"),
            "0");
  EXPECT_EQ(States(), "");
  other.reset();
  runner.join();
  EXPECT_EQ(result.outcome, RunOutcome::kSucceeded);
}

TEST_F(StatementFenceTest, WaitingForTheLockEndsWithTheLease) {
  db_.Publish("VACUUM");
  auto other = AgentSession();
  ASSERT_THAT(other->Execute("SELECT lockstep.lock_statements()"), IsOk());
  apply::Cancellation cancellation;
  const RunResult result =
      apply::ApplyRun(db_.LeaseAll(), cancellation,
                      [&](const apply::Progress&) { cancellation.Request("revoked"); });
  EXPECT_EQ(result.outcome, RunOutcome::kNotStarted);
  EXPECT_EQ(result.error->reason, "CANCELLED");
}

// The holder is stopped for so long that it loses its lease, and comes back.
TEST_F(StatementFenceTest, AHolderThatLostItsLeaseInMidBuildCommitsNothing) {
  MakeTable("t");
  db_.Publish("CREATE INDEX CONCURRENTLY i ON t (a); CREATE INDEX CONCURRENTLY j ON t (b);");
  const apply::RunSpec stale = db_.LeaseAll();
  apply::RunSpec fresh;
  apply::Cancellation nobody;
  auto old = db_.db().Connect();
  RunResult result;
  std::thread runner;
  ASSERT_THAT(old->InTransaction([&] {
    const auto seen = old->Query("LOCK TABLE t IN ROW EXCLUSIVE MODE");
    runner = std::thread([&] { result = apply::ApplyRun(stale, nobody, nullptr); });
    EXPECT_TRUE(ComesToWait("CREATE INDEX CONCURRENTLY i"));
    fresh = db_.LeaseAll();
    return seen.status();
  }),
              IsOk());
  runner.join();
  EXPECT_EQ(result.outcome, RunOutcome::kFailed);
  EXPECT_EQ(result.error->reason, "FENCED");
  EXPECT_EQ(db_.HistorySize(), 0);
  EXPECT_EQ(States(), "1 running, 2 planned");
  const std::string built = Oid("i");
  EXPECT_EQ(LeasedDatabase::Apply(fresh).outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(States(), "1 adopted, 2 done");
  EXPECT_EQ(Oid("i"), built);
  EXPECT_EQ(Invalid(), "0");
}

TEST_F(StatementFenceTest, AFileThatGivesUpTheLockIsStopped) {
  const RunResult result = Apply(
      "-- lockstep:transaction none\n-- lockstep:phase contract\n"
      "CREATE TABLE made (); SELECT pg_advisory_unlock_all(); CREATE TABLE never ();");
  EXPECT_EQ(result.error->reason, "LOCK_NOT_HELD");
  EXPECT_EQ(Oid("made") == "NULL", false);
  EXPECT_EQ(Oid("never"), "NULL");
}

TEST_F(StatementFenceTest, ACommitInAPartIsRefused) {
  db_.db().Query("CREATE PROCEDURE sneak() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$");
  const RunResult result = Apply("CREATE TABLE smuggled (id int); CALL sneak(); VACUUM;");
  EXPECT_EQ(result.outcome, RunOutcome::kFailed);
  EXPECT_EQ(Oid("smuggled"), "NULL");
  EXPECT_EQ(States(), "1 planned, 3 planned");
}

TEST_F(StatementFenceTest, ATransactionalRunDoesNotOpenIt) {
  // As an agent that does not know of such migrations would try.
  db_.Publish("CREATE TABLE t (id int)");
  db_.db().Query("UPDATE lockstep.migration SET transactional = false");
  EXPECT_EQ(LeasedDatabase::Apply(db_.LeaseAll()).error->reason, "LOCK_NOT_HELD");
  EXPECT_EQ(db_.HistorySize(), 0);
}

}  // namespace
}  // namespace lockstep::testing
