// Whoever asks sees the same as the database: instances, leases, events, the chain, and each change
// of it while they watch.
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

#include "tests/e2e/cluster.h"
#include "tests/support/eventually.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<nlohmann::json> JsonLines(const std::string& text) {
  std::vector<nlohmann::json> lines;
  for (const auto line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    lines.push_back(nlohmann::json::parse(std::string(line)));
  }
  return lines;
}

TEST(Looking, InstancesLeasesAndEventsTellWhatHappened) {
  Cluster cluster;
  cluster.WriteMigration("001_good.sql", "CREATE TABLE good (id int)");
  cluster.WriteMigration("002_bad.sql", "CREATE TABLE good (id int)");
  cluster.StartCoordinator();
  ASSERT_EQ(cluster.Ctl({"publish"}).exit->code, 0);
  auto agent = cluster.StartAgent({.instance = "shop-1", .yaml = "needs: 1\n", .migrate = true});
  auto other = cluster.StartAgent({.service = "other", .instance = "other-1"});
  EXPECT_EQ(cluster.Ctl({"upgrade", "--yes"}).exit->code, 1);
  ASSERT_TRUE(agent->WaitForOutput("open "));

  EXPECT_TRUE(Eventually([&] {
    const auto all = cluster.Json({"instances"})["instances"];
    return all.size() == 2 && all[1]["gate"]["state"] == "GATE_STATE_OPEN";
  }));
  const auto shop = cluster.Json({"instances", "shop"})["instances"];
  ASSERT_EQ(shop.size(), 1);
  EXPECT_EQ(shop[0]["service"], "shop");
  EXPECT_EQ(shop[0]["via"], "coordinator");
  EXPECT_THAT(cluster.Ctl({"instances", "get", shop[0]["sessionId"]}).out,
              HasSubstr("INSTANCE     shop-1\n"));
  EXPECT_EQ(cluster.Json({"instances", "get", "other-1"})["gate"]["state"], "GATE_STATE_WAIT");
  EXPECT_EQ(cluster.Ctl({"instances", "get", "nobody"}).exit->code, 1);

  const CommandResult leases = cluster.Ctl({"leases", "-o", "jsonl"});
  const auto lines = JsonLines(leases.out);
  ASSERT_EQ(lines.size(), 1);
  EXPECT_EQ(lines[0]["state"], "LEASE_STATE_FAILED");
  EXPECT_EQ(lines[0]["holder"], "shop@shop-1");
  EXPECT_EQ(lines[0]["committed"], 1);
  EXPECT_EQ(lines[0]["error"]["reason"], "SQL_ERROR");
  EXPECT_THAT(cluster.Ctl({"leases"}).out, HasSubstr("already exists"));
  const std::string secret =
      cluster.db().Scalar("SELECT lease_id FROM lockstep.history WHERE version = 1");
  for (const char* verb : {"leases", "events", "history", "status"}) {
    EXPECT_THAT(cluster.Ctl({verb, "-o", "json"}).out, Not(HasSubstr(secret))) << verb;
  }

  const auto events = cluster.Json({"events", "--after", "0"})["events"];
  ASSERT_FALSE(events.empty());
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i]["sequence"], absl::StrCat(i + 1));
  }
  EXPECT_EQ(events.back()["kind"], "operation_failed");
  EXPECT_EQ(cluster.db().Scalar("SELECT count(*) FROM lockstep.event"),
            absl::StrCat(events.size()));
}

