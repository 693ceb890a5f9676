// What a migration may try against the fence, and what a holder whose lease is gone may try.
// Nothing of any of it may remain.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "engine/apply/run.h"
#include "tests/apply/fixture.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using apply::RunOutcome;
using apply::RunResult;
using ::testing::HasSubstr;

// Expects that the run failed with `reason` and that the database is as it was.
void ExpectNothingRemains(LeasedDatabase& db, const RunResult& result, const std::string& reason) {
  EXPECT_NE(result.outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(result.committed, 0);
  ASSERT_TRUE(result.error.has_value());
  EXPECT_EQ(result.error->reason, reason) << result.error->message;
  EXPECT_EQ(db.HistorySize(), 0);
  EXPECT_EQ(db.Scalar("SELECT applied FROM lockstep.chain"), "0");
  EXPECT_EQ(db.Scalar("SELECT count(*) FROM lockstep.opened"), "0");
  EXPECT_EQ(db.Scalar("SELECT to_regclass('public.smuggled')"), "NULL");
}

TEST(Fence, RefusesTransactionControlWithItsPlaceInTheFile) {
  for (const char* control : {"COMMIT", "ROLLBACK", "COMMIT AND CHAIN", "ROLLBACK AND CHAIN",
                              "PREPARE TRANSACTION 'x'", "END", "BEGIN"}) {
    LeasedDatabase db;
    const RunResult result =
        db.ApplyOne(absl::StrCat("CREATE TABLE smuggled (id int);\n  ", control, ";"));
    SCOPED_TRACE(control);
    EXPECT_EQ(result.outcome, RunOutcome::kNotStarted);
    ASSERT_TRUE(result.error.has_value());
    EXPECT_EQ(result.error->line, 2);
    EXPECT_EQ(result.error->column, 3);
    EXPECT_EQ(db.HistorySize(), 0);
    EXPECT_EQ(db.Scalar("SELECT to_regclass('public.smuggled')"), "NULL");
  }
}

TEST(Fence, RefusesACommitInsideADoBlock) {
  LeasedDatabase db;
  const RunResult result =
      db.ApplyOne("CREATE TABLE smuggled (id int); DO $$ BEGIN COMMIT; END $$;");
  ExpectNothingRemains(db, result, "TRANSACTION_CONTROL");
}

TEST(Fence, RefusesACommitInsideAProcedureAndInDynamicSql) {
  LeasedDatabase db;
  db.db().Query("CREATE PROCEDURE sneak() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$");
  ExpectNothingRemains(db, db.ApplyOne("CREATE TABLE smuggled (id int); CALL sneak();"),
                       "SQL_ERROR");
  LeasedDatabase other;
  ExpectNothingRemains(
      other,
      other.ApplyOne(
          "CREATE TABLE smuggled (id int); DO $$ BEGIN EXECUTE reverse('TIMMOC'); END $$;"),
      "SQL_ERROR");
}

TEST(Fence, RefusesToFireItsOwnGuardEarly) {
  LeasedDatabase db;
  const RunResult result =
      db.ApplyOne("CREATE TABLE smuggled (id int); SET CONSTRAINTS ALL IMMEDIATE;");
  ExpectNothingRemains(db, result, "FENCE_BROKEN");
  EXPECT_EQ(result.error->statement, 2);
  EXPECT_NE(result.error->hint, "");
}

TEST(Fence, AMigrationCannotCloseItselfWithAGuessedToken) {
  LeasedDatabase db;
  const RunResult result = db.ApplyOne(
      "CREATE TABLE smuggled (id int);\n"
      "RESET ROLE;\n"
      "DO $$ BEGIN EXECUTE format('SELECT lockstep.close(%s, %L, 1, %L)', 1,"
      " gen_random_uuid(), '\\x00'); END $$;");
  ExpectNothingRemains(db, result, "FENCE_BROKEN");
  EXPECT_EQ(result.error->statement, 3);
}

TEST(Fence, AMigrationCannotReadTheToken) {
  LeasedDatabase db;
  const RunResult result = db.ApplyOne(
      "CREATE TABLE seen AS SELECT query AS text FROM pg_stat_activity"
      " UNION ALL SELECT statement FROM pg_prepared_statements"
      " UNION ALL SELECT current_query() UNION ALL SELECT setting FROM pg_settings;");
  ASSERT_EQ(result.outcome, RunOutcome::kSucceeded);
  const std::string lease_id = db.Scalar("SELECT lease_id::text FROM lockstep.history");
  EXPECT_EQ(db.Scalar(absl::StrCat("SELECT count(*) FROM seen WHERE text LIKE '%", lease_id, "%'")),
            "0");
}

TEST(Fence, AMigrationCannotTouchTheTablesBehindIt) {
  LeasedDatabase db;
  const RunResult result = db.ApplyOne("RESET ROLE; UPDATE lockstep.lease SET last = 99;");
  ExpectNothingRemains(db, result, "SQL_ERROR");
  EXPECT_EQ(result.error->sqlstate, "42501");
}

TEST(Fence, AStaleTokenIsNotLetIn) {
  LeasedDatabase db;
  db.Publish("CREATE TABLE smuggled (id int)");
  const apply::RunSpec stale = db.LeaseAll();
  db.LeaseAll();
  const RunResult result = LeasedDatabase::Apply(stale);
  EXPECT_EQ(result.outcome, RunOutcome::kNotStarted);
  ExpectNothingRemains(db, result, "FENCED");
}

TEST(Fence, ATokenOpensNoVersionOutsideItsRun) {
  LeasedDatabase db;
  db.Publish("CREATE TABLE a (id int)");
  db.Publish("CREATE TABLE smuggled (id int)");
  apply::RunSpec spec = db.LeaseAll();
  spec.token = db.Lease(1, 1).token;
  const RunResult result = LeasedDatabase::Apply(spec);
  EXPECT_EQ(result.outcome, RunOutcome::kFailed);
  EXPECT_EQ(result.committed, 1);
  EXPECT_EQ(result.error->reason, "FENCED");
  EXPECT_EQ(result.error->version, 2);
  EXPECT_EQ(db.HistorySize(), 1);
}

TEST(Fence, TheSameVersionIsNotAppliedTwice) {
  LeasedDatabase db;
  db.Publish("CREATE TABLE a (id int)");
  ASSERT_EQ(LeasedDatabase::Apply(db.LeaseAll()).outcome, RunOutcome::kSucceeded);
  const RunResult again = LeasedDatabase::Apply(db.LeaseAll());
  EXPECT_EQ(again.outcome, RunOutcome::kNotStarted);
  EXPECT_EQ(again.error->reason, "NOT_NEXT");
  EXPECT_EQ(db.HistorySize(), 1);
}

TEST(Fence, AnotherTextThanThePublishedOneIsNotApplied) {
  LeasedDatabase db;
  db.Publish("CREATE TABLE a (id int)");
  apply::RunSpec spec = db.LeaseAll();
  spec.items[0].sql = "CREATE TABLE smuggled (id int)";
  ExpectNothingRemains(db, LeasedDatabase::Apply(spec), "DIGEST_MISMATCH");
  // Also when the digest was exchanged together with the text.
  spec.items[0].digest = chain::DigestOf(spec.items[0].sql);
  const RunResult result = LeasedDatabase::Apply(spec);
  EXPECT_EQ(result.outcome, RunOutcome::kFailed);
  ExpectNothingRemains(db, result, "DIGEST_MISMATCH");
}

TEST(Fence, TemporaryTablesNamedLikeItsOwnChangeNothing) {
  LeasedDatabase db;
  const RunResult result = db.ApplyOne(
      "CREATE TEMP TABLE lease AS SELECT 1 AS epoch;"
      "CREATE TEMP TABLE history AS SELECT 1 AS version;"
      "CREATE TEMP TABLE opened AS SELECT 1 AS xid;"
      "SET search_path = pg_temp, public;");
  EXPECT_EQ(result.outcome, RunOutcome::kSucceeded) << result.error->message;
  EXPECT_EQ(db.HistorySize(), 1);
}

TEST(Fence, FunctionsNamedLikeThoseItCallsAreNotCalled) {
  LeasedDatabase db;
  const RunResult result = db.ApplyOne(
      "CREATE FUNCTION set_config(text, text, boolean) RETURNS text LANGUAGE plpgsql AS"
      " $$ BEGIN RAISE 'hijacked'; END $$;"
      "CREATE FUNCTION pg_current_xact_id() RETURNS xid8 LANGUAGE plpgsql AS"
      " $$ BEGIN RAISE 'hijacked'; END $$;"
      "SET search_path = public, pg_catalog;");
  EXPECT_EQ(result.outcome, RunOutcome::kSucceeded) << result.error->message;
}

TEST(Fence, ReplicaRoleIsNoticedAtTheEnd) {
  LeasedDatabase db;
  db.Publish("CREATE TABLE smuggled (id int); SET LOCAL session_replication_role = replica;");
  apply::RunSpec spec = db.LeaseAll();
  spec.conninfo = db.db().conninfo();  // Only a superuser can set it.
  spec.allow_superuser = true;
  spec.settings.owner_role = "";
  ExpectNothingRemains(db, LeasedDatabase::Apply(spec), "REPLICATION_ROLE");
}

TEST(Fence, AnUnprivilegedMigrationCannotSetReplicaRole) {
  LeasedDatabase db;
  const RunResult result =
      db.ApplyOne("CREATE TABLE smuggled (id int); SET session_replication_role = replica;");
  ExpectNothingRemains(db, result, "SQL_ERROR");
  EXPECT_EQ(result.error->sqlstate, "42501");
}

TEST(Fence, ObjectsBelongToTheOwnerRole) {
  LeasedDatabase db;
  ASSERT_EQ(db.ApplyOne("CREATE TABLE t (id int)").outcome, RunOutcome::kSucceeded);
  EXPECT_EQ(db.Scalar("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 't'"),
            db.owner());
}

}  // namespace
}  // namespace lockstep::testing
