// A migration during which its agent is killed, each time: the operation ends and says so, instead
// of taking down one agent after the other for ever.
#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>

#include "absl/strings/str_cat.h"

#include "coordinator/operation/losses.h"
#include "tests/e2e/cluster.h"
#include "tests/support/eventually.h"
#include "tests/support/invariant_checks.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class HoldersLost : public ::testing::Test {
 protected:
  HoldersLost() {
    cluster_.WriteMigration("001_counter.sql",
                            "CREATE TABLE counter (n int); INSERT INTO counter VALUES (0);\n"
                            "CREATE TABLE pace (seconds int); INSERT INTO pace VALUES (3600);");
    cluster_.WriteMigration("002_eats_memory.sql",
                            "-- lockstep:phase data\nUPDATE counter SET n = n + 1;\n"
                            "SELECT pg_sleep(seconds) FROM pace;");
    cluster_.StartCoordinator("a", {"--lease-reconnect", "200ms"});
    EXPECT_EQ(cluster_.Ctl({"publish"}).exit, ExitStatus{});
    for (const char* const instance : {"pod-1", "pod-2"}) StartAgent(instance);
  }

  void StartAgent(const std::string& instance) {
    agents_[absl::StrCat("shop@", instance)] = cluster_.StartAgent({.service = "shop",
                                                                    .instance = instance,
                                                                    .yaml = "needs: 2\n",
                                                                    .migrate = true,
                                                                    .gate_timeout = "10m"});
  }
  std::string Scalar(const std::string& sql) { return cluster_.db().Scalar(sql); }

  // Who is in the slow statement right now; "" while nobody is.
  std::string AtWork() {
    return Scalar(
        "SELECT coalesce(max(a.holder), '') FROM lockstep.attempt a JOIN lockstep.lease l "
        "ON l.epoch = a.lease_epoch AND l.state = 'held' "
        "WHERE EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() "
        "                 AND wait_event = 'PgSleep')");
  }
  // Kills whoever comes to the slow statement and starts it again, as what watches over services
  // does, until `upgrade` has ended. Returns how many were killed.
  int KillWhoeverGetsThere(Subprocess& upgrade) {
    int kills = 0;
    std::string killed_at;
    const auto ended = [&] {
      if (upgrade.Wait(absl::ZeroDuration()).has_value()) return true;
      const std::string holder = AtWork();
      const std::string epoch = Scalar("SELECT epoch FROM lockstep.lease");
      if (holder.empty() || epoch == killed_at) return false;
      killed_at = epoch;
      ++kills;
      agents_.at(holder)->Signal(SIGKILL);
      StartAgent(holder.substr(holder.find('@') + 1));
      return false;
    };
    EXPECT_TRUE(Eventually(ended, absl::Minutes(5))) << kills << " were killed";
    return kills;
  }

  Cluster cluster_;
  std::map<std::string, std::unique_ptr<Subprocess>> agents_;
};

TEST_F(HoldersLost, AMigrationThatTakesEveryAgentDownIsGivenUpAndGoesOnWhenTold) {
  const auto upgrade = cluster_.StartCtl({"upgrade", "--yes"});
  const int kills = KillWhoeverGetsThere(*upgrade);
  ASSERT_EQ(upgrade->Wait(absl::ZeroDuration()), ExitStatus{.code = 5}) << upgrade->stderr_text();
  EXPECT_GE(kills, coordinator::kMaxHoldersLost);
  EXPECT_THAT(upgrade->stderr_text(),
              HasSubstr(absl::StrCat("error: the upgrade was given up: version 2 was taken back ",
                                     coordinator::kMaxHoldersLost, " times in a row")));
  EXPECT_THAT(upgrade->stderr_text(), HasSubstr("shop@pod-"));
  EXPECT_THAT(upgrade->stderr_text(), HasSubstr("nothing of it is applied"));
  const std::string operation = Scalar("SELECT operation_id FROM lockstep.operation");
  EXPECT_THAT(upgrade->stderr_text(), HasSubstr("operations retry " + operation));
  EXPECT_EQ(cluster_.Json({"operations", "get", operation})["error"]["reason"],
            "HOLDERS_LOST");
  EXPECT_EQ(Scalar("SELECT applied FROM lockstep.chain"), "1");
  EXPECT_EQ(Scalar("SELECT n FROM counter"), "0");

  // What killed them is gone.
  cluster_.db().Query("UPDATE pace SET seconds = 0");
  ASSERT_EQ(cluster_.Ctl({"operations", "retry", operation}).exit, ExitStatus{});
  const CommandResult watched = cluster_.Ctl({"operations", "watch", operation});
  EXPECT_EQ(watched.exit, ExitStatus{}) << watched.err;
  EXPECT_EQ(Scalar("SELECT n FROM counter"), "1");
  EXPECT_EQ(Scalar("SELECT applied FROM lockstep.chain"), "2");
  auto connection = cluster_.db().Connect();
  std::vector<std::string> left;
  (void)Eventually([&] {
    left = CheckNothingIsLeft(*connection);
    return left.empty();
  });
  EXPECT_THAT(left, IsEmpty());
}

}  // namespace
}  // namespace lockstep::testing
