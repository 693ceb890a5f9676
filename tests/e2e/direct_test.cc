// Upgrades without a coordinator: the same schema, once, by one at a time, and never beside a
// coordinator that leads.
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <regex>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "tests/e2e/cluster.h"
#include "tests/support/eventually.h"
#include "tests/support/matchers.h"
#include "tests/support/repo_paths.h"

namespace lockstep::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> DirectCommand(Cluster& cluster, std::vector<std::string> more = {}) {
  std::vector<std::string> args = {"upgrade", "--direct", "--database", cluster.db().conninfo()};
  args.insert(args.end(), more.begin(), more.end());
  return args;
}

CommandResult Direct(Cluster& cluster, std::vector<std::string> more = {}) {
  return cluster.Ctl(DirectCommand(cluster, std::move(more)));
}

bool Runs(Cluster& cluster, const std::string& statement) {
  return cluster.db().Scalar(
             "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> "
             "pg_backend_pid() AND query LIKE $1",
             {"%" + statement + "%"}) != "0";
}

// The schema as tests/migrations/at_016.sql has it: no settings, owners, comments or blank lines.
std::string DumpSchema(const std::string& conninfo) {
  const CommandResult dump = RunCommand({.argv = {"pg_dump", "-s", "--no-owner", "--no-privileges",
                                                  "-N", "lockstep", "-d", conninfo}});
  EXPECT_EQ(dump.exit, ExitStatus{}) << dump.err;
  const std::regex noise(R"(^(--.*|SET .*|SELECT pg_catalog\..*|\\.*|\s*)$)");
  std::string text;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(dump.out, '\n'))) {
    if (!std::regex_match(line, noise)) absl::StrAppend(&text, line, "\n");
  }
  return text;
}

std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// "1 1 3": for each applied version the first that was committed with it.
std::string Transactions(Cluster& cluster) {
  return cluster.db().Scalar(
      "SELECT string_agg(first::text, ' ' ORDER BY version) FROM (SELECT version,"
      " min(version) OVER (PARTITION BY xid) AS first FROM lockstep.history) h");
}

TEST(Direct, GivesThePlaygroundItsSchemaAndDoesNothingTheSecondTime) {
  Cluster cluster;
  cluster.UsePlayground();
  const CommandResult first = Direct(cluster);
  EXPECT_EQ(first.exit, ExitStatus{}) << first.err;
  EXPECT_THAT(first.out, HasSubstr("applied 16"));
  EXPECT_EQ(DumpSchema(cluster.db().conninfo()),
            ReadText(SourcePath("tests/migrations/at_016.sql")));
  EXPECT_EQ(Transactions(cluster), "1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1");
  const std::string revision = cluster.db().Scalar("SELECT max(revision) FROM lockstep.event "
                                                   "WHERE kind <> 'leader_elected'");
  const CommandResult second = Direct(cluster);
  EXPECT_EQ(second.exit, ExitStatus{}) << second.err;
  EXPECT_EQ(second.out, "up to date at 16\n");
  EXPECT_EQ(cluster.db().Scalar("SELECT max(revision) FROM lockstep.event "
                                "WHERE kind <> 'leader_elected'"),
            revision);
}

TEST(Direct, NeighboursShareATransactionUntilSomebodyIsServed) {
  Cluster cluster;
  cluster.WriteMigration("001_a.sql", "CREATE TABLE a (id int);");
  cluster.WriteMigration("002_b.sql", "CREATE TABLE b (id int); INSERT INTO b VALUES (1);");
  cluster.WriteMigration("003_c.sql", "CREATE TABLE c (id int);");
  cluster.WriteMigration("004_d.sql", "CREATE TABLE d (id int);");
  EXPECT_EQ(Direct(cluster).exit, ExitStatus{});
  EXPECT_EQ(Transactions(cluster), "1 1 3 3");
  cluster.db().Query("UPDATE lockstep.chain SET first_served_at = now()");
  cluster.WriteMigration("005_e.sql", "CREATE TABLE e (id int);");
  cluster.WriteMigration("006_f.sql", "CREATE TABLE f (id int);");
  EXPECT_EQ(Direct(cluster).exit, ExitStatus{});
  EXPECT_EQ(Transactions(cluster), "1 1 3 3 5 6");
}

