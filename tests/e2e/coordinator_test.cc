// Coordinators: one leads, another takes over, a running service does not notice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/cluster.h"
#include "tests/support/eventually.h"
#include "tests/support/repo_paths.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

TEST(Coordinators, OfTwoOneLeadsAndTheOtherServesReadsAndSendsWritesOn) {
  Cluster cluster;
  cluster.WriteMigration("001_good.sql", "CREATE TABLE good (id int)");
  cluster.StartCoordinator("a");
  ASSERT_TRUE(cluster.coordinator("a").WaitForOutput("leadership won"));
  cluster.StartCoordinator("b");
  EXPECT_EQ(cluster.Json({"status"}, "b")["status"]["leader"]["address"], cluster.socket("a"));
  // The command line follows the follower's answer to the leader.
  const CommandResult publish = cluster.Ctl({"publish"}, "b");
  EXPECT_EQ(publish.exit->code, 0) << publish.err;
  EXPECT_EQ(cluster.db().Scalar("SELECT epoch FROM lockstep.leader"), "1");
}

TEST(Coordinators, AKilledLeaderIsReplacedAndTheUpgradeGoesOn) {
  Cluster cluster;
  cluster.WriteMigration("001_good.sql", "CREATE TABLE good (id int)");
  cluster.WriteMigration("002_slow.sql", "-- lockstep:phase data\nSELECT pg_sleep(2);");
  cluster.WriteMigration("003_more.sql", "CREATE TABLE more (id int)");
  cluster.StartCoordinator("a");
  ASSERT_TRUE(cluster.coordinator("a").WaitForOutput("leadership won"));
  cluster.StartCoordinator("b");
  ASSERT_EQ(cluster.Ctl({"publish"}).exit->code, 0);
  auto agent = cluster.StartAgent(
      {.yaml = "needs: 3\n", .migrate = true, .flags = {"--address", cluster.socket("b")}});
  auto upgrade = cluster.StartCtl({"upgrade", "--yes", "--address", cluster.socket("a"),
                                   "--address", cluster.socket("b"), "--timeout", "60s"});
  ASSERT_TRUE(Eventually([&] {
    return cluster.db().Scalar(
               "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(2)%' "
               "AND state = 'active' AND pid <> pg_backend_pid()") != "0";
  }));
  cluster.coordinator("a").Signal(SIGKILL);
  EXPECT_EQ(upgrade->Wait(absl::Seconds(60)), ExitStatus{}) << upgrade->stderr_text();
  EXPECT_EQ(cluster.db().Scalar("SELECT count(*) FROM lockstep.history"), "3");
  EXPECT_TRUE(agent->WaitForOutput("open "));
  EXPECT_EQ(cluster.db().Scalar("SELECT epoch FROM lockstep.leader"), "2");
}

TEST(Coordinators, AGracefulStopResignsSoThatTheNextOneLeadsAtOnce) {
  Cluster cluster;
  cluster.StartCoordinator("a");
  ASSERT_TRUE(cluster.coordinator("a").WaitForOutput("leadership won"));
  cluster.StartCoordinator("b");
  cluster.coordinator("a").Signal(SIGTERM);
  EXPECT_EQ(cluster.coordinator("a").Wait(), ExitStatus{});
  EXPECT_TRUE(cluster.coordinator("b").WaitForOutput("leadership won", absl::Seconds(5)));
}

TEST(Coordinators, ARunningServiceDoesNotNoticeThatTheCoordinatorIsGone) {
  Cluster cluster;
  cluster.WriteMigration("001_good.sql", "CREATE TABLE good (id int)");
  cluster.StartCoordinator();
  ASSERT_EQ(cluster.Ctl({"publish"}).exit->code, 0);
  auto agent = cluster.StartAgent({.instance = "one", .migrate = true});
  ASSERT_EQ(cluster.Ctl({"upgrade", "--yes"}).exit->code, 0);
  ASSERT_TRUE(agent->WaitForOutput("open "));
  cluster.coordinator().Signal(SIGKILL);
  ASSERT_TRUE(cluster.coordinator().Wait().has_value());
  EXPECT_FALSE(agent->Wait(absl::Seconds(2)).has_value()) << "the service ended";
  cluster.StartCoordinator();
  EXPECT_TRUE(Eventually([&] { return cluster.StateOf("shop", "one") == "live"; }));
  agent->Signal(SIGTERM);
  EXPECT_EQ(agent->Wait(), ExitStatus{});
}

TEST(Coordinators, AnAddressBeyondLoopbackNeedsAnExplicitFlag) {
  Cluster cluster;
  const CommandResult result =
      RunCommand({.argv = {ProgramPath("lockstep-coordinator"), "--database",
                           cluster.db().conninfo(), "--listen", "0.0.0.0:0"}});
  EXPECT_EQ(result.exit->code, 2);
  EXPECT_THAT(result.err, HasSubstr("--insecure-listen"));
}

TEST(Coordinators, ACancelledUpgradeRollsTheRunningVersionBackAndKeepsTheCommittedOnes) {
  Cluster cluster;
  cluster.WriteMigration("001_good.sql", "CREATE TABLE good (id int)");
  cluster.WriteMigration(
      "002_slow.sql",
      "-- lockstep:phase expand\nCREATE TABLE slow (id int);\nSELECT pg_sleep(600);");
  cluster.StartCoordinator();
  ASSERT_EQ(cluster.Ctl({"publish"}).exit->code, 0);
  auto agent = cluster.StartAgent({.migrate = true});
  const std::string operation = cluster.Json({"upgrade", "--yes", "--no-wait"})["operationId"];
  ASSERT_TRUE(Eventually([&] {
    return cluster.db().Scalar(
               "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' "
               "AND state = 'active' AND pid <> pg_backend_pid()") != "0";
  }));
  EXPECT_EQ(cluster.Ctl({"operations", "cancel", operation}).exit->code, 0);
  EXPECT_TRUE(Eventually(
      [&] { return cluster.db().Scalar("SELECT state FROM lockstep.operation") == "cancelled"; }));
  EXPECT_EQ(cluster.db().Scalar("SELECT applied FROM lockstep.chain"), "1");
  EXPECT_EQ(cluster.db().Scalar("SELECT to_regclass('slow') IS NULL"), "t");
  EXPECT_EQ(cluster.db().Scalar(
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' "
                "AND pid <> pg_backend_pid()"),
            "0");
  EXPECT_EQ(cluster.Ctl({"operations", "cancel", operation}).exit->code, 0);
}

TEST(Coordinators, TheSameRequestStartsTheSameOperationOnce) {
  Cluster cluster;
  cluster.WriteMigration("001_good.sql", "CREATE TABLE good (id int)");
  cluster.StartCoordinator();
  ASSERT_EQ(cluster.Ctl({"publish"}).exit->code, 0);
  const auto first = cluster.Json({"upgrade", "--yes", "--no-wait", "--request-id", "deploy-7"});
  const auto second = cluster.Json({"upgrade", "--yes", "--no-wait", "--request-id", "deploy-7"});
  EXPECT_EQ(first["operationId"], second["operationId"]);
  const CommandResult other =
      cluster.Ctl({"upgrade", "--yes", "--no-wait", "--request-id", "deploy-8"});
  EXPECT_EQ(other.exit->code, 8) << other.err;
  EXPECT_THAT(other.err, HasSubstr(first["operationId"].get<std::string>()));
}

}  // namespace
}  // namespace lockstep::testing
