// The command line of lockstep-agent, and its twin in the environment.
#ifndef LOCKSTEP_AGENT_PROCESS_FLAGS_H_
#define LOCKSTEP_AGENT_PROCESS_FLAGS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "lockstep/agent.h"

#include "agent/health/address.h"
#include "engine/base/log.h"

namespace lockstep::process {

// What the program itself ends with; api of every supervisor, as of env(1) and timeout(1).
inline constexpr int kExitGateRefused = 123;
inline constexpr int kExitGateTimeout = 124;
inline constexpr int kExitAgentFailure = 125;  // Usage errors, too: 2 could be the child's.
inline constexpr int kExitCannotExec = 126;
inline constexpr int kExitNotFound = 127;
inline constexpr int kExitSignalBase = 128;

// What never goes on to the child from the environment: all variables that begin with one of these.
inline constexpr const char* kSecretVariables[] = {"LOCKSTEP_AGENT_MIGRATE_DATABASE",
                                                   "LOCKSTEP_AGENT_DATABASE"};

enum class Verb { kRun, kWait, kSidecar };

struct Flags {
  Verb verb = Verb::kRun;
  AgentOptions agent;
  absl::Duration gate_timeout = absl::Minutes(10);  // Infinite for --gate-timeout 0.
  std::optional<health::Address> http;              // Absent: no HTTP.
  std::optional<health::Address> grpc_health;       // Absent: no grpc.health.v1.
  std::string ready_url;
  int schema_signal = 0;  // Of run: what COMMAND is sent when the schema has changed; 0: nothing.
  std::optional<absl::Duration> reserve;             // Of wait.
  absl::Duration drain_timeout = absl::Seconds(25);  // Of sidecar; infinite for 0.
  base::LogOptions log;
  std::vector<std::string> command;  // Of run: what follows "--"; never empty.
};

struct ParsedFlags {
  Flags flags;
  // Where there is nothing to run (--help, --version, a usage error): the text to print, to
  // standard error when `exit_code` is not 0.
  std::optional<int> exit_code;
  std::string text;
};

// Reads arguments and environment. Reads the files of --migrate-database-file and --database-file,
// too.
ParsedFlags ParseFlags(int argc, const char* const* argv);

// Overwrites, in place, the connection strings in `argv` and in the environment, where other users
// (ps) and the child (/proc/PID/environ) could read it. Call after ParseFlags, before any thread.
void WipeSecrets(int argc, char** argv);

}  // namespace lockstep::process

#endif  // LOCKSTEP_AGENT_PROCESS_FLAGS_H_