TEST(Direct, AGroupThatFailsKeepsWhatIsBeforeTheFailureAndNamesIt) {
  Cluster cluster;
  cluster.WriteMigration("001_a.sql", "CREATE TABLE a (id int);");
  cluster.WriteMigration("002_b.sql", "CREATE TABLE b (id int);");
  cluster.WriteMigration("003_broken.sql", "CREATE TABLE c (id int);\n  CREATE TABLE a (id int);");
  cluster.WriteMigration("004_d.sql", "CREATE TABLE d (id int);");
  const CommandResult result = Direct(cluster);
  EXPECT_EQ(result.exit->code, 1) << result.err;
  EXPECT_THAT(result.err, HasSubstr("003_broken.sql:2"));
  EXPECT_THAT(result.err, HasSubstr("the database is at 2"));
  EXPECT_EQ(Transactions(cluster), "1 2");
  EXPECT_EQ(cluster.db().Scalar("SELECT to_regclass('c') IS NULL"), "t");
}

TEST(Direct, ThirtyTwoAtOnceAllSucceedAndApplyEachVersionOnce) {
  Cluster cluster;
  cluster.UsePlayground();
  std::vector<std::unique_ptr<Subprocess>> runs;
  for (int i = 0; i < 32; ++i) runs.push_back(cluster.StartCtl(DirectCommand(cluster)));
  for (const auto& run : runs) {
    EXPECT_EQ(run->Wait(absl::Seconds(120)), ExitStatus{}) << run->stderr_text();
  }
  EXPECT_EQ(cluster.db().Scalar("SELECT count(*) FROM lockstep.history"), "16");
  EXPECT_EQ(cluster.db().Scalar("SELECT count(DISTINCT lease_epoch) FROM lockstep.history"), "1");
}

TEST(Direct, RefusesWhileACoordinatorLeadsAndNamesIt) {
  Cluster cluster;
  cluster.WriteMigration("001_good.sql", "CREATE TABLE good (id int)");
  cluster.StartCoordinator();
  ASSERT_TRUE(cluster.coordinator().WaitForOutput("leadership won"));
  const CommandResult result = Direct(cluster);
  EXPECT_EQ(result.exit->code, 8);
  EXPECT_THAT(result.err, HasSubstr(cluster.socket()));
  EXPECT_THAT(result.err, HasSubstr("hint: "));
  EXPECT_EQ(cluster.db().Scalar("SELECT to_regclass('good') IS NULL"), "t");
}

TEST(Direct, TakesOverFromACoordinatorThatWasKilledAndFinishesItsOperation) {
  Cluster cluster;
  cluster.WriteMigration("001_good.sql", "CREATE TABLE good (id int)");
  cluster.StartCoordinator();
  ASSERT_EQ(cluster.Ctl({"publish"}).exit->code, 0);
  // Nobody can apply, so the operation is left running.
  const std::string operation = cluster.Json({"upgrade", "--yes", "--no-wait"})["operationId"];
  cluster.coordinator().Signal(SIGKILL);
  ASSERT_TRUE(cluster.coordinator().Wait().has_value());
  const CommandResult result = Direct(cluster);
  EXPECT_EQ(result.exit, ExitStatus{}) << result.err;
  EXPECT_THAT(result.err, HasSubstr("finishing " + operation));
  EXPECT_EQ(cluster.db().Scalar("SELECT state FROM lockstep.operation"), "succeeded");
  EXPECT_EQ(cluster.db().Scalar("SELECT to_regclass('good') IS NULL"), "f");
}