TEST(Looking, FollowedEventsOutliveTheCoordinatorThatToldThem) {
  Cluster cluster;
  cluster.StartCoordinator("a");
  ASSERT_TRUE(cluster.coordinator("a").WaitForOutput("leadership won"));
  cluster.StartCoordinator("b");
  auto follow = cluster.StartCtl({"events", "--follow", "--after", "0", "-o", "jsonl", "--address",
                                  cluster.socket("a"), "--address", cluster.socket("b")});
  ASSERT_TRUE(follow->WaitForOutput("leader_elected"));
  cluster.WriteMigration("001_one.sql", "CREATE TABLE one (id int)");
  ASSERT_EQ(cluster.Ctl({"publish"}).exit->code, 0);
  ASSERT_TRUE(follow->WaitForOutput("\"published\""));
  cluster.coordinator("a").Signal(SIGKILL);
  ASSERT_TRUE(cluster.coordinator("b").WaitForOutput("leadership won", absl::Seconds(30)));
  cluster.WriteMigration("002_two.sql", "CREATE TABLE two (id int)");
  ASSERT_EQ(cluster.Ctl({"publish"}, "b").exit->code, 0);
  ASSERT_TRUE(follow->WaitForOutput("\"title\":\"two\"", absl::Seconds(30)))
      << follow->stdout_text() << follow->stderr_text();
  follow->Signal(SIGINT);
  EXPECT_EQ(follow->Wait()->code, 130);
  EXPECT_THAT(follow->stderr_text(), Not(HasSubstr("detached")));
  const auto lines = JsonLines(follow->stdout_text());
  for (size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(lines[i]["sequence"], absl::StrCat(i + 1));
  }
}

TEST(Looking, ALogOfAnotherDatabaseIsNotWaitedFor) {
  Cluster cluster;
  cluster.StartCoordinator();
  const CommandResult result = cluster.Ctl({"events", "--follow", "--after", "1000000"});
  EXPECT_EQ(result.exit->code, 2);
  EXPECT_THAT(result.err, HasSubstr("the newest event is "));
}

TEST(Looking, StatusIsShownAgainWhenItChanges) {
  Cluster cluster;
  cluster.StartCoordinator();
  ASSERT_TRUE(cluster.coordinator().WaitForOutput("leadership won"));
  auto watch = cluster.StartCtl({"status", "--watch"});
  auto lines = cluster.StartCtl({"status", "--watch", "-o", "json"});
  ASSERT_TRUE(watch->WaitForOutput("head 0"));
  ASSERT_TRUE(lines->WaitForOutput("\"head\":0"));
  cluster.WriteMigration("001_one.sql", "CREATE TABLE one (id int)");
  ASSERT_EQ(cluster.Ctl({"publish"}).exit->code, 0);
  EXPECT_TRUE(watch->WaitForOutput("head 1"));
  EXPECT_TRUE(lines->WaitForOutput("\"head\":1"));
  for (Subprocess* each : {watch.get(), lines.get()}) {
    each->Signal(SIGTERM);
    EXPECT_EQ(each->Wait()->code, 143);
  }
  EXPECT_GE(JsonLines(lines->stdout_text()).size(), 2);
}

TEST(Looking, TheExportedChainIsByteForByteWhatWasPublished) {
  Cluster cluster;
  cluster.StartCoordinator();
  EXPECT_EQ(cluster.Ctl({"chain", "export"}).out, "lockstep chain.sum ls1-sha256\n");
  cluster.UsePlayground();
  ASSERT_EQ(cluster.Ctl({"publish"}).exit->code, 0);
  EXPECT_EQ(cluster.Ctl({"chain", "export"}).out, Contents(cluster.chain_sum()));
}

TEST(Looking, AChainOf5000MigrationsIsExportedWhole) {
  Cluster cluster;
  cluster.StartCoordinator();
  for (int i = 1; i <= 5000; ++i) {
    std::ofstream(absl::StrFormat("%s/%03d_migration_with_a_rather_long_title_%d.sql",
                                  cluster.migrations(), i, i))
        << "CREATE TABLE t" << i << " (id int);";
  }
  cluster.WriteSum();
  const CommandResult publish = cluster.Ctl({"publish"}, "a", absl::Seconds(300));
  ASSERT_EQ(publish.exit->code, 0) << publish.err;
  const CommandResult result = cluster.Ctl({"chain", "export"}, "a", absl::Seconds(60));
  EXPECT_EQ(result.exit->code, 0) << result.err;
  EXPECT_EQ(result.out, Contents(cluster.chain_sum()));
  // The log is as long, and is read in pages.
  EXPECT_EQ(JsonLines(cluster.Ctl({"events", "--after", "0", "--limit", "5001", "-o", "jsonl"}).out)
                .size(),
            5001);
}

}  // namespace
}  // namespace lockstep::testing
