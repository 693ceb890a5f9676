// grpc.health.v1 of the agent's program, asked by a real client.
#include <atomic>
#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "agent/health/health_server.h"
#include "agent/process/http.h"
#include "agent/process/sidecar.h"
#include "tests/process/fake_agent.h"
#include "tests/support/eventually.h"
#include "tests/support/health_client.h"
#include "tests/support/log_capture.h"
#include "tests/support/matchers.h"

namespace lockstep::process {
namespace {

using health::Address;
using health::HealthServer;
using health::ParseAddress;
using testing::Eventually;
using testing::HealthClient;
using testing::HealthError;
using testing::HealthWatch;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::StatusIs;

constexpr char kServing[] = "SERVING";
constexpr char kNotServing[] = "NOT_SERVING";

std::string TargetOf(int port) { return absl::StrCat("127.0.0.1:", port); }

TEST(ParseAddress, IsOnTheLoopbackInterfaceUnlessAHostIsNamed) {
  EXPECT_THAT(ParseAddress("0"), IsOkAndHolds(Address{.host = "127.0.0.1", .port = 0}));
  EXPECT_THAT(ParseAddress("7412"), IsOkAndHolds(Address{.host = "127.0.0.1", .port = 7412}));
  EXPECT_THAT(ParseAddress("0.0.0.0:65535"),
              IsOkAndHolds(Address{.host = "0.0.0.0", .port = 65535}));
  EXPECT_THAT(ParseAddress("pod:1"), IsOkAndHolds(Address{.host = "pod", .port = 1}));
  EXPECT_THAT(ParseAddress("[::]:7412"), IsOkAndHolds(Address{.host = "::", .port = 7412}));
  for (const char* text : {"", ":", ":1", "a", "a:", "a:b", "a:-1", "a:65536", "65536", "+1", " 1",
                           "::1:7412", "[::1", "[::1]", "[a]:1", "[]:1", "a:99999999999"}) {
    EXPECT_THAT(ParseAddress(text), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
}

class HealthServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto server = HealthServer::Start({}, {.ready = [this] { return ready_.load(); },
                                           .gate_open = [this] { return open_.load(); }});
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    client_.emplace(TargetOf(server_->port()));
  }
  void Set(std::atomic<bool>& probe, bool value) {
    probe = value;
    server_->Changed();
  }

  std::atomic<bool> ready_{false};
  std::atomic<bool> open_{false};
  std::unique_ptr<HealthServer> server_;
  std::optional<HealthClient> client_;
};

TEST_F(HealthServerTest, AnswersForEachOfItsNames) {
  EXPECT_EQ(client_->Check("liveness"), kServing);
  for (const char* name : {"", "readiness", "gate"}) {
    EXPECT_EQ(client_->Check(name), kNotServing) << name;
  }
  Set(open_, true);
  EXPECT_EQ(client_->Check("gate"), kServing);
  EXPECT_EQ(client_->Check("readiness"), kNotServing);
  Set(ready_, true);
  EXPECT_EQ(client_->Check("readiness"), kServing);
  EXPECT_EQ(client_->Check(""), kServing);
}

TEST_F(HealthServerTest, AnotherNameIsNotFoundAndWatchedAsUnknown) {
  EXPECT_EQ(client_->Check("Readiness"), HealthError(grpc::StatusCode::NOT_FOUND));
  const auto watch = client_->Watch("lockstep.v1.AgentService");
  EXPECT_EQ(watch->Next(), "SERVICE_UNKNOWN");
  // The stream goes on: the standard has it so.
  server_.reset();
  EXPECT_EQ(watch->Next(), HealthError(grpc::StatusCode::UNAVAILABLE));
}

TEST_F(HealthServerTest, WatchersAreToldOfWhatConcernsThem) {
  const auto all = client_->Watch("");
  const auto gate = client_->Watch("gate");
  EXPECT_EQ(all->Next(), kNotServing);
  EXPECT_EQ(gate->Next(), kNotServing);
  Set(open_, true);  // Says nothing to who asked for readiness.
  EXPECT_EQ(gate->Next(), kServing);
  Set(ready_, true);
  EXPECT_EQ(all->Next(), kServing);
  server_->Changed();  // Nothing has.
  Set(ready_, false);
  EXPECT_EQ(all->Next(), kNotServing);
  server_.reset();
  EXPECT_EQ(gate->Next(), HealthError(grpc::StatusCode::UNAVAILABLE));
  EXPECT_EQ(all->Next(), HealthError(grpc::StatusCode::UNAVAILABLE));
}

TEST_F(HealthServerTest, WhatItSaidLastComesBeforeTheEnd) {
  ready_ = true;
  const auto watch = client_->Watch("");
  EXPECT_EQ(watch->Next(), kServing);
  Set(ready_, false);
  server_.reset();
  EXPECT_EQ(watch->Next(), kNotServing);
  EXPECT_EQ(watch->Next(), HealthError(grpc::StatusCode::UNAVAILABLE));
}

TEST_F(HealthServerTest, TooManyWatchersAreTurnedAwayUntilOneLeaves) {
  std::vector<std::unique_ptr<HealthWatch>> watches;
  for (size_t i = 0; i < health::kMaxWatchers; ++i) {
    watches.push_back(client_->Watch(""));
    ASSERT_EQ(watches.back()->Next(), kNotServing) << i;
  }
  EXPECT_EQ(client_->Watch("")->Next(), HealthError(grpc::StatusCode::RESOURCE_EXHAUSTED));
  EXPECT_EQ(client_->Check(""), kNotServing);
  watches.pop_back();
  EXPECT_TRUE(Eventually([&] { return client_->Watch("")->Next() == kNotServing; }));
}

// Nobody reads what they are told; the end does not wait for them.
TEST_F(HealthServerTest, EndsWhileMatterIsUnread) {
  const auto watch = client_->Watch("");
  ASSERT_EQ(watch->Next(), kNotServing);
  for (int i = 0; i < 1'000; ++i) Set(ready_, i % 2 == 0);
  const absl::Time start = absl::Now();
  server_.reset();
  EXPECT_LT(absl::Now() - start, testing::kPatience);
}

TEST_F(HealthServerTest, TwoDoNotShareAPort) {
  EXPECT_THAT(HealthServer::Start({.port = server_->port()},
                                  {.ready = [] { return true; }, .gate_open = [] { return true; }}),
              StatusIs(absl::StatusCode::kUnavailable, "HEALTH_LISTEN"));
}

// The last word is the truth, whatever threads change it in whatever order.
TEST_F(HealthServerTest, ChangesOfManyThreadsEndInTheLastState) {
  const auto watch = client_->Watch("");
  EXPECT_EQ(watch->Next(), kNotServing);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 500; ++round) Set(ready_, round % 2 == 0);
    });
  }
  for (std::thread& thread : threads) thread.join();
  Set(ready_, true);
  EXPECT_EQ(client_->Check(""), kServing);
  server_.reset();
  std::string last;
  std::string next;
  while (!absl::StartsWith(next = watch->Next(), "error")) last = next;
  EXPECT_EQ(last, kServing);
  EXPECT_EQ(next, HealthError(grpc::StatusCode::UNAVAILABLE));
}