TEST(Direct, DoesNotTouchAnOperationThatSomebodyPaused) {
  Cluster cluster;
  cluster.WriteMigration("001_good.sql", "CREATE TABLE good (id int)");
  cluster.StartCoordinator();
  ASSERT_EQ(cluster.Ctl({"publish"}).exit->code, 0);
  const std::string operation = cluster.Json({"upgrade", "--yes", "--no-wait"})["operationId"];
  ASSERT_EQ(cluster.Ctl({"operations", "pause", operation}).exit->code, 0);
  cluster.coordinator().Signal(SIGTERM);
  ASSERT_EQ(cluster.coordinator().Wait(), ExitStatus{});
  const CommandResult result = Direct(cluster);
  EXPECT_EQ(result.exit->code, 5);
  EXPECT_THAT(result.err, HasSubstr("operations resume " + operation));
  EXPECT_EQ(cluster.db().Scalar("SELECT to_regclass('good') IS NULL"), "t");
}

TEST(Direct, ACoordinatorLeadsOnceTheDirectUpgradeHasEndedAndSeesWhatItDid) {
  Cluster cluster;
  cluster.WriteMigration("001_good.sql", "CREATE TABLE good (id int)");
  cluster.WriteMigration("002_slow.sql", "-- lockstep:phase data\nSELECT pg_sleep(2);");
  auto direct = cluster.StartCtl(DirectCommand(cluster));
  ASSERT_TRUE(Eventually([&] { return Runs(cluster, "pg_sleep(2)"); }));
  cluster.StartCoordinator();
  // The one that leads cannot be asked, so the address of it is not given.
  const CommandResult refused = cluster.Ctl({"upgrade", "--no-wait", "--timeout", "1s"});
  EXPECT_THAT(refused.exit->code, AnyOf(6, 7)) << refused.err;
  EXPECT_THAT(refused.err, Not(HasSubstr("direct:")));
  EXPECT_EQ(direct->Wait(), ExitStatus{}) << direct->stderr_text();
  ASSERT_TRUE(cluster.coordinator().WaitForOutput("leadership won"));
  EXPECT_EQ(cluster.Status()["status"]["chain"]["applied"], 2);
}

TEST(Direct, OneThatIsKilledInTheMiddleIsReplacedByTheNext) {
  Cluster cluster;
  cluster.WriteMigration("001_good.sql", "CREATE TABLE good (id int)");
  cluster.WriteMigration("002_slow.sql",
                         "CREATE TABLE slow (id int);\n"
                         "SELECT pg_sleep(CASE WHEN (SELECT count(*) FROM lockstep_test_slow) = 0 "
                         "THEN 0 ELSE 600 END);");
  cluster.db().RunScript("CREATE TABLE lockstep_test_slow (id int); "
                         "GRANT SELECT ON lockstep_test_slow TO PUBLIC; "
                         "INSERT INTO lockstep_test_slow VALUES (1)");
  auto killed = cluster.StartCtl(DirectCommand(cluster));
  ASSERT_TRUE(Eventually([&] { return Runs(cluster, "THEN 0 ELSE 600"); }));
  killed->Signal(SIGKILL);
  ASSERT_TRUE(killed->Wait().has_value());
  cluster.db().RunScript("DELETE FROM lockstep_test_slow");
  const CommandResult next = Direct(cluster);
  EXPECT_EQ(next.exit, ExitStatus{}) << next.err;
  EXPECT_EQ(cluster.db().Scalar("SELECT count(*) FROM lockstep.history"), "2");
  EXPECT_EQ(cluster.db().Scalar("SELECT count(DISTINCT lease_epoch) FROM lockstep.history"), "2");
}

TEST(Direct, CtrlCRollsTheRunningMigrationBackAndEndsWith130) {
  Cluster cluster;
  cluster.WriteMigration("001_good.sql", "CREATE TABLE good (id int)");
  cluster.WriteMigration("002_slow.sql", "CREATE TABLE slow (id int);\nSELECT pg_sleep(600);");
  auto direct = cluster.StartCtl(DirectCommand(cluster));
  ASSERT_TRUE(Eventually([&] { return Runs(cluster, "pg_sleep(600)"); }));
  direct->Signal(SIGINT);
  EXPECT_EQ(direct->Wait(), ExitStatus{.code = 130}) << direct->stderr_text();
  EXPECT_THAT(direct->stderr_text(), HasSubstr("the database is at 1"));
  EXPECT_EQ(cluster.db().Scalar("SELECT to_regclass('slow') IS NULL"), "t");
  EXPECT_EQ(cluster.db().Scalar("SELECT state FROM lockstep.operation"), "cancelled");
  EXPECT_FALSE(Runs(cluster, "pg_sleep(600)"));
}

