#include "engine/apply/cancellation.h"

#include <gtest/gtest.h>
#include <thread>

#include "absl/strings/str_cat.h"

#include "engine/apply/run.h"
#include "tests/apply/fixture.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using apply::Cancellation;
using apply::RunOutcome;
using apply::RunResult;

TEST(Cancellation, EndsAStatementThatRuns) {
  LeasedDatabase db;
  db.Publish("CREATE TABLE a (id int); SELECT pg_sleep(30);");
  Cancellation cancellation;
  RunResult result;
  const apply::RunSpec spec = db.LeaseAll();
  std::thread runner([&] { result = apply::ApplyRun(spec, cancellation, nullptr); });
  EXPECT_TRUE(WaitForBackendRunning(db.db(), "pg_sleep(30)"));
  cancellation.Request("revoked");
  runner.join();
  EXPECT_EQ(result.outcome, RunOutcome::kFailed);
  EXPECT_EQ(result.error->reason, "CANCELLED");
  EXPECT_EQ(result.error->statement, 2);
  EXPECT_TRUE(result.error->retryable);
  EXPECT_EQ(db.HistorySize(), 0);
}

TEST(Cancellation, ReachesAStatementThatStartsJustAfter) {
  LeasedDatabase db;
  db.Publish("SELECT pg_sleep(30);");
  Cancellation cancellation;
  // Requested between the check and the statement, where the server has nothing to cancel yet.
  const RunResult result = apply::ApplyRun(
      db.LeaseAll(), cancellation, [&](const apply::Progress&) { cancellation.Request("now"); });
  EXPECT_EQ(result.error->reason, "CANCELLED");
}

TEST(Cancellation, BeforeTheRunNothingIsOpened) {
  LeasedDatabase db;
  db.Publish("CREATE TABLE a (id int)");
  Cancellation cancellation;
  cancellation.Request("never mind");
  const RunResult result = apply::ApplyRun(db.LeaseAll(), cancellation, nullptr);
  EXPECT_EQ(result.outcome, RunOutcome::kNotStarted);
  EXPECT_EQ(result.error->reason, "CANCELLED");
  EXPECT_FALSE(result.error->agent_unfit);
}

TEST(Cancellation, BetweenVersionsKeepsWhatIsCommitted) {
  LeasedDatabase db;
  db.Publish("CREATE TABLE a (id int)");
  db.Publish("CREATE TABLE b (id int)");
  Cancellation cancellation;
  const RunResult result =
      apply::ApplyRun(db.LeaseAll(), cancellation, [&](const apply::Progress& progress) {
        if (progress.version == 2) cancellation.Request("enough");
      });
  EXPECT_EQ(result.outcome, RunOutcome::kFailed);
  EXPECT_EQ(result.committed, 1);
  EXPECT_EQ(db.HistorySize(), 1);
}

TEST(Cancellation, KeepsTheFirstReason) {
  Cancellation cancellation;
  EXPECT_FALSE(cancellation.WaitFor(absl::ZeroDuration()));
  cancellation.Request("first");
  cancellation.Request("second");
  EXPECT_TRUE(cancellation.WaitFor(absl::InfiniteDuration()));
  EXPECT_EQ(cancellation.why(), "first");
}

}  // namespace
}  // namespace lockstep::testing
