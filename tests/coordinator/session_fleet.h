// A fleet on a real database under a clock that a test moves, for tests of how sessions end.
#ifndef LOCKSTEP_TESTS_COORDINATOR_SESSION_FLEET_H_
#define LOCKSTEP_TESTS_COORDINATOR_SESSION_FLEET_H_

#include <future>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

#include "coordinator/fleet/fleet.h"
#include "tests/coordinator/core_fixture.h"
#include "tests/support/matchers.h"
#include "tests/support/sim_clock.h"

namespace lockstep::testing {

class SessionFleet {
 public:
  SessionFleet() : pool_(PoolOn(lockstep_.db())) {
    options_ = {.database = &pool_,
                .workers = &workers_,
                .clock = &clock_,
                .leadership = [this] { return std::optional<LeaderToken>(lockstep_.leader()); },
                .settled = [this] { return settled; }};
    fleet_ = std::make_unique<coordinator::Fleet>(options_);
  }
  ~SessionFleet() { workers_.Stop(); }

  LockstepDatabase& lockstep() { return lockstep_; }
  coordinator::Fleet& fleet() { return *fleet_; }
  coordinator::FleetOptions& options() { return options_; }
  SimClock& clock() { return clock_; }
  const coordinator::Durations& durations() const { return options_.durations; }

  struct Agent {
    Declaration declaration;
    std::shared_ptr<FakeLink> link;
  };
  Agent Hello(const Declaration& declaration) {
    Agent agent{declaration, std::make_shared<FakeLink>()};
    EXPECT_THAT(fleet_->Register(agent.link, declaration, true), IsOk());
    Work();
    return agent;
  }
  Agent Start(const std::string& name, bool stops = false) {
    Declaration declaration = lockstep_.Instance(name, 0);
    declaration.stop_on_session_loss = stops;
    return Hello(declaration);
  }
  void Lose(const Agent& agent, bool goodbye = false) {
    fleet_->Disconnect(agent.declaration.session_id, agent.link.get(), goodbye);
  }
  // Heartbeats of everybody who is connected.
  void Beat() {
    for (const coordinator::Member& m : fleet_->Members()) {
      if (m.connected) fleet_->Heartbeat(m.declaration.session_id, true);
    }
  }
  // Time passes in steps of the driver's poll, as it does for a leader.
  void Pass(absl::Duration time) {
    const absl::Duration step = options_.durations.poll;
    while (time > absl::ZeroDuration()) {
      clock_.Advance(std::min(step, time));
      time -= step;
      Beat();
      fleet_->Sweep();
    }
  }
  // The old leader is gone, and a new one with a memory of its own takes its place.
  void ChangeLeader() {
    fleet_->DisconnectAll(absl::UnavailableError("deposed"));
    lockstep_.TakeOver();
    fleet_ = std::make_unique<coordinator::Fleet>(options_);
    EXPECT_THAT(fleet_->Reload(), IsOk());
  }
  // Waits until the workers have done what was queued.
  void Work() {
    std::promise<void> done;
    while (!workers_.Submit([&] { done.set_value(); })) {
    }
    done.get_future().wait();
  }

  std::string Of(const Agent& agent, const std::string& column) {
    return lockstep_.db().Scalar(
        absl::StrCat("SELECT coalesce((SELECT ", column,
                     "::text FROM lockstep.session WHERE session_id = $1), '')"),
        {postgres::Param(agent.declaration.session_id)});
  }
  std::string StateOf(const Agent& agent) { return Of(agent, "state"); }
  std::string Events(const std::string& kind) {
    return lockstep_.Scalar(
        absl::StrCat("SELECT count(*) FROM lockstep.event WHERE kind = '", kind, "'"));
  }

  bool settled = true;

 private:
  LockstepDatabase lockstep_;
  SimClock clock_{absl::Now()};  // The wall clock is compared with the database's.
  coordinator::Database pool_;
  base::WorkerPool workers_{{.threads = 1, .queue = 1024}};
  coordinator::FleetOptions options_;
  std::unique_ptr<coordinator::Fleet> fleet_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_COORDINATOR_SESSION_FLEET_H_
