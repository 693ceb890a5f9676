// Bad input gets one clear error that says what, where and what to do next, the right exit code,
// and nothing is lost or half-done.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "tests/e2e/cluster.h"
#include "tests/support/eventually.h"
#include "tests/support/repo_paths.h"

namespace lockstep::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr char kGood[] = "CREATE TABLE good (id int)";

TEST(BadInput, BrokenSqlFailsTheOperationWithFileLineAndColumnAndLeavesLaterVersionsAlone) {
  Cluster cluster;
  cluster.WriteMigration("001_good.sql", kGood);
  cluster.WriteMigration("002_broken.sql",
                         "CREATE TABLE half (id int);\n\n-- ü\nCREATE INDEX x ON nowhere (id);\n");
  cluster.WriteMigration("003_later.sql", "CREATE TABLE later (id int)");
  cluster.StartCoordinator();
  auto agent = cluster.StartAgent({.migrate = true});
  ASSERT_EQ(cluster.Ctl({"publish"}).exit->code, 0);
  const CommandResult upgrade = cluster.Ctl({"upgrade", "--yes"});
  EXPECT_EQ(upgrade.exit->code, 1);
  EXPECT_THAT(upgrade.err, HasSubstr("002_broken.sql:4:"));
  EXPECT_THAT(upgrade.err, HasSubstr("42P01"));
  EXPECT_THAT(upgrade.err, HasSubstr("relation \"nowhere\" does not exist"));
  EXPECT_THAT(upgrade.err, HasSubstr("hint:"));
  EXPECT_EQ(cluster.db().Scalar("SELECT applied FROM lockstep.chain"), "1");
  EXPECT_EQ(
      cluster.db().Scalar("SELECT to_regclass('half') IS NULL AND to_regclass('later') IS NULL"),
      "t");
  EXPECT_EQ(cluster.db().Scalar("SELECT state FROM lockstep.operation"), "failed");
  EXPECT_EQ(cluster.db().Scalar(
                "SELECT state || coalesce(inflight::text, '') FROM lockstep.lease, lockstep.chain"),
            "idle");
}

TEST(BadInput, APublishedFileThatIsEditedAfterwardsIsRefusedAndNothingRuns) {
  Cluster cluster;
  cluster.WriteMigration("001_good.sql", kGood);
  cluster.StartCoordinator();
  ASSERT_EQ(cluster.Ctl({"publish"}).exit->code, 0);
  cluster.WriteMigration("001_good.sql", "CREATE TABLE other (id int)");
  cluster.WriteMigration("002_more.sql", "CREATE TABLE more (id int)");
  const CommandResult publish = cluster.Ctl({"publish"});
  EXPECT_EQ(publish.exit->code, 5) << publish.err;
  EXPECT_THAT(publish.err, HasSubstr("001_good.sql"));
  EXPECT_THAT(publish.err, HasSubstr("edited after it was published"));
  EXPECT_EQ(cluster.db().Scalar("SELECT head FROM lockstep.chain"), "1");
}

TEST(BadInput, ABaselineFromPgDumpRunsWithoutWhatItSaysToPsql) {
  Cluster cluster;
  TestDatabase old;
  old.RunScript(
      "CREATE TABLE users (id serial PRIMARY KEY, name text);"
      "CREATE FUNCTION user_count() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM "
      "public.users'");
  const CommandResult dump =
      RunCommand({.argv = {old.server().bindir() + "/pg_dump", "--schema-only", "--no-owner", "-d",
                           old.conninfo()}});
  ASSERT_EQ(dump.exit->code, 0) << dump.err;
  ASSERT_THAT(dump.out, HasSubstr("set_config('search_path', '', false)"));
  cluster.WriteMigration("001_baseline.sql", dump.out);
  cluster.StartCoordinator();
  // Should it count as a contract, it concerns nobody who is adapted to it.
  auto agent = cluster.StartAgent({.yaml = "adapted_to: 1\n", .migrate = true});
  const CommandResult publish = cluster.Ctl({"publish"});
  ASSERT_EQ(publish.exit->code, 0) << publish.err;
  EXPECT_THAT(publish.err, HasSubstr("001_baseline.sql: line"));
  const CommandResult upgrade = cluster.Ctl({"upgrade", "--yes", "--contracts"});
  EXPECT_EQ(upgrade.exit->code, 0) << upgrade.err;
  EXPECT_EQ(cluster.db().Scalar("SELECT applied FROM lockstep.chain"), "1") << upgrade.out;
  EXPECT_EQ(cluster.db().Scalar("SELECT user_count()"), "0");
}

