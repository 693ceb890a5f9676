// Files of which some statements share transactions and others stand alone: whatever ends a run,
// and wherever, the next one goes on at the right statement.
#include <atomic>
#include <gmock/gmock.h>

#include "tests/apply/concurrent_fixture.h"

namespace lockstep::testing {
namespace {

using apply::RunOutcome;
using apply::RunResult;
using postgres::Param;
using ::testing::HasSubstr;

class SplitFileTest : public ConcurrentTest {
 protected:
  // Each UPDATE must be done exactly once.
  static constexpr char kFile[] =
      "UPDATE counter SET n = n + 1;\n"
      "UPDATE counter SET n = n + 10;\n"
      "CREATE INDEX CONCURRENTLY first ON t (a);\n"
      "UPDATE counter SET n = n + 100;\n"
      "CREATE INDEX CONCURRENTLY second ON t (b);\n"
      "UPDATE counter SET n = n + 1000;\n";
  static constexpr int kStatements = 6;

  void SetUp() override {
    MakeTable("t");
    auto owner = db_.db().Connect(db_.owner());
    ASSERT_THAT(owner->Query("CREATE TABLE counter AS SELECT 0 AS n"), IsOk());
  }
  void ExpectAllOnce() {
    EXPECT_EQ(db_.Scalar("SELECT n FROM counter"), "1111");
    EXPECT_EQ(Valid("first"), "true");
    EXPECT_EQ(Valid("second"), "true");
    EXPECT_EQ(Invalid(), "0");
    EXPECT_EQ(db_.HistorySize(), 1);
  }
  // Ends every backend of the agent's role.
  void EndAgent() {
    db_.db().Query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1",
                   {Param(db_.agent())});
  }
};

TEST_F(SplitFileTest, RunsInItsOrderWithTransactionsAround) {
  EXPECT_EQ(Apply(kFile).outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(States(), "1 done, 3 done, 4 done, 5 done, 6 done");
  ExpectAllOnce();
}

// The backend dies when the turn of a statement comes.
TEST_F(SplitFileTest, KilledBeforeAnyStatementItGoesOnThere) {
  db_.Publish(kFile);
  for (int at = 1; at <= kStatements; ++at) {
    std::atomic<bool> hit = false;
    apply::Cancellation nobody;
    const RunResult result =
        apply::ApplyRun(db_.LeaseAll(), nobody, [&](const apply::Progress& progress) {
          if (progress.statement != at || hit.exchange(true)) return;
          EndAgent();
        });
    ASSERT_TRUE(hit) << at;
    EXPECT_NE(result.outcome, RunOutcome::kSucceeded) << at;
    ASSERT_TRUE(result.error.has_value());
    EXPECT_TRUE(result.error->retryable) << at << ": " << result.error->message;
    EXPECT_EQ(db_.HistorySize(), 0);
    ExpectNothingHeld();
  }
  EXPECT_EQ(Again().outcome, RunOutcome::kSucceeded);
  ExpectAllOnce();
}

// Cancelled at any statement, and asked again.
TEST_F(SplitFileTest, CancelledBeforeAnyStatementItGoesOnThere) {
  db_.Publish(kFile);
  for (int at = 1; at <= kStatements; ++at) {
    apply::Cancellation cancellation;
    const RunResult result =
        apply::ApplyRun(db_.LeaseAll(), cancellation, [&](const apply::Progress& progress) {
          if (progress.statement == at) cancellation.Request("stop");
        });
    EXPECT_EQ(result.error->reason, "CANCELLED") << at;
    EXPECT_EQ(Invalid(), "0");
  }
  EXPECT_EQ(Again().outcome, RunOutcome::kSucceeded);
  ExpectAllOnce();
}

// A statement fails: what stands before it stays, what stands behind it has not begun.
TEST_F(SplitFileTest, AFailureSaysWhereAndKeepsWhatWasDone) {
  db_.Publish(
      "UPDATE counter SET n = n + 1;\nCREATE INDEX CONCURRENTLY first ON t (a);\n"
      "UPDATE counter SET n = n + 10;\nINSERT INTO missing VALUES (1);\nCREATE INDEX CONCURRENTLY "
      "second ON t (b);");
  const RunResult result = LeasedDatabase::Apply(db_.LeaseAll());
  EXPECT_EQ(result.outcome, RunOutcome::kFailed);
  EXPECT_EQ(result.error->statement, 4);
  EXPECT_EQ(result.error->line, 4);
  EXPECT_EQ(result.error->column, 13);
  EXPECT_EQ(result.error->sqlstate, "42P01");
  EXPECT_EQ(db_.Scalar("SELECT n FROM counter"), "1");
  EXPECT_EQ(States(), "1 done, 2 done, 3 planned, 5 planned");
  auto owner = db_.db().Connect(db_.owner());
  ASSERT_THAT(owner->Query("CREATE TABLE missing (a int)"), IsOk());
  EXPECT_EQ(Again().outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(db_.Scalar("SELECT n FROM counter"), "11");
}

TEST_F(SplitFileTest, WhatTheFileSetForTheSessionIsSetAgain) {
  db_.Publish(
      "SET maintenance_work_mem = '77MB';\nCREATE INDEX CONCURRENTLY first ON t (a);\n"
      "CREATE TABLE seen AS SELECT current_setting('maintenance_work_mem') AS value;");
  std::atomic<bool> hit = false;
  apply::Cancellation nobody;
  (void)apply::ApplyRun(db_.LeaseAll(), nobody, [&](const apply::Progress& progress) {
    if (progress.statement == 3 && !hit.exchange(true)) EndAgent();
  });
  ASSERT_EQ(States(), "1 done, 2 done, 3 planned");
  EXPECT_EQ(Again().outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(db_.Scalar("SELECT value FROM seen"), "77MB");
}

TEST_F(SplitFileTest, AnEmptyFileWithoutATransactionIsApplied) {
  EXPECT_EQ(Apply("-- lockstep:transaction none\n").outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(db_.HistorySize(), 1);
}

// ---- What nobody but its author can judge.

class InDoubtTest : public SplitFileTest {
 protected:
  void SetUp() override {
    SplitFileTest::SetUp();
    db_.db().RunScript(
        absl::StrCat("CREATE PROCEDURE count_up() LANGUAGE plpgsql AS $$ BEGIN UPDATE counter SET "
                     "n = n + 1; COMMIT; "
                     "PERFORM pg_sleep(600); END $$; GRANT EXECUTE ON PROCEDURE count_up() TO ",
                     db_.owner()));
    db_.Publish(
        "-- lockstep:transaction none\n-- lockstep:phase contract\nCALL count_up();\nUPDATE "
        "counter SET n = n + 10;");
    const apply::RunSpec spec = db_.LeaseAll();
    std::thread runner([&] { first_ = LeasedDatabase::Apply(spec); });
    EXPECT_TRUE(Eventually([&] { return db_.Scalar("SELECT n FROM counter") == "1"; }));
    EXPECT_TRUE(TerminateBackendRunning(db_.db(), "CALL count_up"));
    runner.join();
    ExpectNothingHeld();
  }
  void Resolve(const std::string& done) {
    db_.db().Query(
        absl::StrCat("SELECT lockstep.resolve_statement(1, 1, ", done, ", 'ann', 'looked')"));
  }
  RunResult first_;
};

TEST_F(InDoubtTest, IsNotRunAgainByItself) {
  EXPECT_EQ(first_.outcome, RunOutcome::kFailed);
  for (int i = 0; i < 2; ++i) {
    const RunResult result = Again();
    EXPECT_EQ(result.error->reason, "STATEMENT_IN_DOUBT");
    EXPECT_FALSE(result.error->retryable);
    EXPECT_EQ(result.error->statement, 1);
    EXPECT_THAT(result.error->hint, HasSubstr("lockstep.resolve_statement(1, 1, "));
  }
  EXPECT_EQ(db_.Scalar("SELECT n FROM counter"), "1");
}

TEST_F(InDoubtTest, APersonMaySayThatItWasDone) {
  Resolve("true");
  EXPECT_EQ(Again().outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(db_.Scalar("SELECT n FROM counter"), "11");
  EXPECT_EQ(
      db_.Scalar("SELECT detail ->> 'by' FROM lockstep.event WHERE kind = 'statement_resolved'"),
      "ann");
}

TEST_F(InDoubtTest, APersonMayLetItRunAgain) {
  Resolve("false");
  db_.db().Query(
      "CREATE OR REPLACE PROCEDURE count_up() LANGUAGE plpgsql AS $$ BEGIN UPDATE counter SET n = "
      "1; END $$");
  EXPECT_EQ(Again().outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(db_.Scalar("SELECT n FROM counter"), "11");
}

TEST_F(InDoubtTest, NobodyDecidesWhileABackendIsAtWork) {
  auto busy = db_.db().Connect();
  ASSERT_THAT(busy->Query("SELECT lockstep.lock_statements()"), IsOk());
  auto admin = db_.db().Connect();
  EXPECT_THAT(admin->Query("SELECT lockstep.resolve_statement(1, 1, true, 'ann', 'looked')"),
              StatusIs(absl::StatusCode::kAborted, "BUSY"));
  EXPECT_THAT(admin->Query("SELECT lockstep.resolve_statement(1, 2, true, 'ann', 'looked')"),
              StatusIs(absl::StatusCode::kAborted, "BUSY"));
}

}  // namespace
}  // namespace lockstep::testing