class SidecarHealthTest : public ::testing::Test {
 protected:
  // Runs the sidecar on this thread, which is the one that gets signals, and `people` on another.
  int Run(const std::function<void(const HealthClient&)>& people) {
    std::thread thread([&] {
      EXPECT_TRUE(Eventually([&] { return log_.Contains("grpc health listening"); }));
      people(HealthClient(TargetOf(Port())));
      kill(getpid(), SIGTERM);
    });
    const int code = Sidecar(flags_, supervisor_, FakeAgent::Factory(script_));
    thread.join();
    return code;
  }
  int Port() {
    for (const std::string& line : log_.lines()) {
      const size_t at = line.find(" port=");
      if (at != std::string::npos) return std::atoi(line.c_str() + at + 6);
    }
    return 0;
  }

  testing::LogCapture log_;
  Supervisor supervisor_;
  Script script_;
  Flags flags_{
      .verb = Verb::kSidecar, .grpc_health = Address{}, .drain_timeout = absl::Milliseconds(1)};
};

TEST_F(SidecarHealthTest, FollowsTheGateAndTheReadyUrl) {
  std::atomic<bool> healthy{false};
  auto service = HttpServer::Start(
      {}, {{"/health", [&] { return HttpReply{.status = healthy ? 200 : 503}; }}});
  ASSERT_THAT(service, IsOk());
  flags_.ready_url = absl::StrCat("http://127.0.0.1:", (*service)->port(), "/health");
  std::unique_ptr<HealthWatch> ready;
  EXPECT_EQ(Run([&](const HealthClient& client) {
              ready = client.Watch("");
              const auto gate = client.Watch("gate");
              EXPECT_EQ(ready->Next(), kNotServing);
              EXPECT_EQ(gate->Next(), kNotServing);
              script_.Set({.state = GateState::kOpen, .reason = "ready"});
              EXPECT_EQ(gate->Next(), kServing);
              EXPECT_EQ(client.Check(""), kNotServing);
              healthy = true;
              EXPECT_EQ(ready->Next(), kServing);
              healthy = false;
              EXPECT_EQ(ready->Next(), kNotServing);
              EXPECT_EQ(client.Check("gate"), kServing);
              EXPECT_EQ(client.Check("liveness"), kServing);
              healthy = true;
              EXPECT_EQ(ready->Next(), kServing);
            }),
            0);
  EXPECT_EQ(ready->Next(), kNotServing);
  EXPECT_EQ(ready->Next(), HealthError(grpc::StatusCode::UNAVAILABLE));
}

TEST_F(SidecarHealthTest, ARefusedGateIsNotServingAndAlive) {
  EXPECT_EQ(Run([&](const HealthClient& client) {
              script_.Set({.state = GateState::kRefused, .reason = "too_old"});
              for (const char* name : {"", "readiness", "gate"}) {
                EXPECT_EQ(client.Check(name), kNotServing) << name;
              }
              EXPECT_EQ(client.Check("liveness"), kServing);
            }),
            0);
}

}  // namespace
}  // namespace lockstep::process
