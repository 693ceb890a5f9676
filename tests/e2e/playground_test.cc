// The main job: the Playground's chain goes from nothing to its head through coordinator, lease and
// agent, and its services open.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "tests/e2e/cluster.h"
#include "tests/support/eventually.h"

namespace lockstep::testing {
namespace {

TEST(Playground, AnUpgradeAppliesTheWholeChainAndOpensEveryGate) {
  Cluster cluster;
  cluster.UsePlayground();
  cluster.StartCoordinator();
  auto migrator = cluster.StartAgent({.service = "platform-core", .migrate = true});
  auto waiting = cluster.StartAgent({.service = "platform-api", .yaml = "needs: 9\n"});
  ASSERT_TRUE(
      Eventually([&] { return cluster.StateOf("platform-api", "platform-api-2") == "waiting"; }));
  EXPECT_EQ(cluster.ReasonOf("platform-api", "platform-api-2"), "not_published");

  ASSERT_EQ(cluster.Ctl({"publish"}).exit->code, 0);
  const CommandResult upgrade = cluster.Ctl({"upgrade", "--yes"});
  ASSERT_EQ(upgrade.exit->code, 0) << upgrade.err;

  EXPECT_EQ(cluster.db().Scalar("SELECT applied FROM lockstep.chain"), "16");
  EXPECT_EQ(cluster.db().Scalar("SELECT count(*) FROM lockstep.history"), "16");
  EXPECT_EQ(cluster.db().Scalar("SELECT count(DISTINCT backend_pid) FROM lockstep.history"), "1");
  EXPECT_TRUE(migrator->WaitForOutput("open "));
  EXPECT_TRUE(waiting->WaitForOutput("open "));
  EXPECT_EQ(cluster.StateOf("platform-api", "platform-api-2"), "live");
  // Its turn came with version 12; the platform's own scripts find it recorded.
  EXPECT_TRUE(Eventually([&] {
    return cluster.Ctl({"status"}).out.find("backfill journey_backfill_v1: done") !=
           std::string::npos;
  })) << cluster.Ctl({"status"}).out;
  EXPECT_EQ(cluster.db().Scalar("SELECT name FROM migration_backfill_state"),
            "journey_backfill_v1");
  EXPECT_EQ(cluster.db().Scalar("SELECT count(*) FROM journey_steps"), "5");
}

TEST(Playground, AnUpgradeAtTheHeadDoesNothingAndSaysSo) {
  Cluster cluster;
  cluster.UsePlayground();
  cluster.StartCoordinator();
  auto migrator = cluster.StartAgent({.service = "platform-core", .migrate = true});
  ASSERT_EQ(cluster.Ctl({"publish"}).exit->code, 0);
  ASSERT_EQ(cluster.Ctl({"upgrade", "--yes"}).exit->code, 0);
  const std::string before =
      cluster.db().Scalar("SELECT max(xid::text::bigint) FROM lockstep.history");
  const CommandResult again = cluster.Ctl({"upgrade", "--yes"});
  EXPECT_EQ(again.exit->code, 0) << again.err;
  EXPECT_EQ(cluster.db().Scalar("SELECT max(xid::text::bigint) FROM lockstep.history"), before);
  EXPECT_EQ(cluster.Ctl({"plan", "--detailed-exitcode"}).exit->code, 0);
}

TEST(Playground, AnUpgradeStopsAtItsTarget) {
  Cluster cluster;
  cluster.UsePlayground();
  cluster.StartCoordinator();
  auto migrator = cluster.StartAgent({.service = "platform-core", .migrate = true});
  ASSERT_EQ(cluster.Ctl({"publish"}).exit->code, 0);
  ASSERT_EQ(cluster.Ctl({"upgrade", "--to", "12", "--yes"}).exit->code, 0);
  EXPECT_EQ(cluster.db().Scalar("SELECT applied FROM lockstep.chain"), "12");
  EXPECT_EQ(cluster.db().Scalar("SELECT to_regclass('public.point_rules') IS NULL"), "t");
  EXPECT_EQ(cluster.Ctl({"plan", "--detailed-exitcode"}).exit->code, 3);
}

TEST(Playground, AServiceWithoutADatabaseGatesThroughTheCoordinatorAlone) {
  Cluster cluster;
  cluster.UsePlayground();
  cluster.StartCoordinator();
  ASSERT_EQ(cluster.Ctl({"publish"}).exit->code, 0);
  auto service = cluster.StartAgent({.service = "aas-adapter", .instance = "one"});
  ASSERT_TRUE(Eventually([&] { return cluster.ReasonOf("aas-adapter", "one") == "behind"; }));
  auto migrator = cluster.StartAgent({.service = "platform-core", .migrate = true});
  ASSERT_EQ(cluster.Ctl({"upgrade", "--yes"}).exit->code, 0);
  EXPECT_TRUE(service->WaitForOutput("open "));
  service->Signal(SIGTERM);
  EXPECT_EQ(service->Wait(), ExitStatus{});
  EXPECT_TRUE(Eventually([&] { return cluster.StateOf("aas-adapter", "one").empty(); }));
}

}  // namespace
}  // namespace lockstep::testing
