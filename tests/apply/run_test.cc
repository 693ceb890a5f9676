// What becomes of runs: the place of errors, what is retryable, and what one migration leaves to
// the next.
#include "engine/apply/run.h"

#include <gtest/gtest.h>
#include <thread>

#include "absl/strings/str_cat.h"

#include "tests/apply/fixture.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using apply::RunOutcome;
using apply::RunResult;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Run, AppliesEveryVersionWithItsHistoryRow) {
  LeasedDatabase db;
  db.Publish("CREATE TABLE a (id int);\nINSERT INTO a VALUES (1);");
  db.Publish("-- nothing to do");
  db.Publish("ALTER TABLE a ADD COLUMN name text");
  const RunResult result = LeasedDatabase::Apply(db.LeaseAll());
  EXPECT_EQ(result.outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(result.committed, 3);
  EXPECT_FALSE(result.error.has_value());
  EXPECT_EQ(db.HistorySize(), 3);
  EXPECT_EQ(db.Scalar("SELECT state FROM lockstep.lease"), "idle");
}

TEST(Run, StopsAtTheFirstFailureAndKeepsWhatWasCommitted) {
  LeasedDatabase db;
  db.Publish("CREATE TABLE a (id int)");
  db.Publish("CREATE TABLE b (id int); SELECT 1/0;");
  db.Publish("CREATE TABLE c (id int)");
  const RunResult result = LeasedDatabase::Apply(db.LeaseAll());
  EXPECT_EQ(result.outcome, RunOutcome::kFailed);
  EXPECT_EQ(result.committed, 1);
  ASSERT_TRUE(result.error.has_value());
  EXPECT_EQ(result.error->version, 2);
  EXPECT_EQ(result.error->statement, 2);
  EXPECT_EQ(result.error->sqlstate, "22012");
  EXPECT_FALSE(result.error->retryable);
  EXPECT_EQ(db.Scalar("SELECT to_regclass('b')"), "NULL");
  EXPECT_EQ(db.HistorySize(), 1);
}

TEST(RunError, PointsAtTheCharacterInTheFile) {
  LeasedDatabase db;
  const RunResult result = db.ApplyOne(
      "-- Größe: ein Kommentar davor\r\n"
      "CREATE TABLE überall (naïve text); -- ü\r\n"
      "\r\n"
      "  SELECT 'äöü€🙂',\r\n"
      "         'ß', fehlt FROM überall;\r\n");
  ASSERT_TRUE(result.error.has_value());
  EXPECT_EQ(result.error->sqlstate, "42703");
  EXPECT_EQ(result.error->statement, 2);
  EXPECT_EQ(result.error->line, 5);
  EXPECT_EQ(result.error->column, 15);
}

TEST(RunError, PointsAtTheStatementWhenPostgresNamesNoCharacter) {
  LeasedDatabase db;
  const RunResult result = db.ApplyOne(
      "\n\n   DO $$ BEGIN RAISE 'Nein' USING HINT = 'Doch',"
      " DETAIL = 'Mehr', ERRCODE = 'P7777'; END $$;");
  ASSERT_TRUE(result.error.has_value());
  EXPECT_EQ(result.error->line, 3);
  EXPECT_EQ(result.error->column, 4);
  EXPECT_EQ(result.error->sqlstate, "P7777");
  EXPECT_EQ(result.error->message, "Nein");
  EXPECT_EQ(result.error->hint, "Doch");
  EXPECT_EQ(result.error->detail, "Mehr");
}

TEST(RunError, SyntaxErrorsHaveTheirPlaceToo) {
  LeasedDatabase db;
  const RunResult result = db.ApplyOne("CREATE TABLE a (id int);\nCREATE TABEL b (id int);\n");
  ASSERT_TRUE(result.error.has_value());
  EXPECT_EQ(result.error->sqlstate, "42601");
  EXPECT_EQ(result.error->line, 2);
  EXPECT_EQ(result.error->column, 8);
  EXPECT_EQ(db.HistorySize(), 0);
}

TEST(RunError, ALockTimeoutIsRetryable) {
  LeasedDatabase db;
  ASSERT_EQ(db.ApplyOne("CREATE TABLE a (id int)").outcome, RunOutcome::kSucceeded);
  auto blocker = db.db().Connect();
  RunResult result;
  ASSERT_THAT(blocker->InTransaction([&] {
    const auto locked = blocker->Query("SELECT count(*) FROM a");
    result = db.ApplyOne("ALTER TABLE a ADD COLUMN b int");
    return locked.status();
  }),
              IsOk());
  ASSERT_TRUE(result.error.has_value());
  EXPECT_EQ(result.error->sqlstate, "55P03");
  EXPECT_TRUE(result.error->retryable);
  EXPECT_FALSE(result.error->agent_unfit);
  EXPECT_EQ(LeasedDatabase::Apply(db.Lease(2, 2)).outcome, RunOutcome::kSucceeded);
}

TEST(RunError, DirectivesOverrideTheTimeouts) {
  LeasedDatabase db;
  const RunResult result = db.ApplyOne("-- lockstep:statement-timeout 50ms\nSELECT pg_sleep(10);");
  ASSERT_TRUE(result.error.has_value());
  EXPECT_EQ(result.error->sqlstate, "57014");
}

TEST(RunError, MissingRightsOfTheOwnerAreNotTheAgentsFault) {
  LeasedDatabase db;
  db.db().Query("CREATE TABLE foreign_table (id int)");
  const RunResult result = db.ApplyOne("ALTER TABLE foreign_table ADD COLUMN b int");
  ASSERT_TRUE(result.error.has_value());
  EXPECT_EQ(result.outcome, RunOutcome::kFailed);
  EXPECT_EQ(result.error->sqlstate, "42501");
  EXPECT_FALSE(result.error->retryable);
  EXPECT_FALSE(result.error->agent_unfit);
}

TEST(RunError, AnAgentThatMayNotBecomeTheOwnerIsUnfit) {
  LeasedDatabase db;
  db.db().Query(absl::StrCat("REVOKE ", db.owner(), " FROM ", db.agent()));
  const RunResult result = db.ApplyOne("CREATE TABLE a (id int)");
  EXPECT_EQ(result.outcome, RunOutcome::kNotStarted);
  EXPECT_EQ(result.error->reason, "OWNER_ROLE");
  EXPECT_TRUE(result.error->agent_unfit);
}

TEST(RunError, AServerThatIsAwayIsTriedAgainLater) {
  LeasedDatabase db;
  db.Publish("CREATE TABLE a (id int)");
  apply::RunSpec spec = db.LeaseAll();
  spec.conninfo = "host=/nonexistent dbname=x user=y";
  const RunResult result = LeasedDatabase::Apply(spec);
  EXPECT_EQ(result.outcome, RunOutcome::kNotStarted);
  EXPECT_EQ(result.error->reason, "DATABASE_UNAVAILABLE");
  EXPECT_TRUE(result.error->retryable);
  EXPECT_FALSE(result.error->agent_unfit);
}

TEST(RunError, ADeferredConstraintFailsBeforeTheCommit) {
  LeasedDatabase db;
  ASSERT_EQ(db.ApplyOne("CREATE TABLE p (id int PRIMARY KEY);"
                        "CREATE TABLE c (p int REFERENCES p DEFERRABLE INITIALLY DEFERRED);")
                .outcome,
            RunOutcome::kSucceeded);
  const RunResult result = db.ApplyOne("INSERT INTO c VALUES (7);");
  EXPECT_EQ(result.outcome, RunOutcome::kFailed);
  EXPECT_EQ(result.error->sqlstate, "23503");
  EXPECT_EQ(result.error->statement, 0);
  EXPECT_EQ(db.HistorySize(), 1);
  EXPECT_EQ(db.Scalar("SELECT count(*) FROM c"), "0");
}

TEST(RunError, DeferredTriggersRunAsTheOwner) {
  LeasedDatabase db;
  ASSERT_EQ(db.ApplyOne("CREATE TABLE t (who text);"
                        "CREATE TABLE log (who text);"
                        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
                        " $$ BEGIN INSERT INTO log VALUES (current_user); RETURN NULL; END $$;"
                        "CREATE CONSTRAINT TRIGGER n AFTER INSERT ON t DEFERRABLE INITIALLY"
                        " DEFERRED FOR EACH ROW EXECUTE FUNCTION note();"
                        "INSERT INTO t VALUES ('x');")
                .outcome,
            RunOutcome::kSucceeded);
  EXPECT_EQ(db.Scalar("SELECT who FROM log"), db.owner());
}

TEST(RunError, AKilledBackendLeavesNothingAndMayBeTriedAgain) {
  LeasedDatabase db;
  db.Publish("CREATE TABLE a (id int); SELECT pg_sleep(30);");
  RunResult result;
  const apply::RunSpec spec = db.LeaseAll();
  std::thread runner([&] { result = LeasedDatabase::Apply(spec); });
  EXPECT_TRUE(TerminateBackendRunning(db.db(), "pg_sleep(30)"));
  runner.join();
  EXPECT_EQ(result.outcome, RunOutcome::kFailed);
  EXPECT_EQ(result.error->reason, "DATABASE_UNAVAILABLE");
  EXPECT_EQ(result.error->statement, 2);
  EXPECT_TRUE(result.error->retryable);
  EXPECT_EQ(db.HistorySize(), 0);
  EXPECT_EQ(db.Scalar("SELECT to_regclass('a')"), "NULL");
}

TEST(Run, NothingLeaksFromOneMigrationIntoTheNext) {
  LeasedDatabase db;
  db.Publish(
      "CREATE TEMP TABLE scratch (id int); SET work_mem = '123MB';"
      "SET search_path = pg_temp; PREPARE p AS SELECT 1;"
      "SELECT pg_advisory_lock(77);"
      "SET ROLE NONE;");
  db.Publish(
      "CREATE TABLE public.seen AS SELECT to_regclass('pg_temp.scratch') IS NULL AS clean,"
      " current_setting('work_mem') AS mem, current_setting('search_path') AS path,"
      " (SELECT count(*) FROM pg_prepared_statements) AS prepared,"
      " current_user AS who,"
      " (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory') AS locks");
  const RunResult result = LeasedDatabase::Apply(db.LeaseAll());
  ASSERT_EQ(result.outcome, RunOutcome::kSucceeded) << result.error->message;
  const auto seen = db.db().Query("SELECT * FROM seen").only();
  EXPECT_TRUE(seen.Bool(0));
  EXPECT_NE(seen.Text(1), "123MB");
  EXPECT_EQ(seen.Text(2), "public, pg_temp");
  EXPECT_EQ(seen.Int(3), 0);
  EXPECT_EQ(seen.Text(4), db.owner());
  EXPECT_EQ(seen.Int(5), 0);
}

TEST(Run, NotifiesOnlyWhenItCommits) {
  LeasedDatabase db;
  EXPECT_EQ(db.ApplyOne("LISTEN x; NOTIFY x; COPY (SELECT 1) TO STDOUT;").error->sqlstate, "0A000");
  EXPECT_EQ(db.HistorySize(), 0);
}

TEST(Run, AppliesAFileThatNeedsSeveralRoundTrips) {
  LeasedDatabase db;
  std::string sql = "CREATE TABLE a (n int);";
  constexpr int kStatements = 200;
  for (int i = 1; i < kStatements; ++i) {
    // What cannot be judged is waited for.
    absl::StrAppend(&sql, i % 50 == 0 ? "DO $$ BEGIN INSERT INTO a VALUES (1); END $$;"
                                      : "INSERT INTO a VALUES (1);");
  }
  db.Publish(sql);
  db.Publish("CREATE TABLE b (n int)");
  std::vector<int> seen;
  apply::Cancellation nobody;
  const RunResult result =
      apply::ApplyRun(db.LeaseAll(), nobody, [&](const apply::Progress& progress) {
        if (progress.version == 1) seen.push_back(progress.statement);
      });
  EXPECT_EQ(result.outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(db.Scalar("SELECT count(*) FROM a"), absl::StrCat(kStatements - 1));
  EXPECT_EQ(db.HistorySize(), 2);
  ASSERT_EQ(seen.size(), kStatements + 1u);
  for (int i = 0; i < kStatements; ++i) EXPECT_EQ(seen[static_cast<size_t>(i)], i + 1);
}

TEST(RunError, NamesTheStatementOfALaterRoundTrip) {
  LeasedDatabase db;
  std::string sql = "CREATE TABLE a (n int);\n";
  for (int i = 0; i < 100; ++i) sql += "INSERT INTO a VALUES (1);\n";
  const RunResult result = db.ApplyOne(absl::StrCat(sql, "SELECT 1 / 0; SELECT 1;"));
  ASSERT_TRUE(result.error.has_value());
  EXPECT_EQ(result.outcome, RunOutcome::kFailed);
  EXPECT_EQ(result.error->statement, 102);
  EXPECT_EQ(result.error->line, 102);
  EXPECT_EQ(result.error->sqlstate, "22012");
  EXPECT_EQ(db.Scalar("SELECT to_regclass('a')"), "NULL");
}

TEST(Run, TellsHowFarItIs) {
  LeasedDatabase db;
  db.Publish("CREATE TABLE a (id int); CREATE TABLE b (id int);");
  db.Publish("CREATE TABLE c (id int)");
  std::vector<std::string> seen;
  apply::Cancellation nobody;
  apply::ApplyRun(db.LeaseAll(), nobody, [&](const apply::Progress& p) {
    seen.push_back(absl::StrCat(p.version, ":", p.statement, "/", p.statements, " ", p.committed));
  });
  EXPECT_THAT(seen, ElementsAre("1:1/2 0", "1:2/2 0", "1:2/2 0", "2:1/1 1", "2:1/1 1"));
}

}  // namespace
}  // namespace lockstep::testing
