// The part that all verbs share: at the gate until it opens, or until there is something to exit
// with.
#ifndef LOCKSTEP_AGENT_PROCESS_GATE_WAIT_H_
#define LOCKSTEP_AGENT_PROCESS_GATE_WAIT_H_

#include <functional>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lockstep/agent.h"

#include "agent/process/supervisor.h"

namespace lockstep::process {

// Agent::Start, or what a test has instead.
using AgentFactory = std::function<absl::StatusOr<std::unique_ptr<Agent>>(const AgentOptions&)>;

// Tells an error of ours in the log and returns `code`, what to exit with.
int Fail(absl::string_view what, const absl::Status& status, int code);

// Told, from a thread of the agent, what the gate is: now, and at each change of the verdict.
using GateObserver = std::function<void(bool open)>;

// Logs the verdicts of `agent` from now on, one line for each that has another reason, and tells
// `observer`. Replaces the agent's observer.
void ObserveGate(Agent& agent, GateObserver observer);

// Observes the gate until it opens: nothing. What to exit with when it refuses, when `timeout` is
// over, and on SIGTERM, SIGINT, SIGQUIT and SIGHUP (the agent is stopped then). Blocks; main thread
// only.
std::optional<int> WaitAtGate(
    Agent& agent, Supervisor& supervisor, absl::Duration timeout,
    GateObserver observer = [](bool) {});

}  // namespace lockstep::process

#endif  // LOCKSTEP_AGENT_PROCESS_GATE_WAIT_H_
