#include "engine/catalog/bootstrap.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "engine/base/error_info.h"
#include "engine/catalog/roles.h"
#include "tests/catalog/lockstep_database.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using absl::StatusCode;
using catalog::Bootstrap;
using postgres::Connection;

// As the programs connect, but patient: many start at once here.
absl::StatusOr<std::unique_ptr<Connection>> Connect(const std::string& conninfo) {
  return Connection::Open({.conninfo = conninfo, .connect_timeout = absl::Seconds(30)});
}

absl::Status BootstrapAt(const std::string& conninfo) {
  const auto connection = Connect(conninfo);
  return connection.ok() ? Bootstrap(**connection, {}) : connection.status();
}

int Count(const std::string& text) { return std::stoi(text); }

TEST(BootstrapTest, SixteenAtOnceOnAnEmptyDatabaseMakeOneSchema) {
  TestDatabase db;
  std::vector<std::future<absl::Status>> starts;
  for (int i = 0; i < 16; ++i) {
    starts.push_back(Async([&] { return BootstrapAt(db.conninfo()); }));
  }
  for (auto& start : starts) EXPECT_THAT(start.get(), IsOk());
  EXPECT_EQ(db.Scalar("SELECT count(*) FROM lockstep.chain"), "1");
  EXPECT_EQ(db.Scalar("SELECT count(*) FROM lockstep.setting"), "1");
  EXPECT_EQ(Count(db.Scalar("SELECT max(number) FROM lockstep.schema_version")),
            catalog::KnownSchemaVersion());
}

// Roles belong to the cluster: the bootstraps of several databases meet there. A cluster of its
// own, because the roles must not be there yet.
TEST(BootstrapTest, SeveralDatabasesOfANewClusterAtOnce) {
  PostgresServer server;
  ASSERT_THAT(server.Start(), IsOk());
  std::vector<std::unique_ptr<TestDatabase>> databases;
  for (int i = 0; i < 6; ++i) {
    databases.push_back(std::make_unique<TestDatabase>(TestDatabaseOptions{.server = &server}));
  }
  std::vector<std::future<absl::Status>> starts;
  for (int i = 0; i < 12; ++i) {
    starts.push_back(
        Async([conninfo = databases[i % 6]->conninfo()] { return BootstrapAt(conninfo); }));
  }
  for (auto& start : starts) EXPECT_THAT(start.get(), IsOk());
  for (const auto& db : databases) {
    EXPECT_EQ(db->Scalar("SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'lockstep'"),
              "lockstep_owner");
  }
  EXPECT_EQ(databases[0]->Scalar("SELECT pg_has_role('lockstep_coordinators', 'pg_read_all_stats', "
                                 "'MEMBER') AND pg_has_role('lockstep_coordinators', "
                                 "'pg_signal_backend', 'MEMBER')"),
            "t");
}

TEST(BootstrapTest, ASecondOneChangesNothing) {
  LockstepDatabase lockstep;
  const std::string state =
      "SELECT md5(string_agg(xmin::text || oid, ',' ORDER BY oid)) FROM pg_proc "
      "WHERE pronamespace = 'lockstep'::regnamespace";
  const std::string setting = "SELECT xmin FROM lockstep.setting";
  const std::string before = lockstep.Scalar(state), setting_before = lockstep.Scalar(setting);
  EXPECT_THAT(Bootstrap(lockstep.admin(), {}), IsOk());
  EXPECT_EQ(lockstep.Scalar(state), before);
  EXPECT_EQ(lockstep.Scalar(setting), setting_before);
}

TEST(BootstrapTest, ASchemaOfANewerProgramIsRefused) {
  LockstepDatabase lockstep;
  lockstep.db().Query(
      "INSERT INTO lockstep.schema_version (number, name, digest) "
      "VALUES (9999, '9999_future.sql', '')");
  const absl::Status status = Bootstrap(lockstep.admin(), {});
  EXPECT_THAT(status, StatusIs(StatusCode::kFailedPrecondition, "SCHEMA_TOO_NEW"));
  EXPECT_EQ(base::MetadataOf(status, "schema"), "9999");
}

TEST(BootstrapTest, AFailedOneLeavesNothing) {
  TestDatabase db;
  const auto connection = db.Connect();
  EXPECT_THAT(Bootstrap(*connection, {.owner_role = "no_such_role"}),
              StatusIs(StatusCode::kInvalidArgument, "INVALID_FIELD"));
  EXPECT_EQ(db.Scalar("SELECT to_regnamespace('lockstep') IS NULL"), "t");
  EXPECT_THAT(Bootstrap(*connection, {}), IsOk());
}

