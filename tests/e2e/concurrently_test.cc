// Indexes are built beside the traffic, whatever dies meanwhile: no person is needed, and no
// invalid index is left.
#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "tests/e2e/cluster.h"
#include "tests/support/eventually.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

class Concurrently : public ::testing::Test {
 protected:
  Concurrently() {
    cluster_.WriteMigration("001_orders.sql",
                            "CREATE TABLE orders (id int, total int);"
                            "INSERT INTO orders SELECT i, i FROM generate_series(1, 1000) i;");
    cluster_.WriteMigration(
        "002_orders_total.sql",
        "-- lockstep:transaction none\nCREATE INDEX CONCURRENTLY orders_total ON orders (total);");
    cluster_.WriteMigration("003_more.sql", "CREATE TABLE more (id int)");
  }

  // Applies version 1 alone, so that a transaction on its table can be in the way of version 2.
  void ApplyFirst() { ASSERT_EQ(cluster_.Ctl({"upgrade", "--to", "1", "--yes"}).exit->code, 0); }

  // A transaction that every build on `orders` waits for, as long as it is there.
  std::unique_ptr<postgres::Connection> Writer() {
    auto writer = cluster_.db().Connect();
    EXPECT_TRUE(writer->RunScript("BEGIN; LOCK TABLE orders IN ROW EXCLUSIVE MODE").ok());
    return writer;
  }
  bool BuildWaits() {
    return Eventually([&] {
      return cluster_.db().Scalar(
                 "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query "
                 "LIKE "
                 "'CREATE INDEX CONCURRENTLY%'") == "1";
    });
  }
  std::string Holder() {
    return cluster_.db().Scalar(
        "SELECT holder FROM lockstep.attempt ORDER BY lease_epoch DESC LIMIT 1");
  }
  void ExpectBuilt() {
    EXPECT_EQ(cluster_.db().Scalar("SELECT count(*) FROM pg_index WHERE NOT indisvalid"), "0");
    EXPECT_EQ(cluster_.db().Scalar(
                  "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('orders_total')"),
              "t");
    EXPECT_EQ(cluster_.db().Scalar(
                  "SELECT string_agg(version::text, ' ' ORDER BY version) FROM lockstep.history"),
              "1 2 3");
    EXPECT_EQ(cluster_.db().Scalar("SELECT state FROM lockstep.lease"), "idle");
    EXPECT_TRUE(Eventually([&] {
      return cluster_.db().Scalar("SELECT lockstep.statement_lock_holder() IS NULL") == "t";
    }));
  }

  Cluster cluster_;
};

TEST_F(Concurrently, AnUpgradeBuildsAnIndexAndGoesOn) {
  cluster_.StartCoordinator();
  ASSERT_EQ(cluster_.Ctl({"publish"}).exit->code, 0);
  const auto agent = cluster_.StartAgent({.migrate = true});
  EXPECT_THAT(cluster_.Ctl({"plan"}).out, HasSubstr("outside a transaction"));
  const CommandResult result = cluster_.Ctl({"upgrade", "--yes"});
  EXPECT_EQ(result.exit, ExitStatus{}) << result.err;
  ExpectBuilt();
}

TEST_F(Concurrently, ADirectUpgradeBuildsAnIndexAndGoesOn) {
  const CommandResult result =
      cluster_.Ctl({"upgrade", "--direct", "--database", cluster_.db().conninfo()});
  EXPECT_EQ(result.exit, ExitStatus{}) << result.err;
  ExpectBuilt();
}

// The backend of the agent that died finishes the build by itself, and the next agent takes it
// over.
TEST_F(Concurrently, AnAgentKilledInMidBuildIsFollowedByOneThatAdopts) {
  cluster_.StartCoordinator();
  ASSERT_EQ(cluster_.Ctl({"publish"}).exit->code, 0);
  const std::vector<std::unique_ptr<Subprocess>> agents = [&] {
    std::vector<std::unique_ptr<Subprocess>> started;
    for (int i = 0; i < 2; ++i) started.push_back(cluster_.StartAgent({.migrate = true}));
    return started;
  }();
  ApplyFirst();
  auto writer = Writer();
  const auto upgrade = cluster_.StartCtl({"upgrade", "--yes"});
  ASSERT_TRUE(BuildWaits()) << upgrade->stderr_text();
  EXPECT_TRUE(Eventually([&] {
    return cluster_.Ctl({"status"}).out.find("waiting for writers before build") !=
           std::string::npos;
  })) << cluster_.Ctl({"status"}).out;
  const std::string holder = Holder();
  const std::string oid = cluster_.db().Scalar("SELECT to_regclass('orders_total')::oid");
  agents[holder == "shop@shop-1" ? 0 : 1]->Signal(SIGKILL);
  // Nobody gets the run while the backend works on; status says who works.
  EXPECT_TRUE(Eventually([&] {
    return cluster_.Ctl({"status"}).out.find("still runs a statement of version 2") !=
           std::string::npos;
  }));
  EXPECT_EQ(cluster_.db().Scalar("SELECT state FROM lockstep.lease"), "revoking");
  writer.reset();
  EXPECT_EQ(upgrade->Wait(absl::Seconds(60)), ExitStatus{}) << upgrade->stderr_text();
  ExpectBuilt();
  EXPECT_EQ(cluster_.db().Scalar("SELECT to_regclass('orders_total')::oid"), oid);
  EXPECT_EQ(cluster_.db().Scalar("SELECT state FROM lockstep.intent"), "adopted");
  EXPECT_NE(cluster_.db().Scalar("SELECT applied_by FROM lockstep.history WHERE version = 2"),
            holder);
}

