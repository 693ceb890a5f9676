// Commits whose connection is lost: the wire is cut on the way there, or the backend dies on the
// way back.
#include "engine/apply/outcome.h"

#include <atomic>
#include <gtest/gtest.h>
#include <thread>

#include "absl/strings/str_cat.h"

#include "engine/apply/run.h"
#include "tests/apply/cutting_proxy.h"
#include "tests/apply/fixture.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using apply::CommitOutcome;
using apply::RunOutcome;
using apply::RunResult;

// The text of the message, with its end: not that of READ COMMITTED.
std::string CommitMessage() { return std::string("COMMIT", sizeof("COMMIT")); }

constexpr char kWaitingCommits[] =
    "FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'SyncRep'";

// Ends the backend whose COMMIT waits for a replica, and waits until it has gone.
bool TerminateWaitingCommit(TestDatabase& db) {
  const bool found = Eventually([&] {
    return !db.Query(absl::StrCat("SELECT pg_terminate_backend(pid) ", kWaitingCommits)).empty();
  });
  return found &&
         Eventually([&] { return db.Query(absl::StrCat("SELECT 1 ", kWaitingCommits)).empty(); });
}

TEST(CommitInDoubt, ThatNeverArrivedIsNotAppliedAndMayBeTriedAgain) {
  LeasedDatabase db;
  db.Publish("CREATE TABLE a (id int)");
  CuttingProxy proxy(db.db().server(), CommitMessage());
  apply::RunSpec spec = db.LeaseAll();
  absl::StrAppend(&spec.conninfo, " host=", proxy.directory());
  const RunResult result = LeasedDatabase::Apply(spec);
  EXPECT_TRUE(proxy.was_cut());
  EXPECT_EQ(result.outcome, RunOutcome::kFailed);
  EXPECT_EQ(result.error->reason, "COMMIT_IN_DOUBT");
  EXPECT_TRUE(result.error->retryable);
  EXPECT_EQ(db.HistorySize(), 0);
  EXPECT_EQ(LeasedDatabase::Apply(db.LeaseAll()).outcome, RunOutcome::kSucceeded);
}

TEST(CommitInDoubt, IsWaitedForWhileTheTransactionIsStillOpen) {
  LeasedDatabase db;
  db.Publish("CREATE TABLE a (id int)");
  CuttingProxy proxy(db.db().server(), CommitMessage(), AfterCut::kKeepServer);
  apply::RunSpec spec = db.LeaseAll();
  absl::StrAppend(&spec.conninfo, " host=", proxy.directory());
  std::atomic<bool> returned = false;
  RunResult result;
  std::thread runner([&] {
    result = LeasedDatabase::Apply(spec);
    returned = true;
  });
  // The second question comes when the first was answered.
  EXPECT_TRUE(Eventually([&] { return proxy.connections_since_cut() >= 2; }));
  EXPECT_FALSE(returned);
  proxy.TellServer();
  runner.join();
  EXPECT_TRUE(proxy.was_cut());
  EXPECT_EQ(result.outcome, RunOutcome::kFailed);
  EXPECT_EQ(db.HistorySize(), 0);
}

// A commit that waits for a replica that is not there has happened already; ending its backend
// loses the answer and not the commit. Only close makes this database wait: it raises
// synchronous_commit.
TEST(CommitInDoubt, ThatHappenedIsCountedAndTheRunGoesOn) {
  PostgresServer server(
      {.settings = {{"synchronous_standby_names", "nobody"}, {"synchronous_commit", "local"}}});
  ASSERT_THAT(server.Start(), IsOk());
  LeasedDatabase db(&server);
  db.Publish("CREATE TABLE a (id int)");
  db.Publish("CREATE TABLE b (id int)");
  RunResult result;
  const apply::RunSpec spec = db.LeaseAll();
  std::thread runner([&] { result = LeasedDatabase::Apply(spec); });
  EXPECT_TRUE(TerminateWaitingCommit(db.db()));
  EXPECT_TRUE(TerminateWaitingCommit(db.db()));
  runner.join();
  EXPECT_EQ(result.outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(result.committed, 2);
  EXPECT_EQ(db.HistorySize(), 2);
}

// The connection is gone, the COMMIT is not: it waits for a replica, and ends well.
TEST(CommitInDoubt, IsWaitedForUntilItHasHappened) {
  PostgresServer server(
      {.settings = {{"synchronous_standby_names", "nobody"}, {"synchronous_commit", "local"}}});
  ASSERT_THAT(server.Start(), IsOk());
  LeasedDatabase db(&server);
  db.Publish("CREATE TABLE a (id int)");
  const apply::RunSpec spec = db.LeaseAll();
  auto session = postgres::ScriptSession::Open({.conninfo = spec.conninfo});
  ASSERT_THAT(session, IsOk());
  const auto token = absl::StrCat(spec.token.epoch, ", '", spec.token.lease_id, "', 1");
  ASSERT_THAT((*session)->Execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"), IsOk());
  ASSERT_THAT((*session)->Execute(absl::StrCat("SELECT lockstep.open(", token, ")")), IsOk());
  ASSERT_THAT((*session)->Execute(absl::StrCat("SELECT lockstep.close(", token, ", $1)"),
                                  {postgres::BytesParam(spec.items[0].digest)}),
              IsOk());
  const auto xid = (*session)->Execute("SELECT pg_current_xact_id()::text");
  ASSERT_THAT(xid, IsOk());
  std::thread committer([&] { (void)(*session)->Execute("COMMIT"); });
  EXPECT_TRUE(Eventually(
      [&] { return !db.db().Query(absl::StrCat("SELECT 1 ", kWaitingCommits)).empty(); }));
  CommitOutcome outcome = CommitOutcome::kUnknown;
  std::thread resolver([&] {
    apply::Cancellation nobody;
    outcome = apply::ResolveCommit({.conninfo = spec.conninfo,
                                    .application_name = "lockstep:test",
                                    .preflight = {.owner_role = db.owner()}},
                                   spec.token, 1, xid->only().Text(0), nobody);
  });
  // Only after it has been told that the transaction is still in progress.
  EXPECT_TRUE(Eventually([&] {
    return db.Scalar(
               "SELECT count(*) FROM pg_stat_activity WHERE application_name = "
               "'lockstep:test'") != "0";
  }));
  // Ends the wait, not the transaction.
  db.db().Query(absl::StrCat("SELECT pg_cancel_backend(pid) ", kWaitingCommits));
  committer.join();
  resolver.join();
  EXPECT_EQ(outcome, CommitOutcome::kCommitted);
  EXPECT_EQ(db.HistorySize(), 1);
}

TEST(CommitInDoubt, StaysUnknownWhenNobodyAnswers) {
  apply::Cancellation nobody;
  const apply::MigrationSessionOptions nowhere{.conninfo = "host=/nonexistent dbname=x user=y",
                                               .application_name = "lockstep:test"};
  EXPECT_EQ(apply::ResolveCommit(nowhere, {}, 1, "1", nobody, absl::Milliseconds(100)),
            CommitOutcome::kUnknown);
  nobody.Request("the agent stops");
  EXPECT_EQ(apply::ResolveCommit(nowhere, {}, 1, "1", nobody), CommitOutcome::kUnknown);
}

}  // namespace
}  // namespace lockstep::testing
