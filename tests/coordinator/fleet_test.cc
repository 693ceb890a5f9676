#include "coordinator/fleet/fleet.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "coordinator/store/chain_store.h"
#include "coordinator/store/operation_store.h"
#include "engine/base/ids.h"
#include "tests/coordinator/core_fixture.h"
#include "tests/support/matchers.h"
#include "tests/support/sim_clock.h"

namespace lockstep::coordinator {
namespace {

using testing::Async;
using testing::Eventually;
using testing::FakeLink;
using testing::IsOk;
using testing::LockstepDatabase;
using testing::StatusIs;

class FleetTest : public ::testing::Test {
 protected:
  FleetTest() : pool_(testing::PoolOn(lockstep_.db())) {
    options_ = {.database = &pool_, .workers = &workers_, .clock = &clock_, .leadership = [this] {
                  return std::optional<LeaderToken>(lockstep_.leader());
                }};
    fleet_ = std::make_unique<Fleet>(options_);
  }
  ~FleetTest() override { workers_.Stop(); }

  struct Agent {
    Declaration declaration;
    std::shared_ptr<FakeLink> link;
  };
  Agent Connect(const Declaration& declaration) {
    Agent agent{declaration, std::make_shared<FakeLink>()};
    EXPECT_THAT(fleet_->Register(agent.link, declaration, false), IsOk());
    return agent;
  }
  Agent Connect(const std::string& name, Version built_for) {
    return Connect(lockstep_.Instance(name, built_for));
  }
  static bool ComesToHear(const Agent& agent, const std::string& reason) {
    return Eventually([&] { return agent.link->reason() == reason; });
  }
  void Disconnect(const Agent& agent, bool goodbye = false) {
    fleet_->Disconnect(agent.declaration.session_id, agent.link.get(), goodbye);
  }
  void Refresh() {
    auto connection = pool_.Take();
    ASSERT_THAT(connection, IsOk());
    GateView view;
    view.chain = *ReadChain(**connection);
    view.operation = *ReadActiveOperation(**connection);
    fleet_->Refresh(view);
  }
  // The state of its row, "" without one.
  std::string StateOf(const Agent& agent) {
    return lockstep_.db().Scalar(
        "SELECT coalesce((SELECT state FROM lockstep.session WHERE "
        "session_id = $1), '')",
        {postgres::Param(agent.declaration.session_id)});
  }
  // Waits until the workers have done what was queued.
  void Settle() {
    for (int i = 0; i < kThreads; ++i) {
      std::promise<void> done;
      while (!workers_.Submit([&] { done.set_value(); })) {
      }
      done.get_future().wait();
    }
  }

  // Disconnects it and lets time pass; it comes back in the end.
  void ExpectSuspectAfterSilence(const Agent& agent) {
    ASSERT_TRUE(ComesToHear(agent, "ready"));
    Settle();
    Disconnect(agent);
    clock_.Advance(options_.durations.session_ttl);
    fleet_->Sweep();
    EXPECT_EQ(StateOf(agent), "live");
    clock_.Advance(absl::Milliseconds(1));
    fleet_->Sweep();
    EXPECT_EQ(StateOf(agent), "suspect");
    clock_.Advance(absl::Hours(20));
    fleet_->Sweep();
    EXPECT_EQ(StateOf(agent), "suspect");
    // It comes back as what it was.
    const Agent back = Connect(agent.declaration);
    ASSERT_TRUE(ComesToHear(back, "ready"));
    EXPECT_EQ(StateOf(agent), "live");
  }

  Agent Reserve(const std::string& name) {
    Declaration declaration = lockstep_.Instance(name, 1);
    declaration.reserve = absl::Minutes(2);
    const Agent agent = Connect(declaration);
    EXPECT_TRUE(ComesToHear(agent, "ready"));
    Settle();
    return agent;
  }

