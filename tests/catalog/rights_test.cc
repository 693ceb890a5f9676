// Who may do what in schema lockstep, read from the catalog rather than from the files.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "engine/postgres/errors.h"
#include "tests/catalog/lockstep_database.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using absl::StatusCode;
using postgres::Param;

class RightsTest : public ::testing::Test {
 protected:
  // The names of the functions for which `condition` over pg_proc p holds.
  std::string FunctionsWhere(const std::string& condition) {
    return lockstep_.Scalar(absl::StrCat(
        "SELECT coalesce(string_agg(DISTINCT proname::text, ' ' ORDER BY proname::text), "
        "'') FROM pg_proc p WHERE pronamespace = 'lockstep'::regnamespace AND (",
        condition, ")"));
  }
  std::string ExecutableBy(const std::string& role) {
    return FunctionsWhere(absl::StrCat("has_function_privilege('", role, "', p.oid, 'EXECUTE')"));
  }
  std::string TablesFor(const std::string& role, const std::string& rights) {
    return lockstep_.Scalar(absl::StrCat(
        "SELECT coalesce(string_agg(relname, ' ' ORDER BY relname), '') FROM pg_class WHERE "
        "relnamespace = 'lockstep'::regnamespace AND relkind IN ('r', 'v', 'S', 'p') AND "
        "has_table_privilege('",
        role, "', oid, '", rights, "')"));
  }

  LockstepDatabase lockstep_;
};

TEST_F(RightsTest, EveryFunctionRunsAsTheOwnerWithAFixedSearchPath) {
  EXPECT_NE(FunctionsWhere("true"), "");
  EXPECT_EQ(FunctionsWhere("NOT prosecdef"), "");
  EXPECT_EQ(FunctionsWhere("proconfig IS DISTINCT FROM "
                           "ARRAY['search_path=pg_catalog, pg_temp']"),
            "");
  EXPECT_EQ(FunctionsWhere("proowner <> 'lockstep_owner'::regrole"), "");
}

TEST_F(RightsTest, NoFunctionIsForEverybody) {
  // A missing proacl means EXECUTE for PUBLIC; grantee 0 is PUBLIC.
  EXPECT_EQ(FunctionsWhere("proacl IS NULL"), "");
  EXPECT_EQ(FunctionsWhere("EXISTS (SELECT FROM aclexplode(proacl) a WHERE a.grantee = 0)"), "");
}

TEST_F(RightsTest, NoTableOrSchemaRightIsForEverybody) {
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a WHERE "
                             "relnamespace = 'lockstep'::regnamespace AND a.grantee = 0"),
            "0");
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM pg_namespace n, aclexplode(n.nspacl) a WHERE "
                             "nspname = 'lockstep' AND a.grantee = 0"),
            "0");
}

TEST_F(RightsTest, TheOwnerIsARoleThatNobodyIsOrBecomes) {
  EXPECT_EQ(lockstep_.Scalar("SELECT rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb OR "
                             "rolbypassrls OR rolreplication FROM pg_roles "
                             "WHERE rolname = 'lockstep_owner'"),
            "f");
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM pg_auth_members "
                             "WHERE roleid = 'lockstep_owner'::regrole"),
            "0");
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM pg_class WHERE relnamespace = "
                             "'lockstep'::regnamespace AND relowner <> 'lockstep_owner'::regrole"),
            "0");
}

TEST_F(RightsTest, EveryTableAndColumnHasAComment) {
  EXPECT_EQ(lockstep_.Scalar("SELECT coalesce(string_agg(relname, ' '), '') FROM pg_class c WHERE "
                             "relnamespace = 'lockstep'::regnamespace AND relkind = 'r' AND "
                             "obj_description(oid, 'pg_class') IS NULL"),
            "");
  EXPECT_EQ(
      lockstep_.Scalar(
          "SELECT coalesce(string_agg(c.relname || '.' || attname, ' '), '') FROM pg_attribute "
          "a JOIN pg_class c ON c.oid = attrelid WHERE relnamespace = 'lockstep'::regnamespace "
          "AND relkind = 'r' AND attnum > 0 AND NOT attisdropped AND "
          "col_description(attrelid, attnum) IS NULL"),
      "");
}

TEST_F(RightsTest, AgentsMayOpenCloseWriteDownStatementsAndAskWhatConcernsThemOnly) {
  EXPECT_EQ(
      ExecutableBy("lockstep_agents"),
      "admit backfill_beat backfill_close backfill_give_back backfill_health backfill_open "
      "backfill_part backfill_plan backfill_verified begin_statement check_session close close_group "
      "end_statement gate leave lock_holders lock_statements lock_wait oldest_transaction open "
      "open_group outcome plan_statements reserve_direct statement_lock_holder");
  EXPECT_EQ(
      TablesFor("lockstep_agents", "SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER"),
      "");
}