TEST(Direct, ATimeoutRollsTheRunningMigrationBackAndEndsWith6) {
  Cluster cluster;
  cluster.WriteMigration("001_slow.sql", "CREATE TABLE slow (id int);\nSELECT pg_sleep(600);");
  const CommandResult result = Direct(cluster, {"--timeout", "2s"});
  EXPECT_EQ(result.exit->code, 6) << result.err;
  EXPECT_EQ(cluster.db().Scalar("SELECT to_regclass('slow') IS NULL"), "t");
  EXPECT_EQ(cluster.db().Scalar("SELECT state FROM lockstep.operation"), "cancelled");
}

TEST(Direct, ABrokenMigrationIsToldWithFileLineAndColumn) {
  Cluster cluster;
  cluster.WriteMigration("001_good.sql", "CREATE TABLE good (id int)");
  cluster.WriteMigration("002_bad.sql", "-- a comment\nALTER TABLE missing ADD COLUMN x int;");
  const CommandResult result = Direct(cluster);
  EXPECT_EQ(result.exit->code, 1);
  EXPECT_THAT(result.err, HasSubstr("002_bad.sql:2"));
  EXPECT_THAT(result.err, HasSubstr("the database is at 1"));
}

TEST(Direct, ContractsRunInLineUntilSomebodyIsServedAndAreLeftWaitingForLiveInstances) {
  Cluster cluster;
  cluster.WriteMigration("001_good.sql", "CREATE TABLE good (id int, old int, older int)");
  cluster.WriteMigration("002_drop.sql", "ALTER TABLE good DROP COLUMN older");
  ASSERT_EQ(Direct(cluster).exit, ExitStatus{});
  EXPECT_EQ(cluster.db().Scalar("SELECT applied FROM lockstep.chain"), "2");
  cluster.StartCoordinator();
  auto agent = cluster.StartAgent({.instance = "one", .yaml = "adapted_to: 2\n"});
  ASSERT_TRUE(agent->WaitForOutput("open "));
  cluster.coordinator().Signal(SIGTERM);
  ASSERT_EQ(cluster.coordinator().Wait(), ExitStatus{});
  cluster.WriteMigration("003_drop.sql", "ALTER TABLE good DROP COLUMN old");
  const CommandResult waiting = Direct(cluster, {"--contracts"});
  EXPECT_THAT(absl::StrCat(waiting.out, waiting.err), HasSubstr("3"));
  EXPECT_EQ(cluster.db().Scalar("SELECT count(*) FROM lockstep.history WHERE version = 3"), "0");
}

TEST(Direct, AnOlderDirectoryRunsNothingThatItDoesNotKnow) {
  Cluster cluster;
  cluster.WriteMigration("001_good.sql", "CREATE TABLE good (id int)");
  cluster.WriteMigration("002_more.sql", "CREATE TABLE more (id int)");
  ASSERT_EQ(Direct(cluster, {"--to", "1"}).exit, ExitStatus{});
  std::filesystem::remove(cluster.migrations() + "/002_more.sql");
  cluster.WriteSum();
  const CommandResult result = Direct(cluster);
  EXPECT_EQ(result.exit, ExitStatus{}) << result.err;
  EXPECT_THAT(result.err, HasSubstr("the database knows versions up to 2"));
  EXPECT_EQ(cluster.db().Scalar("SELECT applied FROM lockstep.chain"), "1");
}

TEST(Direct, PrintsTheSqlAndChangesNothing) {
  Cluster cluster;
  cluster.WriteMigration("001_good.sql", "CREATE TABLE good (id int)");
  const CommandResult result = Direct(cluster, {"--sql"});
  EXPECT_EQ(result.exit, ExitStatus{}) << result.err;
  EXPECT_THAT(result.out, HasSubstr("CREATE TABLE good (id int);"));
  EXPECT_EQ(cluster.db().Scalar("SELECT to_regnamespace('lockstep') IS NULL"), "t");
  const CommandResult offline = cluster.Ctl({"upgrade", "--direct", "--sql"});
  EXPECT_EQ(offline.out, result.out);
}

