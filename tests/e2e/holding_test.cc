// An operation is held between two migrations, survives its leader, and goes on where it stopped.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/cluster.h"
#include "tests/support/eventually.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

// Runs until a row is in table go; a lock would end in lock_timeout.
const char* const kUntilTold =
    "-- lockstep:phase data\n"
    "DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM go) LOOP PERFORM pg_sleep(0.02); END LOOP; END $$;";

class Holding : public ::testing::Test {
 protected:
  Holding() {
    cluster_.WriteMigration("001_go.sql", "CREATE TABLE go (id int)");
    cluster_.WriteMigration("002_slow.sql", kUntilTold);
    cluster_.WriteMigration("003_more.sql", "CREATE TABLE more (id int)");
    cluster_.StartCoordinator("a");
    EXPECT_TRUE(cluster_.coordinator("a").WaitForOutput("leadership won"));
  }

  bool SecondRuns() {
    return Eventually([&] {
      return cluster_.db().Scalar(
                 "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO %' "
                 "AND pid <> pg_backend_pid()") != "0";
    });
  }
  std::string Applied() { return cluster_.db().Scalar("SELECT applied FROM lockstep.chain"); }
  std::string State() { return cluster_.db().Scalar("SELECT state FROM lockstep.operation"); }
  std::string Id() { return cluster_.db().Scalar("SELECT operation_id FROM lockstep.operation"); }

  Cluster cluster_;
};

TEST_F(Holding, APauseLetsTheRunningMigrationCommitAndTheNextOneWaitForTheResume) {
  ASSERT_EQ(cluster_.Ctl({"publish"}).exit->code, 0);
  auto agent = cluster_.StartAgent({.migrate = true});
  auto upgrade = cluster_.StartCtl({"upgrade", "--yes", "--timeout", "60s"});
  ASSERT_TRUE(SecondRuns());
  const CommandResult pause = cluster_.Ctl({"operations", "pause", Id(), "--reason", "load"});
  EXPECT_EQ(pause.exit->code, 0) << pause.err;
  EXPECT_EQ(pause.out, Id() + " is paused\n");
  EXPECT_EQ(Applied(), "1");
  cluster_.db().RunScript("INSERT INTO go VALUES (1)");
  EXPECT_TRUE(upgrade->WaitForOutput("paused at 2 of 3; `lockstep operations resume op-"))
      << upgrade->stderr_text();
  EXPECT_THAT(cluster_.Ctl({"status"}).out, HasSubstr("paused at 2 of 3"));
  EXPECT_EQ(cluster_.Ctl({"operations", "pause", Id()}).exit->code, 0);
  EXPECT_EQ(Applied(), "2");
  auto watch = cluster_.StartCtl({"operations", "watch", Id(), "--timeout", "60s"});
  EXPECT_EQ(cluster_.Ctl({"operations", "resume", Id()}).exit->code, 0);
  EXPECT_EQ(upgrade->Wait(absl::Seconds(60)), ExitStatus{}) << upgrade->stderr_text();
  EXPECT_EQ(watch->Wait(absl::Seconds(60)), ExitStatus{}) << watch->stderr_text();
  EXPECT_THAT(watch->stdout_text(), HasSubstr("applied 3\n"));
  EXPECT_EQ(Applied(), "3");
}

TEST_F(Holding, APauseOutlivesTheLeader) {
  ASSERT_EQ(cluster_.Ctl({"publish"}).exit->code, 0);
  cluster_.StartCoordinator("b");
  ASSERT_EQ(cluster_.Ctl({"upgrade", "--yes", "--no-wait"}).exit->code, 0);
  ASSERT_EQ(cluster_.Ctl({"operations", "pause", Id()}).exit->code, 0);
  cluster_.coordinator("a").Signal(SIGTERM);
  ASSERT_TRUE(cluster_.coordinator("b").WaitForOutput("leadership won", absl::Seconds(20)));
  auto agent = cluster_.StartAgent({.instance = "one",
                                    .yaml = "needs: 3\n",
                                    .migrate = true,
                                    .flags = {"--address", cluster_.socket("b")}});
  EXPECT_TRUE(Eventually([&] {
    const auto status = cluster_.Json({"status"}, "b")["status"];
    return status["services"].size() == 1 &&
           status["operation"]["waitingFor"].get<std::string>().find("operations resume") !=
               std::string::npos;
  }));
  EXPECT_EQ(State(), "paused");
  EXPECT_EQ(Applied(), "0");
  EXPECT_EQ(cluster_.Ctl({"operations", "cancel", Id()}, "b").exit->code, 0);
  EXPECT_TRUE(Eventually([&] { return State() == "cancelled"; }));
}

}  // namespace
}  // namespace lockstep::testing
