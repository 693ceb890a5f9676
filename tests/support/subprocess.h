// A real program as a child process: its output is collected while it runs, it can be signalled,
// and it never outlives the test.
//
//   auto agent = Subprocess::Start({.argv = {ProgramPath("lockstep-agent"), "run", "--", "true"}});
//   ASSERT_THAT(agent, IsOk());
//   EXPECT_TRUE((*agent)->WaitForOutput("gate open"));
//   (*agent)->Signal(SIGTERM);
//   EXPECT_EQ((*agent)->Wait(), ExitStatus{.code = 143});
//
// The kernel ends the child when the thread that started it ends (PR_SET_PDEATHSIG): start from the
// test's own thread.
#ifndef LOCKSTEP_TESTS_SUPPORT_SUBPROCESS_H_
#define LOCKSTEP_TESTS_SUPPORT_SUBPROCESS_H_

#include <csignal>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <sys/types.h>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "tests/support/eventually.h"

namespace lockstep::testing {

// How a process ended: with exit code `code`, or by `signal` when that is not 0.
struct ExitStatus {
  int code = 0;
  int signal = 0;
  bool operator==(const ExitStatus&) const = default;
};
std::ostream& operator<<(std::ostream& out, const ExitStatus& status);

struct SubprocessOptions {
  std::vector<std::string> argv;           // argv[0]: a path, or a name looked up in PATH.
  std::map<std::string, std::string> env;  // Added to the environment, or replacing in it.
  bool inherit_env = true;
  std::string standard_input;     // At most 64 KiB; empty: /dev/null.
  std::string working_directory;  // Empty: the test's own.
  std::string output_file;        // Both outputs are appended here instead of being collected.
  std::string user;               // Drop to this user's rights; only root may.
  int death_signal = SIGKILL;     // What it gets when the test dies.
};

// Thread-safe but for Start, Wait and destruction.
class Subprocess {
 public:
  // Starts the program. NOT_FOUND when there is no such program, PERMISSION_DENIED, INTERNAL.
  static absl::StatusOr<std::unique_ptr<Subprocess>> Start(const SubprocessOptions& options);
  // Kills what still runs, and waits for it.
  ~Subprocess();
  Subprocess(const Subprocess&) = delete;
  Subprocess& operator=(const Subprocess&) = delete;

  // Waits for the end; absent when it still runs after `timeout`. All that the program wrote is
  // collected then. May be called again.
  std::optional<ExitStatus> Wait(absl::Duration timeout = kPatience);
  // Sends a signal; nothing happens when the program has been waited for.
  void Signal(int signal);
  pid_t pid() const;
  // False in a forked copy of the process that started the program.
  bool is_parent() const;

  // What was written up to now.
  std::string stdout_text() const;
  std::string stderr_text() const;
  // Waits until either output contains a match of the ECMAScript `regex`. Returns false when it
  // does not within `timeout`, or when both outputs ended without.
  bool WaitForOutput(const std::string& regex, absl::Duration timeout = kPatience) const;

 private:
  class Impl;
  explicit Subprocess(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

struct CommandResult {
  std::optional<ExitStatus> exit;  // Absent: killed because it took too long.
  std::string out;
  std::string err;
};

// Runs a program to its end. A program that cannot be started ends with code 127 and says why in
// `err`.
CommandResult RunCommand(const SubprocessOptions& options, absl::Duration timeout = kPatience);

// True while a process `pid` runs; false for one that ended, whether it was waited for or not.
bool ProcessRuns(pid_t pid);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SUPPORT_SUBPROCESS_H_