TEST(BadInput, ASchemaThatANewerLockstepMadeIsRefusedByCoordinatorAndDirectUpgrade) {
  Cluster cluster;
  cluster.WriteMigration("001_good.sql", kGood);
  Subprocess& first = cluster.StartCoordinator();
  first.Signal(SIGTERM);
  ASSERT_TRUE(first.Wait().has_value());
  cluster.db().RunScript("INSERT INTO lockstep.schema_version VALUES (9999, '9999_later.sql', '')");
  const CommandResult coordinator =
      RunCommand({.argv = {ProgramPath("lockstep-coordinator"), "--database",
                           cluster.db().conninfo(), "--listen", "127.0.0.1:0"}});
  EXPECT_EQ(coordinator.exit->code, 1);
  EXPECT_THAT(coordinator.err, HasSubstr("schema lockstep is at 9999, this program knows "));
  const CommandResult direct =
      cluster.Ctl({"upgrade", "--direct", "--yes", "--database", cluster.db().conninfo(),
                   "--migrations", cluster.migrations()});
  EXPECT_EQ(direct.exit->code, 5) << direct.err;
  EXPECT_THAT(direct.err, HasSubstr("schema lockstep is at 9999, this program knows "));
  EXPECT_THAT(direct.err, HasSubstr("hint: run a lockstep at least as new"));
  EXPECT_EQ(cluster.db().Scalar("SELECT to_regclass('good') IS NULL"), "t");
}

TEST(BadInput, ChainsThatPartAreToldApartWithExitCode8) {
  Cluster cluster;
  cluster.WriteMigration("001_good.sql", kGood);
  cluster.StartCoordinator();
  ASSERT_EQ(cluster.Ctl({"publish"}).exit->code, 0);
  std::remove((cluster.migrations() + "/001_good.sql").c_str());
  cluster.WriteMigration("001_mine.sql", kGood);
  const CommandResult publish = cluster.Ctl({"publish"});
  EXPECT_EQ(publish.exit->code, 8) << publish.err;
  EXPECT_THAT(publish.err, HasSubstr("part at version 1"));
}

TEST(BadInput, AnAgentWithoutTheRightsToBecomeTheOwnerIsNamed) {
  Cluster cluster;
  cluster.WriteMigration("001_good.sql", kGood);
  cluster.StartCoordinator();
  const std::string weak = cluster.db().CreateLogin("weak");
  cluster.db().RunScript(absl::StrCat("GRANT lockstep_agents TO ", weak));
  auto agent = cluster.StartAgent({.migrate_database = cluster.db().conninfo(weak)});
  ASSERT_EQ(cluster.Ctl({"publish"}).exit->code, 0);
  const CommandResult upgrade = cluster.Ctl({"upgrade", "--yes", "--timeout", "30s"});
  EXPECT_THAT(upgrade.exit->code, AnyOf(1, 5)) << upgrade.err;
  EXPECT_THAT(upgrade.err, HasSubstr(cluster.owner()));
  EXPECT_EQ(cluster.db().Scalar("SELECT applied FROM lockstep.chain"), "0");
}

TEST(BadInput, AWrongPasswordIsToldByStatusAndByTheWaitingUpgrade) {
  Cluster cluster;
  cluster.WriteMigration("001_good.sql", kGood);
  cluster.StartCoordinator();
  const std::string login = cluster.db().CreateLogin("secretive", "right");
  cluster.db().RunScript(absl::StrCat("GRANT lockstep_agents TO ", login));
  auto agent = cluster.StartAgent({.migrate_database = cluster.db().conninfo(login, "wrong")});
  ASSERT_EQ(cluster.Ctl({"publish"}).exit->code, 0);
  ASSERT_TRUE(Eventually([&] {
    return cluster.Ctl({"status", "-o", "json"}).out.find("password authentication failed") !=
           std::string::npos;
  }));
  const CommandResult upgrade = cluster.Ctl({"upgrade", "--yes", "--timeout", "2s"});
  EXPECT_EQ(upgrade.exit->code, 6) << upgrade.err;
  EXPECT_THAT(upgrade.err, HasSubstr("password authentication failed"));
  EXPECT_THAT(upgrade.err + agent->stderr_text(), ::testing::Not(HasSubstr("wrong@")));
}

TEST(BadInput, ACoordinatorWhoseDatabaseIsMissingSaysSoAndEndsWith7) {
  const CommandResult result = RunCommand(
      {.argv = {ProgramPath("lockstep-coordinator"), "--database",
                SharedPostgres().conninfo("no_such_database"), "--listen", "127.0.0.1:0"}});
  EXPECT_EQ(result.exit->code, 7);
  EXPECT_THAT(result.err, HasSubstr("no_such_database"));
  EXPECT_THAT(result.err, HasSubstr("hint:"));
}

