// Commits whose connection is lost: the wire is cut on the way there, or the backend dies on the
// way back.
#include "engine/apply/outcome.h"

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
  const absl::Duration linger = absl::Milliseconds(700);
  CuttingProxy proxy(db.db().server(), CommitMessage(), linger);
  apply::RunSpec spec = db.LeaseAll();
  absl::StrAppend(&spec.conninfo, " host=", proxy.directory());
  const absl::Time start = absl::Now();
  const RunResult result = LeasedDatabase::Apply(spec);
  EXPECT_GE(absl::Now() - start, linger);
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
