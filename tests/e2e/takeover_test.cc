// kill -9 of the holder in the middle of a statement: its backend does not go on without it,
// another agent takes over by itself, and nothing is left behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/cluster.h"
#include "tests/support/eventually.h"
#include "tests/support/invariant_checks.h"

namespace lockstep::testing {
namespace {

using ::testing::ElementsAre;

constexpr int kChecksClientSince = 140000;

class TakeoverTest : public ::testing::Test {
 protected:
  // Starts an upgrade whose second migration takes until table `pace` says zero, and waits for it
  // to run.
  void StartSlowUpgrade() {
    cluster_.WriteMigration("001_counter.sql",
                            "CREATE TABLE counter (n int); INSERT INTO counter VALUES (0);\n"
                            "CREATE TABLE pace (seconds int); INSERT INTO pace VALUES (600);");
    cluster_.WriteMigration("002_slow.sql",
                            "-- lockstep:phase data\nUPDATE counter SET n = n + 1;\n"
                            "SELECT pg_sleep(seconds) FROM pace;");
    cluster_.WriteMigration("003_index.sql", "CREATE INDEX counter_n ON counter (n);");
    cluster_.StartCoordinator();
    ASSERT_EQ(cluster_.Ctl({"publish"}).exit, ExitStatus{});
    for (int i = 0; i < 2; ++i) {
      agents_.push_back(
          cluster_.StartAgent({.service = "shop", .yaml = "needs: 3\n", .migrate = true}));
    }
    upgrade_ = cluster_.StartCtl({"upgrade", "--yes"});
    ASSERT_TRUE(Eventually([&] { return SleepingBackends() == "1"; })) << upgrade_->stderr_text();
    holder_ = Scalar("SELECT holder FROM lockstep.attempt ORDER BY lease_epoch DESC LIMIT 1");
  }

  std::string Scalar(const std::string& sql) { return cluster_.db().Scalar(sql); }
  std::string SleepingBackends() {
    return Scalar(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND wait_event = 'PgSleep'");
  }
  Subprocess& holder() { return *agents_[holder_ == "shop@shop-1" ? 0 : 1]; }
  Subprocess& other() { return *agents_[holder_ == "shop@shop-1" ? 1 : 0]; }

  Cluster cluster_;
  std::vector<std::unique_ptr<Subprocess>> agents_;
  std::unique_ptr<Subprocess> upgrade_;
  std::string holder_;
};

TEST_F(TakeoverTest, TheBackendOfAKilledHolderEndsByItselfAndTheNextOneFinishes) {
  ASSERT_NO_FATAL_FAILURE(StartSlowUpgrade());
  const int version = cluster_.db().Connect()->server_version();
  holder().Signal(SIGKILL);
  cluster_.db().Query("UPDATE pace SET seconds = 0");
  if (version >= kChecksClientSince) {
    // Long before its statement would have ended, and before the lease was taken back: the server
    // noticed that nobody is there.
    ASSERT_TRUE(Eventually([&] { return SleepingBackends() == "0"; }));
    EXPECT_EQ(Scalar("SELECT count(*) FROM lockstep.attempt WHERE outcome IS NULL"), "1");
    EXPECT_EQ(Scalar("SELECT n FROM counter"), "0");
  }
  EXPECT_EQ(upgrade_->Wait(absl::Seconds(90)), ExitStatus{}) << upgrade_->stderr_text();
  EXPECT_EQ(Scalar("SELECT n FROM counter"), "1");
  EXPECT_NE(Scalar("SELECT applied_by FROM lockstep.history WHERE version = 2"), holder_);
  EXPECT_EQ(Scalar("SELECT count(*) FROM lockstep.attempt WHERE outcome = 'revoked'"), "1");
  EXPECT_TRUE(other().WaitForOutput("open "));
  auto connection = cluster_.db().Connect();
  std::vector<std::string> left;
  (void)Eventually([&] {
    left = CheckNothingIsLeft(*connection);
    return left.empty();
  });
  EXPECT_THAT(left, ElementsAre());
}

}  // namespace
}  // namespace lockstep::testing
