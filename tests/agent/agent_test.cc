// The whole agent against a coordinator on the real wire: reconnects, gate, goodbye.
#include "lockstep/agent.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <gtest/gtest.h>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "engine/base/error_info.h"
#include "engine/base/ids.h"
#include "engine/chain/chain.h"
#include "tests/agent/test_coordinator.h"
#include "tests/support/eventually.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace lockstep::testing {
namespace {

using absl::StatusCode;

// An agent of a configured service that dials `addresses`.
class AgentTest : public ::testing::Test {
 protected:
  AgentTest() {
    options_.service_file = files_.Write("lockstep.yaml", "service: billing\n");
    options_.chain_sum = files_.Write("chain.sum", chain::FormatChainSum({}));
    options_.instance = "billing-0";
    options_.reconnect_cap = absl::Milliseconds(50);
  }

  std::unique_ptr<Agent> Start(const std::vector<std::string>& addresses) {
    options_.addresses = addresses;
    auto agent = Agent::Start(options_);
    EXPECT_THAT(agent, IsOk());
    return *std::move(agent);
  }

  const TempDir files_;
  AgentOptions options_;
};

bool IsGoodbye(const v1::SessionRequest& request) { return request.has_goodbye(); }

TEST_F(AgentTest, RegistersAndOpensItsGate) {
  TestCoordinator coordinator;
  auto agent = Start({coordinator.address()});
  ASSERT_TRUE(coordinator.WaitForStream(1));
  EXPECT_TRUE(Eventually([&] { return agent->connected(); }));
  const v1::Hello hello = coordinator.last_hello();
  EXPECT_TRUE(base::IsUuid(hello.session_id()));
  EXPECT_EQ(hello.instance(), "billing-0");
  EXPECT_GT(hello.nonce(), 0);
  EXPECT_EQ(hello.declaration().service(), "billing");
  EXPECT_TRUE(hello.declaration().configured());
  EXPECT_FALSE(hello.can_migrate());
  EXPECT_FALSE(hello.serving());
  coordinator.Send(GateResponse(v1::GATE_STATE_WAIT, "applying"));
  EXPECT_TRUE(Eventually([&] { return agent->gate().reason == "applying"; }));
  coordinator.Send(GateResponse(v1::GATE_STATE_OPEN, "ready"));
  EXPECT_THAT(agent->WaitUntilServable(kPatience), IsOk());
}

v1::SessionResponse Changed(int64_t revision, int32_t applied,
                            const std::vector<std::string>& objects) {
  v1::SessionResponse response;
  response.mutable_schema_changed()->set_revision(revision);
  response.mutable_schema_changed()->set_applied(applied);
  for (const std::string& each : objects) response.mutable_schema_changed()->add_objects(each);
  return response;
}

TEST_F(AgentTest, ItsServiceIsToldWhatMigrationsChange) {
  TestCoordinator coordinator;
  auto agent = Start({coordinator.address()});
  ASSERT_TRUE(coordinator.WaitForStream(1));
  EXPECT_EQ(coordinator.last_hello().schema_revision(), 0);
  coordinator.Send(Changed(3, 1, {"before.it.served"}));
  v1::SessionResponse open = GateResponse(v1::GATE_STATE_OPEN, "ready");
  open.mutable_gate()->set_revision(5);
  open.mutable_gate()->set_applied(1);
  coordinator.Send(open);
  ASSERT_THAT(agent->WaitUntilServable(kPatience), IsOk());
  EXPECT_EQ(agent->applied(), 1);
  coordinator.Send(Changed(7, 2, {"users"}));
  coordinator.Send(Changed(9, 3, {"orders"}));
  ASSERT_TRUE(Eventually([&] { return agent->applied() == 3; }));
  base::Mutex mu;
  std::vector<SchemaChange> heard;
  agent->OnSchemaChange([&](const SchemaChange& change) {
    base::MutexLock lock(mu);
    heard.push_back(change);
  });
  // What came before there was somebody to tell is told together.
  ASSERT_TRUE(Eventually([&] {
    base::MutexLock lock(mu);
    return heard.size() == 1;
  }));
  {
    base::MutexLock lock(mu);
    EXPECT_EQ(heard[0].from, 1);
    EXPECT_EQ(heard[0].to, 3);
    EXPECT_EQ(heard[0].objects, (std::vector<std::string>{"orders", "users"}));
    EXPECT_FALSE(heard[0].everything);
  }
  // It says what it knows when it comes back.
  coordinator.Break();
  ASSERT_TRUE(coordinator.WaitForStream(2));
  EXPECT_EQ(coordinator.last_hello().schema_revision(), 9);
  agent->Stop("end");
}

TEST_F(AgentTest, HeartbeatsTellWhetherItServes) {
  TestCoordinator coordinator;
  auto agent = Start({coordinator.address()});
  EXPECT_TRUE(coordinator.WaitFor(
      [](const auto& r) { return r.has_heartbeat() && r.heartbeat().sequence() == 3; }));
  agent->SetServing(true);
  EXPECT_TRUE(coordinator.WaitFor(
      [](const auto& r) { return r.has_heartbeat() && r.heartbeat().serving(); }));
  agent->Drain();
  EXPECT_TRUE(coordinator.WaitFor([](const auto& r) { return r.has_drain(); }));
}

TEST_F(AgentTest, ComesBackAsTheSameSessionAndStaysOpen) {
  TestCoordinator coordinator;
  auto agent = Start({coordinator.address()});
  ASSERT_TRUE(coordinator.WaitForStream(1));
  const v1::Hello first = coordinator.last_hello();
  coordinator.Send(GateResponse(v1::GATE_STATE_OPEN, "ready"));
  ASSERT_THAT(agent->WaitUntilServable(kPatience), IsOk());
  agent->SetServing(true);
  agent->Drain();
  coordinator.Break();
  ASSERT_TRUE(coordinator.WaitForStream(2));
  const v1::Hello second = coordinator.last_hello();
  EXPECT_EQ(second.session_id(), first.session_id());
  EXPECT_EQ(second.nonce(), first.nonce());
  EXPECT_TRUE(second.serving());
  EXPECT_EQ(agent->gate().state, GateState::kOpen);
  EXPECT_TRUE(coordinator.WaitFor([](const auto& r) { return r.has_drain(); }));
}

TEST_F(AgentTest, AStopServiceIsToldWhenNobodyAcknowledgesItsHeartbeats) {
  TestCoordinator coordinator({.stop_after = absl::Milliseconds(300)});
  // What keeps serving is never told, and neither is what waits at its gate.
  std::atomic<int> wrong{0};
  auto keep = Start({coordinator.address()});
  keep->OnSessionLoss([&] { ++wrong; });
  ASSERT_TRUE(coordinator.WaitForStream(1));
  coordinator.Send(GateResponse(v1::GATE_STATE_OPEN, "ready"));
  ASSERT_THAT(keep->WaitUntilServable(kPatience), IsOk());
  options_.service_file = files_.Write("stop.yaml", "service: billing\non_session_loss: stop\n");
  options_.instance = "billing-1";
  auto waits = Start({coordinator.address()});
  waits->OnSessionLoss([&] { ++wrong; });
  ASSERT_TRUE(coordinator.WaitForStream(2));
  options_.instance = "billing-2";
  auto agent = Start({coordinator.address()});
  std::promise<absl::Time> lost;
  agent->OnSessionLoss([&] { lost.set_value(absl::Now()); });
  ASSERT_TRUE(coordinator.WaitForStream(3));
  coordinator.Send(GateResponse(v1::GATE_STATE_OPEN, "ready"));
  ASSERT_THAT(agent->WaitUntilServable(kPatience), IsOk());
  // Longer than the stop time, in heartbeats that are answered.
  const auto heartbeats = [&] {
    const auto requests = coordinator.requests();
    return std::count_if(requests.begin(), requests.end(),
                         [](const auto& request) { return request.has_heartbeat(); });
  };
  const auto before = heartbeats();
  ASSERT_TRUE(Eventually([&] { return heartbeats() > before + 40; }));
  auto loss = lost.get_future();
  EXPECT_EQ(loss.wait_for(std::chrono::seconds(0)), std::future_status::timeout);

  const absl::Time stopped = absl::Now();
  coordinator.Stop();
  EXPECT_LT(loss.get() - stopped, absl::Seconds(10));
  EXPECT_EQ(wrong, 0);
}

TEST_F(AgentTest, SurvivesARestartOfTheCoordinator) {
  TestCoordinator coordinator;
  auto agent = Start({coordinator.address()});
  ASSERT_TRUE(coordinator.WaitForStream(1));
  coordinator.Stop();
  EXPECT_TRUE(Eventually([&] { return !agent->connected(); }));
  coordinator.Start();
  EXPECT_TRUE(coordinator.WaitForStream(2));
  EXPECT_TRUE(Eventually([&] { return agent->connected(); }));
}

TEST_F(AgentTest, TriesTheAddressesInTurn) {
  TestCoordinator coordinator;
  auto agent = Start({"unix:/nonexistent/a", "unix:/nonexistent/b", coordinator.address()});
  EXPECT_TRUE(coordinator.WaitForStream(1));
}

TEST_F(AgentTest, FollowsTheLeaderAFollowerNames) {
  TestCoordinator leader;
  TestCoordinator follower({.refuse = [&](int) {
    return base::MakeError(StatusCode::kUnavailable, "NOT_LEADER", "not the leader",
                           {{"leader_address", leader.address()}});
  }});
  options_.reconnect_cap = absl::Hours(1);  // It must not have to back off.
  auto agent = Start({follower.address()});
  EXPECT_TRUE(leader.WaitForStream(1));
}

TEST_F(AgentTest, GoesWhereItIsSent) {
  TestCoordinator old_one, new_one;
  auto agent = Start({old_one.address()});
  ASSERT_TRUE(old_one.WaitForStream(1));
  v1::SessionResponse response;
  response.mutable_reconnect()->set_address(new_one.address());
  old_one.Send(response);
  EXPECT_TRUE(new_one.WaitForStream(1));
}

// One that stops does not know who leads next: the agent's own next address is asked.
TEST_F(AgentTest, SentAwayWithoutAnAddressItGoesToTheNextOne) {
  TestCoordinator old_one, new_one;
  auto agent = Start({old_one.address(), new_one.address()});
  ASSERT_TRUE(old_one.WaitForStream(1));
  v1::SessionResponse response;
  response.mutable_reconnect();
  old_one.Send(response);
  EXPECT_TRUE(new_one.WaitForStream(1));
}

TEST_F(AgentTest, SaysWhyNobodyAnswers) {
  auto agent = Start({"unix:/nonexistent/socket"});
  EXPECT_TRUE(Eventually(
      [&] { return agent->gate().detail.find("unix:/nonexistent/socket") != std::string::npos; }));
  EXPECT_EQ(agent->gate().reason, "connecting");
  EXPECT_THAT(agent->WaitUntilServable(absl::Milliseconds(10)),
              StatusIs(StatusCode::kDeadlineExceeded, "GATE_TIMEOUT"));
}

TEST_F(AgentTest, ARefusalForGoodEndsTheWaiting) {
  TestCoordinator coordinator;
  auto agent = Start({coordinator.address()});
  ASSERT_TRUE(coordinator.WaitForStream(1));
  coordinator.Send(GateResponse(v1::GATE_STATE_REFUSED, "too_old"));
  EXPECT_THAT(agent->WaitUntilServable(kPatience),
              StatusIs(StatusCode::kFailedPrecondition, "GATE_REFUSED"));
}

TEST_F(AgentTest, SaysGoodbyeOnce) {
  TestCoordinator coordinator;
  auto agent = Start({coordinator.address()});
  ASSERT_TRUE(coordinator.WaitForStream(1));
  ASSERT_TRUE(Eventually([&] { return agent->connected(); }));
  agent->Stop("rolled out");
  EXPECT_TRUE(coordinator.WaitFor(IsGoodbye));
  EXPECT_FALSE(agent->connected());
  EXPECT_THAT(agent->WaitUntilServable(kPatience), StatusIs(StatusCode::kCancelled));
  agent->Stop("again");
  agent.reset();
  int goodbyes = 0;
  for (const auto& request : coordinator.requests()) goodbyes += request.has_goodbye();
  EXPECT_EQ(goodbyes, 1);
}

TEST_F(AgentTest, DeliversItsGoodbyeToACoordinatorThatJustRestarts) {
  TestCoordinator coordinator;
  auto agent = Start({coordinator.address()});
  ASSERT_TRUE(Eventually([&] { return agent->connected(); }));
  coordinator.Stop();
  ASSERT_TRUE(Eventually([&] { return !agent->connected(); }));
  std::thread restart([&] {
    absl::SleepFor(absl::Milliseconds(200));
    coordinator.Start();
  });
  agent->Stop("rolled out", kPatience);
  restart.join();
  EXPECT_TRUE(coordinator.WaitFor(IsGoodbye));
}

TEST_F(AgentTest, StoppingIsQuickWhenNobodyEverAnswered) {
  TestCoordinator silent({.silent = true});
  for (const std::string& address : {silent.address(), std::string("unix:/nonexistent/socket")}) {
    auto agent = Start({address});
    const absl::Time start = absl::Now();
    agent->Stop("never mind", absl::Minutes(5));
    EXPECT_LT(absl::Now() - start, kPatience);
  }
}

TEST_F(AgentTest, WithoutFilesIsRefusedAtOnceAndRegistersAllTheSame) {
  TestCoordinator coordinator;
  options_.service_file.clear();
  options_.chain_sum.clear();
  auto agent = Start({coordinator.address()});
  EXPECT_EQ(agent->gate().reason, "not_configured");
  EXPECT_THAT(agent->WaitUntilServable(kPatience),
              StatusIs(StatusCode::kFailedPrecondition, "GATE_REFUSED"));
  ASSERT_TRUE(coordinator.WaitForStream(1));
  EXPECT_FALSE(coordinator.last_hello().declaration().configured());
}

TEST_F(AgentTest, RefusesBadOptions) {
  options_.addresses = {"nowhere"};
  EXPECT_THAT(Agent::Start(options_), StatusIs(StatusCode::kInvalidArgument, "BAD_ADDRESS"));
  options_.addresses = {"127.0.0.1:1"};
  options_.migrate_database = "host=x password=my s3cret";
  const auto started = Agent::Start(options_);
  EXPECT_THAT(started, StatusIs(StatusCode::kInvalidArgument, "BAD_CONNINFO"));
  EXPECT_THAT(Describe(started.status()), ::testing::Not(::testing::HasSubstr("s3cret")));
  options_.migrate_database.clear();
  options_.chain_sum = "/nonexistent/chain.sum";
  EXPECT_THAT(Agent::Start(options_), StatusIs(StatusCode::kNotFound));
}

TEST_F(AgentTest, ACallbackHearsOfEveryChangeThatLasts) {
  TestCoordinator coordinator;
  auto agent = Start({coordinator.address()});
  ASSERT_TRUE(coordinator.WaitForStream(1));
  base::Mutex mu;
  std::string last;
  agent->OnGateChange([&](const GateVerdict& verdict) {
    base::MutexLock lock(mu);
    last = verdict.reason;
  });
  coordinator.Send(GateResponse(v1::GATE_STATE_OPEN, "ahead"));
  EXPECT_TRUE(Eventually([&] {
    base::MutexLock lock(mu);
    return last == "ahead";
  }));
  agent->OnGateChange(nullptr);
}

TEST_F(AgentTest, DeclinesOffersWithoutAMigratorConnection) {
  TestCoordinator coordinator;
  auto agent = Start({coordinator.address()});
  ASSERT_TRUE(coordinator.WaitForStream(1));
  coordinator.Send(OfferResponse({.epoch = 1, .lease_id = base::NewUuid()}, 1, 1));
  EXPECT_TRUE(coordinator.WaitFor(
      [](const auto& r) { return r.has_lease_answer() && !r.lease_answer().accepted(); }));
}

}  // namespace
}  // namespace lockstep::testing