  static constexpr int kThreads = 1;
  LockstepDatabase lockstep_;
  testing::SimClock clock_;
  Database pool_;
  base::WorkerPool workers_{{.threads = kThreads, .queue = 1024}};
  FleetOptions options_;
  std::unique_ptr<Fleet> fleet_;
};

TEST_F(FleetTest, TwoHundredInstancesAtOnceWaitAndOpenWhenTheirVersionIsApplied) {
  lockstep_.Publish({{}});
  std::vector<Agent> agents(200);
  std::vector<std::future<void>> connecting;
  for (int thread = 0; thread < 4; ++thread) {
    connecting.push_back(Async([&, thread] {
      for (int i = thread; i < 200; i += 4) agents[i] = Connect(absl::StrCat("i", i), 1);
    }));
  }
  for (auto& each : connecting) each.get();
  for (const Agent& agent : agents) ASSERT_TRUE(ComesToHear(agent, "behind"));
  lockstep_.Run(1, 1);
  Refresh();
  for (const Agent& agent : agents) ASSERT_TRUE(ComesToHear(agent, "ready"));
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.session WHERE state = 'live'"), "200");
  const auto members = fleet_->Members();
  EXPECT_EQ(
      std::count_if(members.begin(), members.end(), [](const Member& m) { return m.admitted; }),
      200);
}

TEST_F(FleetTest, AReservationCountsBeyondItsGoodbyeUntilItsTimeIsOver) {
  lockstep_.Publish({{}});
  lockstep_.Run(1, 1);
  const Agent said_goodbye = Reserve("one");
  const Agent vanished = Reserve("two");
  Disconnect(said_goodbye, true);
  Disconnect(vanished);
  clock_.Advance(absl::Hours(10));  // Not the clock that counts.
  fleet_->Sweep();
  EXPECT_EQ(StateOf(said_goodbye), "starting");
  EXPECT_EQ(StateOf(vanished), "starting");
  EXPECT_EQ(fleet_->Members().size(), 2u);

  lockstep_.db().RunScript("UPDATE lockstep.session SET reserved_until = clock_timestamp()");
  fleet_->Sweep();
  EXPECT_EQ(StateOf(said_goodbye), "expired");
  EXPECT_EQ(StateOf(vanished), "expired");
  EXPECT_EQ(fleet_->Members().size(), 0u);
}

TEST_F(FleetTest, AReservationIsForgottenOnceItsInstanceIsThere) {
  lockstep_.Publish({{}});
  lockstep_.Run(1, 1);
  const Agent reservation = Reserve("pod");
  Disconnect(reservation, true);
  const Agent instance = Connect("pod", 1);
  ASSERT_TRUE(ComesToHear(instance, "ready"));
  Settle();
  fleet_->Sweep();
  EXPECT_EQ(StateOf(reservation), "closed");
  EXPECT_EQ(StateOf(instance), "live");
  EXPECT_EQ(fleet_->Members().size(), 1u);
}

TEST_F(FleetTest, ANewLeaderGoesOnWithReservations) {
  lockstep_.Publish({{}});
  lockstep_.Run(1, 1);
  const Agent reservation = Reserve("pod");
  Fleet next(options_);
  ASSERT_THAT(next.Reload(), IsOk());
  clock_.Advance(absl::Hours(10));
  next.Sweep();
  EXPECT_EQ(StateOf(reservation), "starting");
  lockstep_.db().RunScript("UPDATE lockstep.session SET reserved_until = clock_timestamp()");
  next.Sweep();
  EXPECT_EQ(StateOf(reservation), "expired");
  EXPECT_EQ(next.Members().size(), 0u);
}

TEST_F(FleetTest, ThoseThatWaitFollowTheOperationWithoutAskingTheDatabase) {
  lockstep_.Publish({{}, {}});
  const Agent agent = Connect("i", 2);
  ASSERT_TRUE(ComesToHear(agent, "behind"));
  const GateView view{.chain = {.applied = 1, .head = 2, .revision = 99},
                      .operation = OperationRow{.operation_id = "op", .target = 2},
                      .running = RunningMigration{.version = 2, .holder = "a@b"}};
  fleet_->Refresh(view);
  EXPECT_EQ(agent.link->reason(), "applying");
  const int gates = agent.link->gates();
  fleet_->Refresh(view);  // Nothing new: nothing is sent.
  EXPECT_EQ(agent.link->gates(), gates);
}

TEST_F(FleetTest, ARefusedInstanceIsAskedForAgainWhenTheChainMoves) {
  Declaration early = lockstep_.Instance("i", 0);
  lockstep_.Publish({{}});
  early.built_for = 1;
  early.chain_hash = std::string(32, 'x');
  const Agent agent = Connect(early);
  ASSERT_TRUE(ComesToHear(agent, "diverged"));
  Refresh();
  Settle();
  const int gates = agent.link->gates();
  Refresh();  // The revision is the same.
  Settle();
  EXPECT_EQ(agent.link->gates(), gates);
}

TEST_F(FleetTest, AWaitingInstanceThatLeavesIsForgottenAfterTheGrace) {
  lockstep_.Publish({{}});
  const Agent agent = Connect("i", 1);
  ASSERT_TRUE(ComesToHear(agent, "behind"));
  Settle();
  Disconnect(agent);
  clock_.Advance(options_.durations.waiting_grace);
  fleet_->Sweep();
  EXPECT_EQ(StateOf(agent), "waiting");
  clock_.Advance(absl::Milliseconds(1));
  fleet_->Sweep();
  EXPECT_EQ(StateOf(agent), "");
  EXPECT_FALSE(fleet_->Find(agent.declaration.session_id).has_value());
}

TEST_F(FleetTest, ASilentInstanceThatKeepsServingGrowsSuspectAndGoesOnCounting) {
  ExpectSuspectAfterSilence(Connect(lockstep_.Instance("keep", 0)));
}

TEST_F(FleetTest, AConnectedInstanceIsNeverMoved) {
  const Agent agent = Connect("i", 0);
  ASSERT_TRUE(ComesToHear(agent, "ready"));
  clock_.Advance(absl::Hours(100));
  fleet_->Sweep();
  EXPECT_EQ(StateOf(agent), "live");
}

TEST_F(FleetTest, AGoodbyeClosesTheSessionAtOnce) {
  const Agent agent = Connect("i", 0);
  ASSERT_TRUE(ComesToHear(agent, "ready"));
  Settle();
  Disconnect(agent, true);
  fleet_->Sweep();
  EXPECT_EQ(StateOf(agent), "closed");
  EXPECT_TRUE(fleet_->Members().empty());
}

TEST_F(FleetTest, TheEndOfAnOldStreamDoesNotEndTheNewOne) {
  const Agent old = Connect("i", 0);
  ASSERT_TRUE(ComesToHear(old, "ready"));
  const Agent again = Connect(old.declaration);
  Disconnect(old, true);
  EXPECT_TRUE(fleet_->Find(old.declaration.session_id)->connected);
  EXPECT_TRUE(ComesToHear(again, "ready"));
}

TEST_F(FleetTest, AReconnectKeepsWhatWasAdmitted) {
  lockstep_.Publish({{}, {.phase = "contract"}});
  lockstep_.Run(1, 1);
  const Agent agent = Connect("i", 1);
  ASSERT_TRUE(ComesToHear(agent, "ready"));
  lockstep_.db().Query("UPDATE lockstep.chain SET barrier = 2");
  Disconnect(agent);
  const Agent again = Connect(agent.declaration);
  EXPECT_TRUE(ComesToHear(again, "ready"));
  const Agent stranger = Connect("new", 1);
  EXPECT_TRUE(ComesToHear(stranger, "draining"));
}

// A sweep has decided to end it, and before that reaches the database it is back and its gate
// opens: the late move must not take an instance out of the count that serves.
TEST_F(FleetTest, AnInstanceThatComesBackDuringASweepCounts) {
  lockstep_.Publish({{}});
  const Agent agent = Connect("i", 1);
  ASSERT_TRUE(ComesToHear(agent, "behind"));
  Settle();
  fleet_->Sweep();  // What is looked at now and then only is not due in the next one.
  Disconnect(agent);
  lockstep_.Run(1, 1);
  clock_.Advance(options_.durations.waiting_grace * 2);
  const auto blocker = lockstep_.Session();
  ASSERT_THAT(blocker->Execute("BEGIN"), IsOk());
  ASSERT_THAT(blocker->Execute("SELECT 1 FROM lockstep.leader FOR UPDATE"), IsOk());
  auto sweep = Async([&] { fleet_->Sweep(); });
  ASSERT_TRUE(testing::PoolComesToWait(lockstep_.db()));
  const Agent back = Connect(agent.declaration);
  Settle();
  ASSERT_THAT(blocker->Execute("COMMIT"), IsOk());
  sweep.get();
  ASSERT_TRUE(ComesToHear(back, "ready"));
  Settle();
  EXPECT_EQ(StateOf(agent), "live");
}

// The other way round: it left while its admission was under way.
TEST_F(FleetTest, AnInstanceThatLeavesDuringItsAdmissionLeavesNoLiveSession) {
  const auto blocker = lockstep_.Session();
  ASSERT_THAT(blocker->Execute("BEGIN"), IsOk());
  ASSERT_THAT(blocker->Execute("LOCK TABLE lockstep.gate_lock IN EXCLUSIVE MODE"), IsOk());
  const Agent agent = Connect("i", 0);
  ASSERT_TRUE(testing::PoolComesToWait(lockstep_.db()));
  Disconnect(agent, true);
  fleet_->Sweep();
  ASSERT_THAT(blocker->Execute("COMMIT"), IsOk());
  Settle();
  fleet_->Sweep();
  EXPECT_EQ(StateOf(agent), "closed");
  EXPECT_TRUE(fleet_->Members().empty());
}

TEST_F(FleetTest, OneSessionTooManyIsRefused) {
  options_.max_sessions = 2;
  fleet_ = std::make_unique<Fleet>(options_);
  const Agent one = Connect("one", 0);
  const Agent two = Connect("two", 0);
  EXPECT_THAT(fleet_->Register(std::make_shared<FakeLink>(), lockstep_.Instance("three", 0), false),
              StatusIs(absl::StatusCode::kResourceExhausted, "TOO_MANY_SESSIONS"));
  EXPECT_THAT(fleet_->Register(std::make_shared<FakeLink>(), one.declaration, false), IsOk());
  Settle();
}

// Also of those that were admitted before: they wait for a verdict on their new stream.
TEST_F(FleetTest, AFullQueueDelaysAVerdictAndLosesNone) {
  base::WorkerPool narrow({.threads = 1, .queue = 1});
  options_.workers = &narrow;
  fleet_ = std::make_unique<Fleet>(options_);
  const Agent before = Connect("before", 0);
  ASSERT_TRUE(ComesToHear(before, "ready"));
  const auto blocker = lockstep_.Session();
  ASSERT_THAT(blocker->Execute("BEGIN"), IsOk());
  ASSERT_THAT(blocker->Execute("LOCK TABLE lockstep.gate_lock IN EXCLUSIVE MODE"), IsOk());
  std::vector<Agent> agents;
  for (int i = 0; i < 5; ++i) agents.push_back(Connect(absl::StrCat("i", i), 0));
  agents.push_back(Connect(before.declaration));
  ASSERT_THAT(blocker->Execute("COMMIT"), IsOk());
  EXPECT_TRUE(Eventually([&] {
    Refresh();
    return std::all_of(agents.begin(), agents.end(),
                       [](const Agent& agent) { return agent.link->reason() == "ready"; });
  }));
  narrow.Stop();
}

TEST_F(FleetTest, ASecondSessionOfOneInstanceAndNonceIsToldToStartOver) {
  const Agent agent = Connect("i", 0);
  ASSERT_TRUE(ComesToHear(agent, "ready"));
  Declaration twin = agent.declaration;
  twin.session_id = base::NewUuid();
  const Agent other = Connect(twin);
  ASSERT_TRUE(Eventually([&] { return other.link->closed().has_value(); }));
  EXPECT_THAT(*other.link->closed(), StatusIs(absl::StatusCode::kInvalidArgument, "INVALID_FIELD"));
}

TEST_F(FleetTest, ANewLeaderKnowsTheSessionsAndGivesThemAFullTtl) {
  const Agent agent = Connect("i", 0);
  ASSERT_TRUE(ComesToHear(agent, "ready"));
  Settle();
  fleet_->DisconnectAll(absl::UnavailableError("deposed"));
  EXPECT_TRUE(agent.link->closed().has_value());
  EXPECT_TRUE(fleet_->Members().empty());
  ASSERT_THAT(fleet_->Reload(), IsOk());
  const auto member = fleet_->Find(agent.declaration.session_id);
  ASSERT_TRUE(member.has_value());
  EXPECT_TRUE(member->admitted);
  EXPECT_FALSE(member->connected);
  clock_.Advance(options_.durations.session_ttl);
  fleet_->Sweep();
  EXPECT_EQ(StateOf(agent), "live");
}

TEST_F(FleetTest, WithoutLeadershipASweepMovesNobody) {
  const Agent agent = Connect("i", 0);
  ASSERT_TRUE(ComesToHear(agent, "ready"));
  options_.leadership = [] { return std::optional<LeaderToken>(); };
  fleet_ = std::make_unique<Fleet>(options_);
  ASSERT_THAT(fleet_->Reload(), IsOk());
  clock_.Advance(absl::Hours(100));
  fleet_->Sweep();
  EXPECT_EQ(StateOf(agent), "live");
}

TEST_F(FleetTest, OffersReachConnectedSessionsOnly) {
  const Agent agent = Connect("i", 0);
  EXPECT_TRUE(fleet_->Offer(agent.declaration.session_id, {.first = 1, .last = 2}));
  EXPECT_EQ(agent.link->TakeOffer()->last, 2);
  EXPECT_FALSE(fleet_->Offer(base::NewUuid(), {}));
  Disconnect(agent);
  EXPECT_FALSE(fleet_->Offer(agent.declaration.session_id, {}));
  Settle();
}

}  // namespace
}  // namespace lockstep::coordinator
