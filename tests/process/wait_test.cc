// The flow of an init container, with an agent that does as it is told.
#include "agent/process/wait.h"

#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/process/fake_agent.h"
#include "tests/support/log_capture.h"

namespace lockstep::process {
namespace {

using ::testing::ElementsAre;

class WaitTest : public ::testing::Test {
 protected:
  int Wait() { return process::Wait(flags_, supervisor_, FakeAgent::Factory(script_)); }
  std::optional<absl::Duration> Reserved() {
    base::MutexLock lock(script_.mu);
    return script_.options.reserve;
  }

  Supervisor supervisor_;
  Script script_;
  Flags flags_{.verb = Verb::kWait};
};

TEST_F(WaitTest, AnOpenGateExitsWithZero) {
  script_.Set({.state = GateState::kOpen, .reason = "ready"});
  EXPECT_EQ(Wait(), 0);
  // It never says that it serves, and holds no place.
  EXPECT_THAT(script_.Calls(), ElementsAre("stop: the wait is over"));
  EXPECT_EQ(Reserved(), absl::ZeroDuration());
}

TEST_F(WaitTest, ReservesWhenItIsToldTo) {
  script_.Set({.state = GateState::kOpen, .reason = "ready"});
  flags_.reserve = absl::Minutes(2);
  EXPECT_EQ(Wait(), 0);
  EXPECT_EQ(Reserved(), absl::Minutes(2));
}

TEST_F(WaitTest, ARefusedGateExitsWith123) {
  testing::LogCapture log;
  script_.Set({.state = GateState::kRefused, .reason = "too_old", .detail = "contract 3 ran"});
  EXPECT_EQ(Wait(), kExitGateRefused);
  EXPECT_TRUE(log.Contains("contract 3 ran"));
}

TEST_F(WaitTest, AGateThatStaysClosedExitsWith124) {
  flags_.gate_timeout = absl::Milliseconds(30);
  EXPECT_EQ(Wait(), kExitGateTimeout);
}

TEST_F(WaitTest, ASignalEndsTheWait) {
  flags_.gate_timeout = absl::InfiniteDuration();
  kill(getpid(), SIGTERM);
  EXPECT_EQ(Wait(), 128 + SIGTERM);
}

}  // namespace
}  // namespace lockstep::process