TEST(BootstrapTest, StoresTheSettingsItIsGivenAndKeepsThemOtherwise) {
  TestDatabase db;
  const auto connection = db.Connect();
  const std::string owner = db.CreateLogin("app");
  const std::string settings =
      "SELECT owner_role || ' ' || search_path || ' ' || single_role FROM lockstep.setting";
  ASSERT_THAT(Bootstrap(*connection, {}), IsOk());
  EXPECT_EQ(db.Scalar(settings), "postgres public false");
  ASSERT_THAT(Bootstrap(*connection, {.owner_role = owner, .search_path = "app, public"}), IsOk());
  EXPECT_EQ(db.Scalar(settings), absl::StrCat(owner, " app, public false"));
  ASSERT_THAT(Bootstrap(*connection, {}), IsOk());
  EXPECT_EQ(db.Scalar(settings), absl::StrCat(owner, " app, public false"));
  EXPECT_THAT(Bootstrap(*connection, {.owner_role = "no_such_role"}),
              StatusIs(StatusCode::kInvalidArgument, "INVALID_FIELD"));
}

TEST(BootstrapTest, WithoutTheRightToCreateASchemaItIsRefused) {
  TestDatabase db;
  const auto connection = db.Connect(db.CreateLogin("nobody"));
  EXPECT_THAT(Bootstrap(*connection, {}), StatusIs(StatusCode::kPermissionDenied));
}

TEST(BootstrapTest, AMemberOfTheCoordinatorsFindsTheSchemaReady) {
  LockstepDatabase lockstep;
  const std::string role = lockstep.db().CreateLogin("coordinator");
  lockstep.db().Query("GRANT lockstep_coordinators TO " + role);
  const auto connection = lockstep.db().Connect(role);
  EXPECT_THAT(Bootstrap(*connection, {}), IsOk());
  EXPECT_THAT(Bootstrap(*connection, {.owner_role = "postgres", .search_path = "public"}), IsOk());
}

TEST(BootstrapTest, InSingleRoleModeTheOneRoleLeadsPublishesAndApplies) {
  TestDatabase db;
  const std::string role = db.CreateLogin("single");
  db.Query(absl::StrCat("ALTER DATABASE ", db.name(), " OWNER TO ", role));
  db.Query("GRANT CREATE ON SCHEMA public TO " + role);
  const auto connection = db.Connect(role);
  ASSERT_THAT(Bootstrap(*connection, {}), IsOk());
  ASSERT_THAT(Bootstrap(*connection, {}), IsOk());
  EXPECT_EQ(db.Scalar("SELECT single_role || owner_role FROM lockstep.setting"), "true" + role);
  ASSERT_THAT(connection->RunScript(R"sql(
    SELECT lockstep.leader_acquire('00000000-0000-0000-0000-000000000001', '', '1 hour', 0, 0);
    SELECT lockstep.publish_migration(1, '00000000-0000-0000-0000-000000000001',
      decode(repeat('00', 32), 'hex'), 1, 'one', 'expand', true, '{}', '{}', '', '\x01', 'ls1-sha256',
      '\x01', 'me');
    SELECT lockstep.grant_run(1, '00000000-0000-0000-0000-000000000001', 1, 1, 1,
      gen_random_uuid(), 'a@b', 'op', '30 s');
    BEGIN;
    SELECT lockstep.open(epoch, lease_id, 1) FROM lockstep.lease;
    CREATE TABLE one ();
    SELECT lockstep.close(epoch, lease_id, 1, '\x01') FROM lockstep.lease;
    COMMIT)sql"),
              IsOk());
  EXPECT_EQ(db.Scalar("SELECT applied FROM lockstep.chain"), "1");
}

// The functions of schema lockstep that a role may call, a line each.
std::string CallableBy(TestDatabase& db, const std::string& role) {
  return db.Scalar(absl::StrCat(
      "SELECT string_agg(p.oid::regprocedure::text, chr(10) ORDER BY p.oid::regprocedure::text)"
      " FROM pg_proc p WHERE p.pronamespace = 'lockstep'::regnamespace"
      " AND has_function_privilege('",
      role, "', p.oid, 'EXECUTE')"));
}

// In the two modes the same rights are written twice: as a group's, and as a role's own.
TEST(BootstrapTest, AMigratorMayDoTheSameInSingleRoleMode) {
  TestDatabase db;
  const std::string owner = db.CreateLogin("single");
  const std::string migrator = db.CreateLogin("migrator");
  db.Query(absl::StrCat("ALTER DATABASE ", db.name(), " OWNER TO ", owner));
  const auto connection = db.Connect(owner);
  ASSERT_THAT(Bootstrap(*connection, {}), IsOk());
  for (const std::string& grant : catalog::GrantStatements({.migrators = {migrator}}, true)) {
    EXPECT_THAT(connection->RunScript(grant), IsOk()) << grant;
  }
  LockstepDatabase usual;
  EXPECT_EQ(CallableBy(db, migrator), CallableBy(usual.db(), "lockstep_agents"));
}

}  // namespace
}  // namespace lockstep::testing
