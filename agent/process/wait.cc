#include "agent/process/wait.h"

#include <optional>

#include "absl/time/time.h"

#include "engine/base/log.h"

namespace lockstep::process {

int Wait(const Flags& flags, Supervisor& supervisor, const AgentFactory& start_agent) {
  AgentOptions options = flags.agent;
  // Without --reserve it holds no place either way: its session ends with the answer, even if the
  // goodbye is lost.
  options.reserve = flags.reserve.value_or(absl::ZeroDuration());
  const auto agent = start_agent(options);
  if (!agent.ok()) return Fail("agent failed", agent.status(), kExitAgentFailure);
  const std::optional<int> code = WaitAtGate(**agent, supervisor, flags.gate_timeout);
  if (!code.has_value() && flags.reserve.has_value()) {
    base::LogInfo("place reserved",
                  {{"instance", options.instance}, {"for", absl::FormatDuration(*flags.reserve)}});
  }
  (*agent)->Stop("the wait is over");
  return code.value_or(0);
}

}  // namespace lockstep::process
