// `lockstep-agent sidecar`: the agent beside a container that it did not start. Answers probes and
// holds the session.
//
//   gate closed ──open──> starting <──ready URL──> serving ──SIGTERM──> draining ──service gone──>
//   exit
//
// Not guaranteed: that the service heeds the gate. It has to ask /gate before it serves.
#ifndef LOCKSTEP_AGENT_PROCESS_SIDECAR_H_
#define LOCKSTEP_AGENT_PROCESS_SIDECAR_H_

#include "agent/process/flags.h"
#include "agent/process/gate_wait.h"
#include "agent/process/supervisor.h"

namespace lockstep::process {

// Runs until SIGTERM, SIGINT or SIGQUIT, then drains: the session goes on to count until the ready
// URL is answered by nobody any more, at most flags.drain_timeout; without a ready URL that long. A
// second signal ends it at once. A gate that refuses ends nothing: /gate says so.
//
// Returns 0, or 125 when the agent cannot start. Blocks; main thread only.
int Sidecar(const Flags& flags, Supervisor& supervisor, const AgentFactory& start_agent);

}  // namespace lockstep::process

#endif  // LOCKSTEP_AGENT_PROCESS_SIDECAR_H_