TEST(BadInput, AMissingCoordinatorEndsWith7AndListsWhatWasTried) {
  const CommandResult result =
      RunCommand({.argv = {ProgramPath("lockstep"), "status", "--address", "127.0.0.1:9",
                           "--address", "unix:/nowhere/lockstep.sock"}});
  EXPECT_EQ(result.exit->code, 7);
  EXPECT_THAT(result.err, HasSubstr("127.0.0.1:9"));
  EXPECT_THAT(result.err, HasSubstr("unix:/nowhere/lockstep.sock"));
  EXPECT_THAT(result.err, HasSubstr("hint:"));
}

TEST(BadInput, ACommitInAMigrationIsRefusedWhenItIsPublished) {
  Cluster cluster;
  cluster.WriteMigration("001_good.sql", kGood);
  cluster.StartCoordinator();
  const std::string path = cluster.migrations() + "/002_commit.sql";
  std::FILE* const file = std::fopen(path.c_str(), "w");
  std::fputs("CREATE TABLE a (id int);\nCOMMIT;\nCREATE TABLE b (id int);\n", file);
  std::fclose(file);
  const CommandResult publish = cluster.Ctl({"publish"});
  EXPECT_NE(publish.exit->code, 0);
  EXPECT_THAT(publish.err, HasSubstr("002_commit.sql:2:1"));
  EXPECT_EQ(cluster.db().Scalar("SELECT head FROM lockstep.chain"), "0");
}

TEST(BadInput, ACommitHiddenInDynamicSqlIsFencedAndRolledBack) {
  Cluster cluster;
  cluster.WriteMigration("001_hidden.sql",
                         "-- lockstep:phase expand\nCREATE TABLE smuggled (id int);\n"
                         "DO $$ BEGIN EXECUTE reverse('TIMMOC'); END $$;\n");
  cluster.StartCoordinator();
  auto agent = cluster.StartAgent({.migrate = true});
  ASSERT_EQ(cluster.Ctl({"publish"}).exit->code, 0);
  const CommandResult upgrade = cluster.Ctl({"upgrade", "--yes"});
  EXPECT_EQ(upgrade.exit->code, 1) << upgrade.err;
  EXPECT_THAT(upgrade.err, HasSubstr("001_hidden.sql"));
  EXPECT_EQ(cluster.db().Scalar("SELECT to_regclass('smuggled') IS NULL"), "t");
  EXPECT_EQ(cluster.db().Scalar("SELECT count(*) FROM lockstep.history"), "0");
}

TEST(BadInput, AMigrationThatResetsItsRoleAndCallsCloseByDynamicSqlIsFenced) {
  Cluster cluster;
  cluster.WriteMigration(
      "001_forger.sql",
      "-- lockstep:phase expand\nCREATE TABLE forged (id int);\nRESET ROLE;\n"
      "DO $$ BEGIN EXECUTE format('SELECT lock' || 'step.close(%s, %L, 1, %L)', 2, "
      "gen_random_uuid(), '\\x00'); END $$;\n");
  cluster.StartCoordinator();
  auto agent = cluster.StartAgent({.migrate = true});
  ASSERT_EQ(cluster.Ctl({"publish", "--lint=warn"}).exit->code, 0);
  const CommandResult upgrade = cluster.Ctl({"upgrade", "--yes", "--lint=warn"});
  EXPECT_EQ(upgrade.exit->code, 1) << upgrade.err;
  EXPECT_THAT(upgrade.err, HasSubstr("LS002"));
  EXPECT_EQ(cluster.db().Scalar("SELECT to_regclass('forged') IS NULL"), "t");
  EXPECT_EQ(cluster.db().Scalar("SELECT count(*) FROM lockstep.history"), "0");
}

TEST(BadInput, AnAgentWithoutAServiceFileIsRefusedAsNotConfigured) {
  Cluster cluster;
  cluster.WriteMigration("001_good.sql", kGood);
  cluster.StartCoordinator();
  auto agent = cluster.StartAgent({.instance = "bare", .service_file = false});
  EXPECT_EQ(agent->Wait(), (ExitStatus{.code = 123}));
  EXPECT_THAT(agent->stderr_text(), HasSubstr("not_configured"));
}

TEST(BadInput, AServiceKilledWhileItWaitsDisappearsFromStatus) {
  Cluster cluster;
  cluster.WriteMigration("001_good.sql", kGood);
  cluster.StartCoordinator();
  ASSERT_EQ(cluster.Ctl({"publish"}).exit->code, 0);
  auto agent = cluster.StartAgent({.instance = "doomed"});
  ASSERT_TRUE(Eventually([&] { return cluster.StateOf("shop", "doomed") == "waiting"; }));
  agent->Signal(SIGKILL);
  EXPECT_TRUE(Eventually([&] { return cluster.StateOf("shop", "doomed").empty(); }));
  EXPECT_EQ(cluster.db().Scalar("SELECT count(*) FROM lockstep.session"), "0");
}

}  // namespace
}  // namespace lockstep::testing
