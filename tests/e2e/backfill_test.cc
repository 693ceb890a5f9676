// Backfills with real processes: upgrades that start and need them, the verbs, agents and
// coordinators that are killed in the middle.
#include <filesystem>
#include <gtest/gtest.h>
#include <signal.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "tests/e2e/cluster.h"
#include "tests/support/eventually.h"

namespace lockstep::testing {
namespace {

constexpr char kFill[] =
    "-- lockstep:after 2\n-- lockstep:table orders\n-- lockstep:key id\n"
    "-- lockstep:batch 200\n-- lockstep:durable\n-- lockstep:dual-write nobody writes here\n"
    "-- lockstep:section batch\n"
    "UPDATE orders SET runs = runs + 1 WHERE id > $1 AND id <= $2;\n"
    "-- lockstep:section verify\nSELECT id FROM orders WHERE runs = 0;\n";

void WriteOrders(Cluster& cluster, const std::string& fill = kFill) {
  std::filesystem::create_directories(cluster.migrations() + "/backfills");
  cluster.WriteMigration("001_orders.sql",
                         "CREATE TABLE orders (id bigint PRIMARY KEY, total int NOT NULL);\n");
  cluster.WriteMigration("002_runs.sql",
                         "ALTER TABLE orders ADD COLUMN runs int NOT NULL DEFAULT 0;\n");
  cluster.WriteMigration("backfills/fill_runs.sql", fill);
  cluster.WriteMigration("003_mark.sql",
                         "-- lockstep:needs-backfill fill_runs\nCREATE TABLE filled ();\n");
}

// The table as it was before its column came.
void FillOrders(Cluster& cluster, int rows) {
  ASSERT_EQ(cluster.Ctl({"publish"}).exit->code, 0);
  ASSERT_EQ(cluster.Ctl({"upgrade", "--to", "1", "--yes"}).exit->code, 0);
  cluster.db().Query(
      absl::StrCat("INSERT INTO orders SELECT g, g FROM generate_series(1, ", rows, ") g"));
}

// Machines of tests are busy with other things.
void Calm(Cluster& cluster, const std::string& more = "") {
  cluster.db().Query(
      absl::StrCat("UPDATE lockstep.backfill SET settings = settings || '{\"max_active\": 1000",
                   more.empty() ? "" : ", ", more, "}'"));
}

TEST(Backfills, AnUpgradeStartsThemAndWaitsForWhatItNeeds) {
  Cluster cluster;
  WriteOrders(cluster);
  cluster.StartCoordinator();
  auto agent = cluster.StartAgent({.migrate = true});
  FillOrders(cluster, 3000);
  const CommandResult upgrade = cluster.Ctl({"upgrade", "--yes"});
  EXPECT_EQ(upgrade.exit->code, 0) << upgrade.err;
  EXPECT_EQ(cluster.db().Scalar("SELECT applied FROM lockstep.chain"), "3");
  EXPECT_EQ(cluster.db().Scalar("SELECT min(runs) || ' ' || max(runs) FROM orders"), "1 1");
  const auto job = cluster.Json({"backfill", "get", "fill_runs"});
  EXPECT_EQ(job["state"], "done") << job;
  EXPECT_EQ(job["rowsDone"], "3000") << job;
  EXPECT_TRUE(absl::StrContains(cluster.Ctl({"status"}).out, "backfill fill_runs: done"));
  const CommandResult again = cluster.Ctl({"backfill", "start", "fill_runs"});
  EXPECT_EQ(again.exit->code, 0) << again.err;
  EXPECT_EQ(cluster.db().Scalar("SELECT max(runs) FROM orders"), "1");
  const CommandResult anew = cluster.Ctl({"backfill", "start", "fill_runs", "--again", "--wait"});
  EXPECT_EQ(anew.exit->code, 0) << anew.err;
  EXPECT_EQ(cluster.db().Scalar("SELECT min(runs) || ' ' || max(runs) FROM orders"), "2 2");
}

TEST(Backfills, WhatNeedsOneWhoseVerificationFailedIsBlockedWithTheRowsLeft) {
  Cluster cluster;
  std::string leaky = kFill;
  leaky.insert(leaky.find(";\n-- lockstep:section verify"), " AND id % 100 <> 0");
  WriteOrders(cluster, leaky);
  cluster.StartCoordinator();
  auto agent = cluster.StartAgent({.migrate = true});
  FillOrders(cluster, 1000);
  const CommandResult upgrade = cluster.Ctl({"upgrade", "--yes"});
  EXPECT_EQ(upgrade.exit->code, 5) << upgrade.out << upgrade.err;
  EXPECT_TRUE(absl::StrContains(upgrade.err, "its verification found 10 rows left")) << upgrade.err;
  EXPECT_TRUE(absl::StrContains(upgrade.err, "SELECT id FROM orders WHERE runs = 0"))
      << upgrade.err;
  const CommandResult blocked = cluster.Ctl({"upgrade", "--yes"});
  EXPECT_EQ(blocked.exit->code, 5);
  EXPECT_TRUE(absl::StrContains(blocked.err, "its verification found 10 rows left")) << blocked.err;
  EXPECT_TRUE(absl::StrContains(blocked.err, "SELECT id FROM orders WHERE runs = 0"))
      << blocked.err;
  const auto planned = cluster.Json({"plan"});
  const std::string why = planned["migrations"][0]["blockedBy"];
  EXPECT_TRUE(absl::StrContains(why, "10 rows left")) << planned;
  EXPECT_TRUE(absl::StrContains(why, "SELECT id FROM orders WHERE runs = 0")) << planned;
  EXPECT_EQ(cluster.db().Scalar("SELECT applied FROM lockstep.chain"), "2");
  const CommandResult get = cluster.Ctl({"backfill", "get", "fill_runs"});
  EXPECT_TRUE(absl::StrContains(get.out, "10 rows left")) << get.out;
  EXPECT_TRUE(absl::StrContains(get.out, "(100)")) << get.out;
}

// What `upgrade` and `operations watch` tell while they wait is what the job itself tells.
TEST(Backfills, WhoeverFollowsAnUpgradeSeesHowFarTheJobIsThatItWaitsFor) {
  Cluster cluster;
  WriteOrders(cluster, absl::StrCat("-- lockstep:rate 300\n", kFill));
  cluster.StartCoordinator();
  auto agent = cluster.StartAgent({.migrate = true});
  FillOrders(cluster, 20'000);
  const auto upgrade = cluster.StartCtl({"upgrade", "--yes"});
  ASSERT_TRUE(upgrade->WaitForOutput("waiting for backfill fill_runs")) << upgrade->stderr_text();
  Calm(cluster);
  ASSERT_TRUE(upgrade->WaitForOutput("of 20000 rows")) << upgrade->stderr_text();
  const std::string operation =
      cluster.db().Scalar("SELECT operation_id FROM lockstep.operation WHERE state = 'running'");
  // A follower, which came later, gets the fields; also the plan says that it only has to wait.
  const auto watch = cluster.StartCtl({"operations", "watch", operation, "-o", "jsonl"});
  ASSERT_TRUE(watch->WaitForOutput("\"rowsPerSecond\":[0-9]")) << watch->stdout_text();
  const auto shown = cluster.Json({"operations", "get", operation})["backfill"];
  EXPECT_EQ(shown["name"], "fill_runs") << shown;
  EXPECT_EQ(shown["rowsTotal"], "20000") << shown;
  EXPECT_TRUE(shown.contains("eta")) << shown;
  const auto planned = cluster.Json({"plan"});
  EXPECT_EQ(planned["migrations"][0]["waits"], true) << planned;
  ASSERT_EQ(cluster.Ctl({"backfill", "pause", "fill_runs"}).exit->code, 0);
  EXPECT_TRUE(upgrade->WaitForOutput("stands still: it is paused")) << upgrade->stderr_text();
  EXPECT_TRUE(watch->WaitForOutput("\"standing\":\"it is paused\"")) << watch->stdout_text();
  EXPECT_TRUE(absl::StrContains(cluster.Ctl({"status"}).out, "waiting for backfill fill_runs"));
  ASSERT_EQ(cluster.Ctl({"backfill", "rate", "fill_runs", "--rate", "0"}).exit->code, 0);
  ASSERT_EQ(cluster.Ctl({"backfill", "resume", "fill_runs"}).exit->code, 0);
  EXPECT_EQ(upgrade->Wait(absl::Minutes(3)), ExitStatus{}) << upgrade->stderr_text();
  EXPECT_EQ(watch->Wait(), ExitStatus{}) << watch->stderr_text();
  EXPECT_EQ(cluster.db().Scalar("SELECT applied FROM lockstep.chain"), "3");
}

TEST(Backfills, TheVerbsHoldItAndChangeHowItRuns) {
  Cluster cluster;
  WriteOrders(cluster, absl::StrCat("-- lockstep:rate 500\n", kFill));
  cluster.StartCoordinator();
  auto agent = cluster.StartAgent({.migrate = true});
  FillOrders(cluster, 20'000);
  ASSERT_EQ(cluster.Ctl({"upgrade", "--to", "2", "--yes"}).exit->code, 0);
  Calm(cluster);
  const auto done = [&] {
    return std::stoll(
        cluster.db().Scalar("SELECT coalesce(sum(rows_walked), 0) FROM lockstep.backfill_range"));
  };
  ASSERT_TRUE(Eventually([&] { return done() > 0; }));
  ASSERT_EQ(cluster.Ctl({"backfill", "pause", "fill_runs", "--reason", "lunch"}).exit->code, 0);
  ASSERT_TRUE(Eventually([&] {
    return cluster.db().Scalar(
               "SELECT max(stands) FROM lockstep.backfill_range "
               "WHERE state = 'held'") == "it is paused";
  }));
  const auto stopped = done();
  const CommandResult list = cluster.Ctl({"backfill", "list"});
  EXPECT_TRUE(absl::StrContains(list.out, "it is paused")) << list.out;
  EXPECT_EQ(done(), stopped);
  ASSERT_EQ(cluster.Ctl({"backfill", "resume", "fill_runs"}).exit->code, 0);
  ASSERT_TRUE(Eventually([&] { return done() > stopped; }));
  ASSERT_EQ(cluster.Ctl({"backfill", "cancel", "fill_runs"}).exit->code, 0);
  ASSERT_TRUE(Eventually([&] {
    return cluster.db().Scalar(
               "SELECT count(*) FROM lockstep.backfill_range "
               "WHERE state = 'held'") == "0";
  }));
  EXPECT_EQ(cluster.Ctl({"backfill", "rate", "fill_runs"}).exit->code, 2);
  EXPECT_NE(cluster.Ctl({"backfill", "rate", "fill_runs", "--window", "late"}).exit->code, 0);
  EXPECT_NE(cluster.Ctl({"backfill", "get", "nothing"}).exit->code, 0);
  const CommandResult start = cluster.Ctl(
      {"backfill", "start", "fill_runs", "--rate", "0", "--max-active", "1000", "--wait"});
  EXPECT_EQ(start.exit->code, 0) << start.err;
  EXPECT_EQ(cluster.db().Scalar("SELECT min(runs) || ' ' || max(runs) FROM orders"), "1 1");
}

TEST(Backfills, KilledAgentsAndCoordinatorsLeaveEachRowDoneOnce) {
  Cluster cluster;
  WriteOrders(cluster, absl::StrCat("-- lockstep:rate 20000\n", kFill));
  cluster.StartCoordinator();
  std::vector<std::unique_ptr<Subprocess>> agents;
  const auto start = [&] { agents.push_back(cluster.StartAgent({.migrate = true})); };
  start();
  start();
  FillOrders(cluster, 60'000);
  ASSERT_EQ(cluster.Ctl({"upgrade", "--to", "2", "--yes"}).exit->code, 0);
  Calm(cluster);
  const auto walked = [&] {
    return std::stoll(
        cluster.db().Scalar("SELECT coalesce(sum(rows_walked), 0) FROM lockstep.backfill_range"));
  };
  for (int i = 1; i <= 3; ++i) {
    const auto seen = walked();
    ASSERT_TRUE(Eventually([&] { return walked() > seen; }));
    agents[static_cast<size_t>(i) - 1]->Signal(SIGKILL);
    if (i == 2) {
      cluster.coordinator().Signal(SIGKILL);
      cluster.StartCoordinator();
    }
    start();
  }
  EXPECT_TRUE(Eventually(
      [&] { return cluster.db().Scalar("SELECT state FROM lockstep.backfill") == "done"; },
      3 * kPatience))
      << cluster.Ctl({"backfill", "get", "fill_runs"}).out;
  EXPECT_EQ(cluster.db().Scalar("SELECT min(runs) || ' ' || max(runs) FROM orders"), "1 1");
}

TEST(Backfills, ADirectUpgradeRunsThoseItNeeds) {
  Cluster cluster;
  std::filesystem::create_directories(cluster.migrations() + "/backfills");
  cluster.WriteMigration("001_orders.sql",
                         "CREATE TABLE orders (id bigint PRIMARY KEY, total int NOT NULL);\n"
                         "INSERT INTO orders SELECT g, g FROM generate_series(1, 500) g;\n");
  cluster.WriteMigration("002_runs.sql",
                         "ALTER TABLE orders ADD COLUMN runs int NOT NULL DEFAULT 0;\n");
  cluster.WriteMigration("backfills/fill_runs.sql", kFill);
  cluster.WriteMigration("backfills/other.sql",
                         "-- lockstep:after 1\nUPDATE orders SET total = 0 WHERE id = 1;\n");
  cluster.WriteMigration("003_mark.sql",
                         "-- lockstep:needs-backfill fill_runs\nCREATE TABLE filled ();\n");
  const CommandResult upgrade =
      cluster.Ctl({"upgrade", "--direct", "--database", cluster.db().conninfo(), "--migrations",
                   cluster.migrations(), "--yes"});
  EXPECT_EQ(upgrade.exit->code, 0) << upgrade.err;
  EXPECT_EQ(cluster.db().Scalar("SELECT applied FROM lockstep.chain"), "3");
  EXPECT_EQ(cluster.db().Scalar("SELECT min(runs) || ' ' || max(runs) FROM orders"), "1 1");
  EXPECT_EQ(cluster.db().Scalar("SELECT state FROM lockstep.backfill WHERE name = 'other'"),
            "not run");
}

}  // namespace
}  // namespace lockstep::testing
