// The flow of a sidecar, with an agent that does as it is told and a service that is a small HTTP
// server.
#include "agent/process/sidecar.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>
#include <unistd.h>

#include "absl/strings/str_cat.h"

#include "agent/process/http.h"
#include "tests/process/fake_agent.h"
#include "tests/support/eventually.h"
#include "tests/support/log_capture.h"
#include "tests/support/matchers.h"

namespace lockstep::process {
namespace {

using ::testing::ElementsAre;
using testing::Eventually;
using testing::IsOk;

class SidecarTest : public ::testing::Test {
 protected:
  // Runs the sidecar on this thread, which is the one that gets signals, and `people` on another.
  int Run(const std::function<void()>& people) {
    std::thread thread(people);
    const int code = Sidecar(flags_, supervisor_, FakeAgent::Factory(script_));
    thread.join();
    return code;
  }
  void Open() { script_.Set({.state = GateState::kOpen, .reason = "ready"}); }
  void Terminate() { kill(getpid(), SIGTERM); }
  void StartService() {
    auto service = HttpServer::Start(
        {}, {{"/health", [this] { return HttpReply{.status = healthy_ ? 200 : 503}; }}});
    ASSERT_THAT(service, IsOk());
    service_ = *std::move(service);
    flags_.ready_url = absl::StrCat("http://127.0.0.1:", service_->port(), "/health");
  }
  int Probe(const std::string& path) {
    if (port_ == 0) {
      EXPECT_TRUE(Eventually([&] { return log_.Contains("http listening"); }));
      for (const std::string& line : log_.lines()) {
        const size_t at = line.find(" port=");
        if (at != std::string::npos) port_ = std::atoi(line.c_str() + at + 6);
      }
    }
    return ProbeUrl(absl::StrCat("http://127.0.0.1:", port_, path), absl::Seconds(10));
  }
  bool ComesToCall(const std::string& call) {
    return Eventually([&] {
      const auto calls = script_.Calls();
      return !calls.empty() && calls.back() == call;
    });
  }

  testing::LogCapture log_;
  Supervisor supervisor_;
  Script script_;
  Flags flags_{
      .verb = Verb::kSidecar, .http = health::Address{}, .drain_timeout = absl::InfiniteDuration()};
  std::atomic<bool> healthy_{false};
  std::unique_ptr<HttpServer> service_;
  int port_ = 0;
};

// It cannot stop what runs beside it, so its silence must prove nothing.
TEST_F(SidecarTest, ItDoesNotPromiseThatTheServiceStops) {
  flags_.http = health::Address{};
  EXPECT_EQ(Run([&] { Terminate(); }), 0);
  base::MutexLock lock(script_.mu);
  EXPECT_FALSE(script_.options.can_stop);
}

TEST_F(SidecarTest, AnswersTheGateAndServesOnceItIsOpen) {
  flags_.drain_timeout = absl::Milliseconds(1);
  EXPECT_EQ(Run([&] {
              EXPECT_EQ(Probe("/gate"), 503);
              EXPECT_EQ(Probe("/readyz"), 503);
              EXPECT_EQ(Probe("/livez"), 200);
              Open();
              EXPECT_EQ(Probe("/gate"), 200);
              EXPECT_TRUE(Eventually([&] { return Probe("/readyz") == 200; }));
              Terminate();
            }),
            0);
  EXPECT_THAT(script_.Calls(),
              ElementsAre("serving", "drain", "stop: the sidecar was told to end"));
}

TEST_F(SidecarTest, ARefusedGateIsAnsweredAndEndsNothing) {
  EXPECT_EQ(Run([&] {
              script_.Set({.state = GateState::kRefused, .reason = "too_old"});
              EXPECT_EQ(Probe("/gate"), 409);
              EXPECT_EQ(Probe("/readyz"), 503);
              Terminate();
            }),
            0);
  EXPECT_TRUE(log_.Contains("too_old"));
}

TEST_F(SidecarTest, FollowsTheReadyUrlForAsLongAsItLives) {
  StartService();
  flags_.drain_timeout = absl::Milliseconds(1);
  EXPECT_EQ(Run([&] {
              Open();
              EXPECT_EQ(Probe("/readyz"), 503);
              healthy_ = true;
              EXPECT_TRUE(ComesToCall("serving"));
              healthy_ = false;
              EXPECT_TRUE(ComesToCall("not serving"));
              EXPECT_EQ(Probe("/readyz"), 503);
              healthy_ = true;
              EXPECT_TRUE(ComesToCall("serving"));
              Terminate();
            }),
            0);
}

TEST_F(SidecarTest, TheSessionCountsUntilTheServiceIsGone) {
  StartService();
  healthy_ = true;
  EXPECT_EQ(Run([&] {
              Open();
              EXPECT_TRUE(ComesToCall("serving"));
              Terminate();
              EXPECT_TRUE(ComesToCall("drain"));
              EXPECT_EQ(Probe("/readyz"), 503);
              healthy_ = false;  // It finishes its work: not ready, and still there.
              EXPECT_TRUE(ComesToCall("drain"));
              service_.reset();
            }),
            0);
  EXPECT_TRUE(log_.Contains("service gone"));
  EXPECT_THAT(script_.Calls(),
              ElementsAre("serving", "drain", "stop: the sidecar was told to end"));
}

TEST_F(SidecarTest, ASecondSignalEndsItAtOnce) {
  StartService();
  EXPECT_EQ(Run([&] {
              Open();
              EXPECT_TRUE(Eventually([&] { return Probe("/gate") == 200; }));
              Terminate();
              EXPECT_TRUE(ComesToCall("drain"));  // One of a kind is pending at a time.
              Terminate();
            }),
            0);
}

}  // namespace
}  // namespace lockstep::process
