// What running services do when the coordinator is gone: those that keep go on, those that promised
// to stop do.
#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/cluster.h"
#include "tests/support/subprocess.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(SessionLoss, AStopServiceStopsItselfAndAKeepServiceServesOn) {
  Cluster cluster;
  cluster.WriteSum();
  cluster.StartCoordinator("a", {"--time-scale", "20"});  // The stop time is a second.
  auto keep = cluster.StartAgent({.service = "keeper"});
  auto stop = cluster.StartAgent({.service = "stopper", .yaml = "on_session_loss: stop\n"});
  ASSERT_TRUE(keep->WaitForOutput("open ")) << keep->stderr_text();
  ASSERT_TRUE(stop->WaitForOutput("open ")) << stop->stderr_text();
  EXPECT_THAT(stop->stderr_text(), Not(HasSubstr("session lost")));

  cluster.coordinator().Signal(SIGKILL);
  EXPECT_EQ(stop->Wait(), ExitStatus{}) << stop->stderr_text();  // The child's own.
  EXPECT_THAT(stop->stderr_text(), HasSubstr("session lost"));
  EXPECT_TRUE(ProcessRuns(keep->pid()));
  EXPECT_THAT(keep->stderr_text(), Not(HasSubstr("session lost")));
}

}  // namespace
}  // namespace lockstep::testing
