// `lockstep-agent run`: gate, child, drain, goodbye.
//
//   gate closed ──open──> child starting ──ready──> serving ──SIGTERM──> draining ──child ends──>
//   exit
//
// A `stop` service that loses its session (Agent::OnSessionLoss) is stopped: SIGTERM, then SIGKILL.
//
// One event loop on the main thread owns the flow; other threads only wake it.
#ifndef LOCKSTEP_AGENT_PROCESS_RUN_H_
#define LOCKSTEP_AGENT_PROCESS_RUN_H_

#include "absl/status/statusor.h"

#include "agent/process/flags.h"
#include "agent/process/gate_wait.h"
#include "agent/process/supervisor.h"

namespace lockstep::process {

// Whether the child must not outlive us: the service file says `on_session_loss: stop`. Fails as
// chain::LoadServiceFile does.
absl::StatusOr<bool> DiesWithUs(const Flags& flags);

// Runs to the end and returns what to exit with (see flags.h). Blocks; main thread only.
int Run(const Flags& flags, Supervisor& supervisor, const AgentFactory& start_agent);

}  // namespace lockstep::process

#endif  // LOCKSTEP_AGENT_PROCESS_RUN_H_