// Agent and backend die together, as when the machine of both goes: what is left is an invalid
// index.
TEST_F(Concurrently, AnInvalidIndexThatADeadAgentLeftIsBuiltAgain) {
  cluster_.StartCoordinator();
  ASSERT_EQ(cluster_.Ctl({"publish"}).exit->code, 0);
  const auto first = cluster_.StartAgent({.migrate = true});
  ApplyFirst();
  auto writer = Writer();
  const auto upgrade = cluster_.StartCtl({"upgrade", "--yes"});
  ASSERT_TRUE(BuildWaits()) << upgrade->stderr_text();
  first->Signal(SIGKILL);
  cluster_.db().Query("SELECT pg_terminate_backend(lockstep.statement_lock_holder())");
  writer.reset();
  const auto second = cluster_.StartAgent({.migrate = true});
  EXPECT_EQ(upgrade->Wait(absl::Seconds(60)), ExitStatus{}) << upgrade->stderr_text();
  ExpectBuilt();
  EXPECT_EQ(cluster_.db().Scalar("SELECT tries FROM lockstep.intent"), "2");
}

// A holder that is stopped loses its lease; its backend sits there with the lock, and is ended.
TEST_F(Concurrently, AStoppedHolderIsReplacedAndWritesNothingWhenItComesBack) {
  cluster_.StartCoordinator("a", {"--time-scale", "5"});
  ASSERT_EQ(cluster_.Ctl({"publish"}).exit->code, 0);
  std::vector<std::unique_ptr<Subprocess>> agents;
  for (int i = 0; i < 2; ++i) agents.push_back(cluster_.StartAgent({.migrate = true}));
  ApplyFirst();
  auto writer = Writer();
  const auto upgrade = cluster_.StartCtl({"upgrade", "--yes"});
  ASSERT_TRUE(BuildWaits()) << upgrade->stderr_text();
  const std::string holder = Holder();
  Subprocess& stopped = *agents[holder == "shop@shop-1" ? 0 : 1];
  stopped.Signal(SIGSTOP);
  writer.reset();
  EXPECT_EQ(upgrade->Wait(absl::Seconds(60)), ExitStatus{}) << upgrade->stderr_text();
  stopped.Signal(SIGCONT);
  EXPECT_TRUE(stopped.WaitForOutput("run ended early"));
  ExpectBuilt();
  EXPECT_NE(cluster_.db().Scalar("SELECT applied_by FROM lockstep.history WHERE version = 2"),
            holder);
}

TEST_F(Concurrently, ACancelledUpgradeLeavesNoInvalidIndex) {
  cluster_.StartCoordinator();
  ASSERT_EQ(cluster_.Ctl({"publish"}).exit->code, 0);
  const auto agent = cluster_.StartAgent({.migrate = true});
  ApplyFirst();
  auto writer = Writer();
  const std::string operation = cluster_.Json({"upgrade", "--yes", "--no-wait"})["operationId"];
  ASSERT_TRUE(BuildWaits());
  ASSERT_EQ(cluster_.Ctl({"operations", "cancel", operation}).exit->code, 0);
  EXPECT_TRUE(Eventually([&] {
    return cluster_.db().Scalar(
               "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DROP INDEX "
               "CONCURRENTLY%'") == "1";
  }));
  writer.reset();
  EXPECT_TRUE(Eventually([&] {
    return cluster_.db().Scalar(
               "SELECT state FROM lockstep.operation ORDER BY created_at DESC LIMIT 1") ==
           "cancelled";
  }));
  EXPECT_EQ(cluster_.db().Scalar("SELECT to_regclass('orders_total') IS NULL"), "t");
  EXPECT_EQ(cluster_.Ctl({"upgrade", "--yes"}).exit, ExitStatus{});
  ExpectBuilt();
}

TEST_F(Concurrently, ADirectUpgradeThatWasKilledIsFinishedByTheNext) {
  const std::vector<std::string> direct = {"upgrade", "--direct", "--database",
                                           cluster_.db().conninfo()};
  std::vector<std::string> first = direct;
  first.insert(first.end(), {"--to", "1"});
  ASSERT_EQ(cluster_.Ctl(first).exit, ExitStatus{});
  auto writer = Writer();
  const auto killed = cluster_.StartCtl(direct);
  ASSERT_TRUE(BuildWaits()) << killed->stderr_text();
  killed->Signal(SIGKILL);
  ASSERT_TRUE(killed->Wait().has_value());
  const auto next = cluster_.StartCtl(direct);
  // It leads once the other one's time is over, and finds its backend at work.
  EXPECT_TRUE(Eventually(
      [&] { return cluster_.db().Scalar("SELECT state FROM lockstep.lease") == "revoking"; }));
  writer.reset();
  EXPECT_EQ(next->Wait(absl::Seconds(60)), ExitStatus{}) << next->stderr_text();
  ExpectBuilt();
  EXPECT_EQ(cluster_.db().Scalar("SELECT state FROM lockstep.intent"), "adopted");
}

}  // namespace
}  // namespace lockstep::testing
