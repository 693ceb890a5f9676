// Groups: neighbours of a run in one transaction, and what becomes of a group that fails.
#include <gtest/gtest.h>
#include <map>
#include <thread>

#include "absl/strings/str_cat.h"

#include "engine/apply/run.h"
#include "tests/apply/cutting_proxy.h"
#include "tests/apply/fixture.h"
#include "tests/support/eventually.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using apply::Progress;
using apply::RunOutcome;
using apply::RunResult;

constexpr char kWaitingCommits[] =
    "FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'SyncRep'";

TEST(Group, IsCommittedTogetherWithAHistoryRowForEach) {
  LeasedDatabase db;
  db.Publish("CREATE TABLE a (id int);");
  db.Publish("ALTER TABLE a ADD COLUMN b text; CREATE INDEX ON a (b);");
  db.Publish("CREATE TABLE c (id int);");
  const RunResult result = LeasedDatabase::Apply(db.LeaseGrouped());
  EXPECT_EQ(result.outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(result.committed, 3);
  EXPECT_EQ(db.Groups(), "1 1 1");
  EXPECT_EQ(db.Scalar("SELECT count(*) FROM lockstep.history h JOIN lockstep.migration m"
                      " ON m.version = h.version AND m.digest = h.digest"),
            "3");
  EXPECT_EQ(db.Scalar("SELECT count(*) FROM lockstep.history WHERE duration > interval '0'"), "3");
  EXPECT_EQ(db.Scalar("SELECT string_agg(tableowner, ' ') FROM pg_tables"
                      " WHERE schemaname = 'public'"),
            absl::StrCat(db.owner(), " ", db.owner()));
}

TEST(Group, TellsHowFarItIsForEachMigration) {
  LeasedDatabase db;
  db.Publish("CREATE TABLE a (id int);");
  db.Publish("CREATE TABLE b (id int); CREATE TABLE c (id int);");
  std::vector<std::string> seen;
  apply::Cancellation nobody;
  apply::ApplyRun(db.LeaseGrouped(), nobody, [&](const Progress& progress) {
    seen.push_back(absl::StrCat(progress.version, ":", progress.statement, "/", progress.statements,
                                " ", progress.committed));
  });
  EXPECT_EQ(seen,
            (std::vector<std::string>{"1:1/1 0", "1:1/1 0", "2:1/2 0", "2:2/2 0", "2:2/2 0"}));
}

TEST(Group, OfLongFilesIsSentInPieces) {
  LeasedDatabase db;
  std::string sql;
  for (int i = 0; i < 200; ++i) absl::StrAppend(&sql, "CREATE TABLE t", i, " ();\n");
  db.Publish(sql);
  db.Publish("CREATE TABLE last ();");
  EXPECT_EQ(LeasedDatabase::Apply(db.LeaseGrouped()).outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(db.Groups(), "1 1");
  EXPECT_EQ(db.Scalar("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "201");
}

TEST(Group, AFailureKeepsThoseBeforeItAndNamesItsStatement) {
  LeasedDatabase db;
  db.Publish("CREATE TABLE a (id int);");
  db.Publish("CREATE TABLE b (id int);");
  db.Publish("CREATE TABLE c (id int);\n  ALTER TABLE nowhere ADD COLUMN x int;");
  db.Publish("CREATE TABLE d (id int);");
  const RunResult result = LeasedDatabase::Apply(db.LeaseGrouped());
  EXPECT_EQ(result.outcome, RunOutcome::kFailed);
  EXPECT_EQ(result.committed, 2);
  ASSERT_TRUE(result.error.has_value());
  EXPECT_EQ(result.error->version, 3);
  EXPECT_EQ(result.error->statement, 2);
  EXPECT_EQ(result.error->line, 2);
  EXPECT_EQ(result.error->sqlstate, "42P01");
  EXPECT_EQ(db.Groups(), "1 2");
  EXPECT_EQ(db.Scalar("SELECT to_regclass('c')"), "NULL");
}

TEST(Group, ADeferredConstraintIsCheckedAtItsEnd) {
  LeasedDatabase db;
  db.Publish(
      "CREATE TABLE a (id int PRIMARY KEY);"
      "CREATE TABLE b (a int REFERENCES a DEFERRABLE INITIALLY DEFERRED);");
  db.Publish("INSERT INTO b VALUES (1);");
  const RunResult result = LeasedDatabase::Apply(db.LeaseGrouped());
  EXPECT_EQ(result.outcome, RunOutcome::kFailed);
  EXPECT_EQ(result.committed, 1);
  EXPECT_EQ(result.error->version, 2);
  EXPECT_EQ(result.error->sqlstate, "23503");
}

TEST(Group, OnADatabaseThatWasServedTheyGoOneByOne) {
  LeasedDatabase db;
  for (const char* table : {"a", "b", "c", "d"}) {
    db.Publish(absl::StrCat("CREATE TABLE ", table, " (id int);"));
  }
  apply::RunSpec spec = db.LeaseGrouped();
  spec.items[3].group = spec.items[2].group = 3;  // Two groups of two.
  // Served after the grant and before the group begins.
  db.db().Query("UPDATE lockstep.chain SET first_served_at = now()");
  const RunResult result = LeasedDatabase::Apply(spec);
  EXPECT_EQ(result.outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(db.Groups(), "1 2 3 4");
}

TEST(Group, AStaleTokenIsNotLetIn) {
  LeasedDatabase db;
  db.Publish("CREATE TABLE a (id int);");
  db.Publish("CREATE TABLE b (id int);");
  const apply::RunSpec stale = db.LeaseGrouped();
  db.LeaseGrouped();
  const RunResult result = LeasedDatabase::Apply(stale);
  EXPECT_EQ(result.outcome, RunOutcome::kNotStarted);
  EXPECT_EQ(result.error->reason, "FENCED");
  EXPECT_EQ(db.HistorySize(), 0);
}

TEST(Group, AnEnumValueIsUsedAfterItsCommit) {
  for (const bool marked_wrong : {false, true}) {
    LeasedDatabase db;
    db.Publish("CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE a (m mood);");
    db.Publish("ALTER TYPE mood ADD VALUE 'calm';");
    db.Publish("ALTER TABLE a ADD COLUMN now mood DEFAULT 'calm';");
    db.Publish("INSERT INTO a VALUES ('calm');");
    const RunResult result =
        LeasedDatabase::Apply(marked_wrong ? db.LeaseAsOneGroup() : db.LeaseGrouped());
    EXPECT_EQ(result.outcome, RunOutcome::kSucceeded);
    EXPECT_EQ(db.Groups(), marked_wrong ? "1 2 3 4" : "1 1 3 3");
    EXPECT_EQ(db.Scalar("SELECT m FROM a"), "calm");
  }
}

// What a file leaves behind does not reach the next one, neither by what may share nor, where that
// was marked wrongly, in the database.
TEST(Group, SettingsDoNotReachTheNextFile) {
  for (const bool marked_wrong : {false, true}) {
    LeasedDatabase db;
    db.db().Query("CREATE SCHEMA other");
    db.db().Query(absl::StrCat("GRANT CREATE, USAGE ON SCHEMA other TO ", db.owner()));
    db.Publish("CREATE TABLE a (id int);");
    db.Publish("SET search_path = other; SET app.tenant = '7'; RESET ROLE;");
    db.Publish("CREATE TABLE b AS SELECT current_setting('app.tenant', true) AS tenant;");
    db.Publish("CREATE TEMP TABLE c (id int);");
    db.Publish("CREATE TABLE c (id int);");
    const RunResult result =
        LeasedDatabase::Apply(marked_wrong ? db.LeaseAsOneGroup() : db.LeaseGrouped());
    EXPECT_EQ(result.outcome, RunOutcome::kSucceeded);
    EXPECT_EQ(db.Groups(), "1 2 3 4 5");
    EXPECT_EQ(db.Scalar("SELECT string_agg(schemaname || '.' || tablename, ' ' ORDER BY 1)"
                        " FROM pg_tables WHERE tableowner = '" +
                        db.owner() + "'"),
              "public.a public.b public.c");
    EXPECT_EQ(db.Scalar("SELECT coalesce(tenant, '') FROM b"), "");
  }
}

// The second line behind what may share: search_path, role and timeouts are made anew.
TEST(Group, EachFileBeginsWithItsOwnSettings) {
  LeasedDatabase db;
  db.db().Query("CREATE SCHEMA other");
  db.db().Query(absl::StrCat("GRANT CREATE, USAGE ON SCHEMA other TO ", db.owner()));
  db.Publish("SET search_path = other; SET lock_timeout = 0; RESET ROLE;");
  db.Publish("CREATE TABLE b AS SELECT current_setting('lock_timeout') AS lock_timeout;");
  db.db().Query("UPDATE lockstep.migration SET sharing = 'any'");
  EXPECT_EQ(LeasedDatabase::Apply(db.LeaseAsOneGroup()).outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(db.Groups(), "1 1");
  EXPECT_EQ(db.Scalar("SELECT tableowner = '" + db.owner() +
                      "' AND schemaname = 'public' FROM pg_tables WHERE tablename = 'b'"),
            "t");
  EXPECT_EQ(db.Scalar("SELECT lock_timeout FROM b"), "500ms");
}

TEST(Group, ASmuggledCommitIsRefusedBeforeAnythingRuns) {
  for (const char* control :
       {"COMMIT", "COMMIT AND CHAIN", "ROLLBACK AND CHAIN; COMMIT", "BEGIN"}) {
    LeasedDatabase db;
    db.Publish("CREATE TABLE a (id int);");
    db.Publish(absl::StrCat("CREATE TABLE smuggled (id int);\n  ", control, ";"));
    db.Publish("CREATE TABLE b (id int);");
    db.db().Query("UPDATE lockstep.migration SET sharing = 'any'");
    const RunResult result = LeasedDatabase::Apply(db.LeaseAsOneGroup());
    SCOPED_TRACE(control);
    // Read before anything runs: it could not have been published either.
    EXPECT_NE(result.outcome, RunOutcome::kSucceeded);
    EXPECT_EQ(result.error->line, 2);
    EXPECT_EQ(db.Scalar("SELECT to_regclass('smuggled')"), "NULL");
    EXPECT_EQ(db.Scalar("SELECT to_regclass('b')"), "NULL");
  }
}

TEST(Group, ACancelLeavesNothingOfIt) {
  LeasedDatabase db;
  db.Publish("CREATE TABLE a (id int);");
  db.Publish("CREATE TABLE b (id int);");
  apply::Cancellation cancellation;
  const RunResult result =
      apply::ApplyRun(db.LeaseGrouped(), cancellation, [&](const Progress& progress) {
        if (progress.version == 2) cancellation.Request("enough");
      });
  EXPECT_EQ(result.outcome, RunOutcome::kFailed);
  EXPECT_EQ(result.error->reason, "CANCELLED");
  EXPECT_EQ(result.committed, 0);
  EXPECT_EQ(db.HistorySize(), 0);
}

TEST(Group, AKilledBackendLeavesNothingAndItsMigrationsFollowOneByOne) {
  LeasedDatabase db;
  db.db().Query("CREATE TABLE busy (id int)");
  db.db().Query(absl::StrCat("ALTER TABLE busy OWNER TO ", db.owner()));
  db.Publish("CREATE TABLE a (id int);");
  db.Publish("ALTER TABLE busy ADD COLUMN b text;");
  for (const char* table : {"c", "d"}) {
    db.Publish(absl::StrCat("CREATE TABLE ", table, " (id int);"));
  }
  apply::RunSpec spec = db.LeaseGrouped();
  spec.items[3].group = spec.items[2].group = 3;
  spec.settings.lock_timeout = absl::Seconds(30);
  auto blocker = db.db().Connect();
  ASSERT_THAT(blocker->Query("BEGIN"), IsOk());
  ASSERT_THAT(blocker->Query("LOCK TABLE busy"), IsOk());
  RunResult result;
  std::thread runner([&] { result = LeasedDatabase::Apply(spec); });
  EXPECT_TRUE(TerminateBackendRunning(db.db(), "ALTER TABLE busy"));
  ASSERT_THAT(blocker->Query("ROLLBACK"), IsOk());
  runner.join();
  EXPECT_EQ(result.outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(db.Groups(), "1 2 3 3");
}

TEST(Group, ACommitThatNeverArrivedIsNotAppliedAndMayBeTriedAgain) {
  LeasedDatabase db;
  db.Publish("CREATE TABLE a (id int);");
  db.Publish("CREATE TABLE b (id int);");
  CuttingProxy proxy(db.db().server(), std::string("COMMIT", sizeof("COMMIT")));
  apply::RunSpec spec = db.LeaseGrouped();
  absl::StrAppend(&spec.conninfo, " host=", proxy.directory());
  const RunResult result = LeasedDatabase::Apply(spec);
  EXPECT_TRUE(proxy.was_cut());
  EXPECT_EQ(result.outcome, RunOutcome::kFailed);
  EXPECT_EQ(result.error->reason, "COMMIT_IN_DOUBT");
  EXPECT_TRUE(result.error->retryable);
  EXPECT_EQ(db.HistorySize(), 0);
  EXPECT_EQ(LeasedDatabase::Apply(db.LeaseGrouped()).outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(db.Groups(), "1 1");
}

// As in outcome_test.cc: the COMMIT has happened, its answer is lost.
TEST(Group, ACommitWhoseAnswerIsLostIsCountedAndTheRunGoesOn) {
  PostgresServer server(
      {.settings = {{"synchronous_standby_names", "nobody"}, {"synchronous_commit", "local"}}});
  ASSERT_THAT(server.Start(), IsOk());
  LeasedDatabase db(&server);
  for (const char* table : {"a", "b", "c", "d"}) {
    db.Publish(absl::StrCat("CREATE TABLE ", table, " (id int);"));
  }
  apply::RunSpec spec = db.LeaseGrouped();
  spec.items[3].group = spec.items[2].group = 3;
  RunResult result;
  std::thread runner([&] { result = LeasedDatabase::Apply(spec); });
  for (int commit = 0; commit < 2; ++commit) {
    EXPECT_TRUE(Eventually([&] {
      return !db.db()
                  .Query(absl::StrCat("SELECT pg_terminate_backend(pid) ", kWaitingCommits))
                  .empty();
    }));
    EXPECT_TRUE(Eventually(
        [&] { return db.db().Query(absl::StrCat("SELECT 1 ", kWaitingCommits)).empty(); }));
  }
  runner.join();
  EXPECT_EQ(result.outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(result.committed, 4);
  EXPECT_EQ(db.Groups(), "1 1 3 3");
}

}  // namespace
}  // namespace lockstep::testing
