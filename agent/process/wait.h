// `lockstep-agent wait`: waits at the gate for a service that somebody else starts, as an init
// container does before its pod's containers.
//
// Not guaranteed: anything once it has ended. The service needs a session of its own (the library,
// `run`, or `sidecar`) to count while it runs. With --reserve its place is kept until that session
// is there, for a limited time; without, the answer was true when it was given.
#ifndef LOCKSTEP_AGENT_PROCESS_WAIT_H_
#define LOCKSTEP_AGENT_PROCESS_WAIT_H_

#include "agent/process/flags.h"
#include "agent/process/gate_wait.h"
#include "agent/process/supervisor.h"

namespace lockstep::process {

// Returns what to exit with (see flags.h): 0 once the gate is open. Blocks; main thread only.
int Wait(const Flags& flags, Supervisor& supervisor, const AgentFactory& start_agent);

}  // namespace lockstep::process

#endif  // LOCKSTEP_AGENT_PROCESS_WAIT_H_