TEST_F(RightsTest, ServicesMayAskTheGateOnly) {
  EXPECT_EQ(ExecutableBy("lockstep_services"), "admit check_session gate leave reserve_direct");
  EXPECT_EQ(TablesFor("lockstep_services",
                      "SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER"),
            "");
}

TEST_F(RightsTest, CoordinatorsReadTablesAndWriteThroughFunctions) {
  EXPECT_EQ(TablesFor("lockstep_coordinators", "INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER"), "");
  EXPECT_NE(TablesFor("lockstep_coordinators", "SELECT"), "");
}

TEST_F(RightsTest, ARoleWithoutAGrantCanNeitherReadNorCall) {
  const auto session = lockstep_.Session(lockstep_.db().CreateLogin("stranger"));
  for (const char* sql :
       {"SELECT * FROM lockstep.chain", "SELECT * FROM lockstep.lease",
        "SELECT * FROM lockstep.history", "SELECT lockstep.open(1, gen_random_uuid(), 1)",
        "SELECT lockstep.close(1, gen_random_uuid(), 1, '')",
        "SELECT lockstep.leader_acquire(gen_random_uuid(), '', '1 s', 0, 0)",
        "SELECT * FROM lockstep.gate(true, 0, '', 0, 0, NULL)",
        "DO $$ BEGIN LOCK TABLE lockstep.run_lock; END $$", "CREATE TABLE lockstep.mine ()",
        "DROP SCHEMA lockstep CASCADE", "SET ROLE lockstep_owner"}) {
    EXPECT_THAT(session->Execute(sql), StatusIs(StatusCode::kPermissionDenied)) << sql;
  }
}

TEST_F(RightsTest, AnAgentCanApplyWithItsTwoFunctionsAndForgeNothing) {
  lockstep_.Publish({{}});
  const std::string role = lockstep_.db().CreateLogin("agent");
  lockstep_.db().Query("GRANT lockstep_agents TO " + role);
  lockstep_.db().Query("GRANT CREATE ON SCHEMA public TO " + role);
  const LeaseToken token = lockstep_.Grant(1, 1);
  const auto agent = lockstep_.Session(role);
  for (const char* sql :
       {"SELECT * FROM lockstep.lease", "INSERT INTO lockstep.opened DEFAULT VALUES",
        "DELETE FROM lockstep.history", "UPDATE lockstep.chain SET applied = 99",
        "SELECT lockstep.emit('x', 1, NULL, NULL)", "SELECT lockstep.leader_fence(1, NULL)",
        "SELECT lockstep.next_violation(1)",
        "DO $$ BEGIN LOCK TABLE lockstep.run_lock IN ROW SHARE MODE; END $$",
        "ALTER TABLE lockstep.opened DISABLE TRIGGER must_close",
        "SET session_replication_role = replica"}) {
    EXPECT_THAT(agent->Execute(sql), StatusIs(StatusCode::kPermissionDenied)) << sql;
  }
  ASSERT_THAT(lockstep_.ApplyOnly(*agent, token, 1), IsOk());
  EXPECT_THAT(agent->Execute("COMMIT"), IsOk());
  EXPECT_EQ(lockstep_.Scalar("SELECT applied FROM lockstep.chain"), "1");
}

// What a coordinator that is no superuser does all day.
TEST_F(RightsTest, AMemberOfTheCoordinatorsCanLeadGrantAndRevoke) {
  lockstep_.Publish({{}});
  const std::string role = lockstep_.db().CreateLogin("coordinator");
  lockstep_.db().Query("GRANT lockstep_coordinators TO " + role);
  const auto connection = lockstep_.db().Connect(role);
  const auto token = coordinator::GrantRun(*connection, lockstep_.leader(), lockstep_.lease_epoch(),
                                           {.first = 1,
                                            .last = 1,
                                            .session = lockstep_.leader().holder,
                                            .holder = "a@b",
                                            .operation = "op",
                                            .ttl = absl::Seconds(30)});
  ASSERT_THAT(token, IsOk());
  EXPECT_THAT(coordinator::ReadLease(*connection), IsOk());
  EXPECT_THAT(coordinator::TerminateBlockersOf(*connection, connection->backend_pid()),
              IsOkAndHolds(0));
  EXPECT_THAT(
      coordinator::RevokeRun(*connection, lockstep_.leader(), *token, "test", absl::Seconds(5)),
      IsOkAndHolds(true));
}

}  // namespace
}  // namespace lockstep::testing
