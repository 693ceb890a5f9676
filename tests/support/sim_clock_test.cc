#include "tests/support/sim_clock.h"

#include <gtest/gtest.h>

#include "engine/base/log.h"
#include "tests/support/log_capture.h"

namespace lockstep::testing {
namespace {

TEST(SimClock, StandsStillUntilMoved) {
  SimClock clock;
  const absl::Time wall = clock.Now();
  const absl::Duration boot = clock.SinceBoot();
  EXPECT_EQ(clock.Now(), wall);
  clock.Advance(absl::Seconds(5));
  EXPECT_EQ(clock.Now(), wall + absl::Seconds(5));
  EXPECT_EQ(clock.SinceBoot(), boot + absl::Seconds(5));
}

TEST(SimClock, AStepOfTheWallClockIsNoPassingOfTime) {
  SimClock clock;
  const absl::Time wall = clock.Now();
  const absl::Duration boot = clock.SinceBoot();
  clock.StepWallClock(-absl::Hours(1));
  EXPECT_EQ(clock.Now(), wall - absl::Hours(1));
  EXPECT_EQ(clock.SinceBoot(), boot);
}

TEST(LogCapture, CollectsLinesWhileItLives) {
  LogCapture log;
  base::LogInfo("gate open", {{"applied", "7"}});
  base::LogWarning("session lost");
  base::LogDebug("not at this level");
  EXPECT_EQ(log.lines().size(), 2u);
  EXPECT_TRUE(log.Contains("applied=7"));
  EXPECT_EQ(log.Count("gate"), 1);
  EXPECT_EQ(log.CountLevel(base::LogLevel::kWarning), 1);
  EXPECT_FALSE(log.Contains("not at this level"));
}

}  // namespace
}  // namespace lockstep::testing