TEST(Direct, SaysWhatIsWrongWithItsFlags) {
  Cluster cluster;
  cluster.WriteMigration("001_good.sql", "CREATE TABLE good (id int)");
  EXPECT_EQ(cluster.Ctl({"upgrade", "--direct"}).exit->code, 2);
  EXPECT_EQ(cluster.Ctl({"upgrade", "--database", "dbname=x"}).exit->code, 2);
  EXPECT_EQ(Direct(cluster, {"--no-wait"}).exit->code, 2);
  EXPECT_EQ(Direct(cluster, {"--to", "9"}).exit->code, 2);
  EXPECT_EQ(Direct(cluster, {"--lint", "loud"}).exit->code, 2);
  EXPECT_EQ(Direct(cluster, {"--reason", "\x1b[31m"}).exit->code, 2);
  const CommandResult missing = cluster.Ctl(
      {"upgrade", "--direct", "--database", cluster.db().conninfo() + " dbname=nowhere_at_all"});
  EXPECT_EQ(missing.exit->code, 7) << missing.err;
  EXPECT_THAT(missing.err, HasSubstr("nowhere_at_all"));
}

TEST(Direct, ADatabaseThatIsRestartedInTheMiddleIsWaitedFor) {
  PostgresServer server;
  ASSERT_THAT(server.Start(), IsOk());
  Cluster cluster(&server);
  cluster.WriteMigration("001_good.sql", "CREATE TABLE good (id int)");
  cluster.WriteMigration("002_slow.sql", "CREATE TABLE slow (id int);\nSELECT pg_sleep(3);");
  auto direct = cluster.StartCtl(DirectCommand(cluster));
  auto watch = cluster.db().Connect();
  ASSERT_TRUE(Eventually([&] {
    const auto active = watch->Query(
        "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(3)%' "
        "AND pid <> pg_backend_pid()");
    return active.ok() && !active->empty();
  }));
  ASSERT_THAT(server.Restart(StopMode::kImmediate), IsOk());
  EXPECT_EQ(direct->Wait(absl::Seconds(90)), ExitStatus{}) << direct->stderr_text();
  EXPECT_EQ(cluster.db().Connect()->Query("SELECT count(*) FROM lockstep.history")->only().Int(0),
            2);
}

TEST(Direct, AFullDiskFailsOneVersionAndNothingIsLost) {
  TempDir directory;
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0755));
  const std::string flag = directory.File("full");
  PostgresServer server(
      {.env = {{"LD_PRELOAD", ProgramPath("full_disk.so")}, {"FULL_DISK_FLAG", flag}}});
  ASSERT_THAT(server.Start(), IsOk());
  Cluster cluster(&server);
  cluster.WriteMigration("001_good.sql", "CREATE TABLE good (id int, text text)");
  ASSERT_EQ(Direct(cluster).exit, ExitStatus{});
  cluster.WriteMigration("002_fill.sql",
                         "-- lockstep:phase data\nINSERT INTO good SELECT n, repeat('x', 1000) "
                         "FROM generate_series(1, 10000) AS n");
  std::ofstream(flag) << "full";
  auto direct = cluster.StartCtl(DirectCommand(cluster));
  EXPECT_TRUE(direct->WaitForOutput("No space left on device")) << direct->stderr_text();
  std::filesystem::remove(flag);
  // Space may come back: it is tried again, here or by the next command.
  if (direct->Wait(absl::Seconds(60)) != ExitStatus{}) {
    EXPECT_EQ(Direct(cluster).exit, ExitStatus{});
  }
  EXPECT_EQ(cluster.db().Scalar("SELECT count(*) FROM good"), "10000");
  EXPECT_EQ(cluster.db().Scalar("SELECT count(*) FROM lockstep.history"), "2");
}

}  // namespace
}  // namespace lockstep::testing
