#include "agent/process/run.h"

#include <atomic>
#include <csignal>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "lockstep/agent.h"

#include "agent/process/probes.h"
#include "agent/process/ready_poller.h"
#include "engine/base/log.h"
#include "engine/base/status_macros.h"
#include "engine/chain/service_file.h"

namespace lockstep::process {
namespace {

// How long a `stop` service that lost its session has after SIGTERM: what is left between the stop
// time and the session TTL is twice this.
constexpr absl::Duration kStopGrace = absl::Seconds(5);

// SIGHUP is not among them: services read their configuration again on it.
bool Drains(int signal) { return signal == SIGTERM || signal == SIGINT || signal == SIGQUIT; }

class Program {
 public:
  Program(const Flags& flags, bool die_with_us, Supervisor& supervisor, Agent& agent)
      : flags_(flags), die_with_us_(die_with_us), supervisor_(supervisor), agent_(agent) {}

  int Run() {
    // Before the gate: who waits is asked, too.
    if (const absl::Status status = servers_.Start(flags_, agent_, progress_, schema_);
        !status.ok()) {
      return Fail("probes failed", status, kExitAgentFailure);
    }
    std::optional<int> code = WaitAtGate(agent_, supervisor_, flags_.gate_timeout,
                                         [this](bool) { servers_.GateChanged(); });
    if (!code.has_value()) code = Supervise();
    progress_.Advance(Phase::kEnded);
    poller_.reset();
    agent_.Stop(absl::StrCat("exit code ", *code));
    return *code;
  }

 private:
  int Supervise() {
    const absl::Status started = supervisor_.Start(
        {.command = flags_.command,
         .hidden_variables = {std::begin(kSecretVariables), std::end(kSecretVariables)},
         .variables = ForTheService(),
         .default_variables = {{"PGAPPNAME", agent_.application_name()}},
         .die_with_us = die_with_us_});
    if (!started.ok()) {
      return Fail("cannot start", started,
                  absl::IsNotFound(started)           ? kExitNotFound
                  : absl::IsPermissionDenied(started) ? kExitCannotExec
                                                      : kExitAgentFailure);
    }
    base::LogInfo("child started", {{"pid", absl::StrCat(supervisor_.child())}});
    progress_.Advance(Phase::kStarting);
    AwaitReady();
    agent_.OnSessionLoss([this] {
      session_lost_ = true;
      supervisor_.Wake();
    });
    agent_.OnSchemaChange([this](const SchemaChange& change) {
      schema_.Note(change);
      schema_changed_ = true;
      supervisor_.Wake();
    });
    for (;;) {
      const Event event = supervisor_.Next(kill_at_ - absl::Now());
      if (event.kind == Event::kChildEnded) break;
      if (event.kind == Event::kTimeout) Kill();
      if (session_lost_.exchange(false)) StopChild();
      if (schema_changed_.exchange(false)) TellChild();
      if (event.kind != Event::kSignal) continue;
      if (Drains(event.signal)) Drain(event.signal);
      supervisor_.Forward(event);
    }
    base::LogInfo("child ended", {{"exit", absl::StrCat(supervisor_.exit_code())}});
    return supervisor_.exit_code();
  }

  // PGAPPNAME is what libpq takes the name from; other drivers have to be told.
  std::map<std::string, std::string> ForTheService() const {
    return {{"LOCKSTEP_APPLICATION_NAME", agent_.application_name()},
            {"LOCKSTEP_SESSION", agent_.session_id()}};
  }

  void AwaitReady() {
    const auto serve = [this](bool) {
      if (progress_.Advance(Phase::kServing)) agent_.SetServing(true);
    };
    if (flags_.ready_url.empty()) return serve(true);
    poller_ = std::make_unique<ReadyPoller>(ReadyPollerOptions{.url = flags_.ready_url}, serve);
  }

  // The child may take its time to end; its session counts until then.
  void Drain(int signal) {
    if (!progress_.Advance(Phase::kDraining)) return;
    base::LogInfo("draining", {{"signal", strsignal(signal)}});
    agent_.Drain();
  }

  // Nobody need believe any more that a `stop` service lives: it ends now, politely for a moment.
  void StopChild() {
    base::LogError("session lost: the service stops itself",
                   {{"pid", absl::StrCat(supervisor_.child())}});
    kill_at_ = absl::Now() + kStopGrace;
    Drain(SIGTERM);
    supervisor_.Forward({.kind = Event::kSignal, .signal = SIGTERM});
  }
  void TellChild() {
    if (flags_.schema_signal == 0) return;
    base::LogInfo("schema changed: signal sent", {{"signal", strsignal(flags_.schema_signal)}});
    supervisor_.Forward({.kind = Event::kSignal, .signal = flags_.schema_signal});
  }
  void Kill() {
    kill_at_ = absl::InfiniteFuture();
    base::LogError("the service did not stop", {{"pid", absl::StrCat(supervisor_.child())}});
    supervisor_.Forward({.kind = Event::kSignal, .signal = SIGKILL});
  }

  const Flags& flags_;
  const bool die_with_us_;
  Supervisor& supervisor_;
  Agent& agent_;
  Progress progress_;
  SchemaNews schema_;
  std::atomic<bool> session_lost_{false};
  std::atomic<bool> schema_changed_{false};
  absl::Time kill_at_ = absl::InfiniteFuture();
  ProbeServers servers_;
  std::unique_ptr<ReadyPoller> poller_;
};

}  // namespace

// A `stop` service must not serve unsupervised: what its agent cannot tell the coordinator any
// more, the coordinator concludes from silence.
absl::StatusOr<bool> DiesWithUs(const Flags& flags) {
  if (flags.agent.service_file.empty()) return false;
  ASSIGN_OR_RETURN(const chain::ServiceFile file, chain::LoadServiceFile(flags.agent.service_file));
  return file.on_session_loss == chain::OnSessionLoss::kStop;
}

int Run(const Flags& flags, Supervisor& supervisor, const AgentFactory& start_agent) {
  const absl::StatusOr<bool> die_with_us = DiesWithUs(flags);
  if (!die_with_us.ok()) {
    return Fail("bad service file", die_with_us.status(), kExitAgentFailure);
  }
  const auto agent = start_agent(flags.agent);
  if (!agent.ok()) return Fail("agent failed", agent.status(), kExitAgentFailure);
  return Program(flags, *die_with_us, supervisor, **agent).Run();
}

}  // namespace lockstep::process
