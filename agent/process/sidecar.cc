#include "agent/process/sidecar.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "agent/process/http.h"
#include "agent/process/probes.h"
#include "agent/process/ready_poller.h"
#include "engine/base/log.h"

namespace lockstep::process {
namespace {

// How often a service that drains is asked whether it is still there, and how long one answer
// takes.
constexpr absl::Duration kGonePoll = absl::Milliseconds(200);
constexpr absl::Duration kGoneTimeout = absl::Seconds(2);
// So many in a row that nobody answers mean that it is gone: one may hit a busy moment.
constexpr int kGoneAnswers = 3;

bool EndsUs(const Event& event) {
  return event.kind == Event::kSignal &&
         (event.signal == SIGTERM || event.signal == SIGINT || event.signal == SIGQUIT);
}

class Program {
 public:
  Program(const Flags& flags, Supervisor& supervisor, Agent& agent)
      : flags_(flags), supervisor_(supervisor), agent_(agent) {}

  int Run() {
    agent_.OnSchemaChange([this](const SchemaChange& change) { schema_.Note(change); });
    if (const absl::Status status = servers_.Start(flags_, agent_, progress_, schema_);
        !status.ok()) {
      return Fail("probes failed", status, kExitAgentFailure);
    }
    ObserveGate(agent_, [this](bool open) {
      servers_.GateChanged();
      if (open) supervisor_.Wake();
    });
    bool open = false;
    for (;;) {
      const Event event = supervisor_.Next(absl::InfiniteDuration());
      if (EndsUs(event)) {
        if (open) Drain(event.signal);
        break;
      }
      if (event.kind != Event::kWoken || open) continue;
      open = true;
      progress_.Advance(Phase::kStarting);
      FollowService();
    }
    progress_.Advance(Phase::kEnded);
    poller_.reset();
    agent_.Stop("the sidecar was told to end");
    return 0;
  }

 private:
  // The service may come, restart, and come again: its ready URL is asked all the time.
  void FollowService() {
    if (flags_.ready_url.empty()) return SetReady(true);
    poller_ =
        std::make_unique<ReadyPoller>(ReadyPollerOptions{.url = flags_.ready_url, .for_ever = true},
                                      [this](bool ready) { SetReady(ready); });
  }

  void SetReady(bool ready) {
    if (!progress_.SetServing(ready)) return;
    base::LogInfo(ready ? "service ready" : "service not ready", {{"url", flags_.ready_url}});
    agent_.SetServing(ready);
  }

  void Drain(int signal) {
    base::LogInfo("draining", {{"signal", strsignal(signal)}});
    progress_.Advance(Phase::kDraining);
    agent_.Drain();
    poller_.reset();
    const absl::Time deadline = absl::Now() + flags_.drain_timeout;
    int unanswered = 0;
    while (unanswered < kGoneAnswers) {
      const absl::Duration left = deadline - absl::Now();
      if (left <= absl::ZeroDuration()) {
        base::LogWarning("drain timeout: the session ends, whether the service has or not",
                         {{"after", absl::FormatDuration(flags_.drain_timeout)}});
        return;
      }
      const bool can_see = !flags_.ready_url.empty();
      if (EndsUs(supervisor_.Next(can_see ? std::min(left, kGonePoll) : left))) return;
      if (can_see) {
        unanswered = ProbeUrl(flags_.ready_url, kGoneTimeout) == 0 ? unanswered + 1 : 0;
      }
    }
    base::LogInfo("service gone", {{"url", flags_.ready_url}});
  }

  const Flags& flags_;
  Supervisor& supervisor_;
  Agent& agent_;
  Progress progress_;
  SchemaNews schema_;
  ProbeServers servers_;
  std::unique_ptr<ReadyPoller> poller_;
};

}  // namespace

int Sidecar(const Flags& flags, Supervisor& supervisor, const AgentFactory& start_agent) {
  AgentOptions options = flags.agent;
  options.can_stop = false;  // The service runs beside us.
  const auto agent = start_agent(options);
  if (!agent.ok()) return Fail("agent failed", agent.status(), kExitAgentFailure);
  return Program(flags, supervisor, **agent).Run();
}

}  // namespace lockstep::process
