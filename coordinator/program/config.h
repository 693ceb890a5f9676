// The coordinator's configuration: flag before environment before default.
#ifndef LOCKSTEP_COORDINATOR_PROGRAM_CONFIG_H_
#define LOCKSTEP_COORDINATOR_PROGRAM_CONFIG_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "coordinator/durations.h"
#include "engine/base/log.h"

namespace lockstep::coordinator {

struct Config {
  std::string database;                   // libpq key=value string or URL.
  std::string listen = "127.0.0.1:7411";  // HOST:PORT; empty: no TCP.
  std::string socket;                     // Path of a Unix socket; empty: none.
  std::string advertise;                  // What followers send clients to; empty: `listen`.
  bool insecure_listen = false;           // Plaintext beyond loopback.
  std::string owner_role;
  std::string search_path;
  int workers = 4;  // Threads for calls; as many database connections and a few.
  Durations durations;
  base::LogOptions log;
};

// What main does with the command line: run, or print `text` and leave with `code`.
struct ParsedCommandLine {
  Config config;
  bool exit = false;
  int code = 0;
  std::string text;
};

ParsedCommandLine ParseCommandLine(int argc, const char* const* argv);

// INVALID_ARGUMENT for a missing database, durations that do not fit together, or an address beyond
// loopback without --insecure-listen.
absl::Status CheckConfig(const Config& config);

// True for localhost and the loopback ranges of IPv4 and IPv6.
bool IsLoopback(const std::string& host_port);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_PROGRAM_CONFIG_H_
