// From a command line to a running process: the part between fork and exec, where a process with
// threads may call next to nothing.
#ifndef LOCKSTEP_AGENT_PROCESS_LAUNCH_H_
#define LOCKSTEP_AGENT_PROCESS_LAUNCH_H_

#include <csignal>
#include <string>
#include <sys/types.h>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lockstep::process {

// Finds `name` as execvp(3) does. NOT_FOUND; PERMISSION_DENIED when it is there but no program.
absl::StatusOr<std::string> FindProgram(const std::string& name, absl::string_view path);

// The environment without the variables whose names begin with one of `hidden`.
std::vector<std::string> EnvironmentWithout(const std::vector<std::string>& hidden);

// The open files that an exec would keep, in order.
std::vector<int> InheritableFiles();

struct LaunchOptions {
  std::string program;
  std::vector<std::string> arguments;  // With the program's name as the first.
  std::vector<std::string> environment;
  std::vector<int> files;  // What to keep open, in order; all else is closed.
  sigset_t mask;
  struct sigaction pipe_action;
  bool die_with_us = false;
};

// Starts it and returns its process id once it is the program. NOT_FOUND, PERMISSION_DENIED,
// INTERNAL. Safe in a process with threads.
absl::StatusOr<pid_t> Launch(const LaunchOptions& options);

}  // namespace lockstep::process

#endif  // LOCKSTEP_AGENT_PROCESS_LAUNCH_H_
