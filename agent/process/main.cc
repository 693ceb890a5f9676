// lockstep-agent: the agent as a process, for services that do not link the library.
#include <cstdio>

#include "lockstep/agent.h"

#include "agent/process/flags.h"
#include "agent/process/run.h"
#include "agent/process/sidecar.h"
#include "agent/process/supervisor.h"
#include "agent/process/wait.h"
#include "engine/base/log.h"

int main(int argc, char** argv) {
  using namespace lockstep;  // NOLINT(build/namespaces)
  // First, because threads inherit which signals are blocked.
  process::Supervisor supervisor;
  const process::ParsedFlags parsed = process::ParseFlags(argc, argv);
  if (parsed.exit_code.has_value()) {
    std::fputs(parsed.text.c_str(), *parsed.exit_code == 0 ? stdout : stderr);
    return *parsed.exit_code;
  }
  process::WipeSecrets(argc, argv);
  base::InitLogging(parsed.flags.log);
  switch (parsed.flags.verb) {
    case process::Verb::kRun:
      return process::Run(parsed.flags, supervisor, Agent::Start);
    case process::Verb::kWait:
      return process::Wait(parsed.flags, supervisor, Agent::Start);
    case process::Verb::kSidecar:
      return process::Sidecar(parsed.flags, supervisor, Agent::Start);
  }
}
