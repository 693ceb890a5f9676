#include "agent/process/launch.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace lockstep::process {
namespace {

absl::Status ExecError(const std::string& program, int error) {
  const std::string message = absl::StrCat("cannot execute ", program, ": ", strerror(error));
  return error == ENOENT ? absl::NotFoundError(message) : absl::PermissionDeniedError(message);
}

bool IsFile(const std::string& path) {
  struct stat info = {};
  return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// Marks all files from `first` to `last` to be closed by exec.
void CloseOnExec(unsigned first, unsigned last) {
  if (first <= last) syscall(SYS_close_range, first, last, CLOSE_RANGE_CLOEXEC);
}

// Other libraries' files are not ours to hand on: a socket of gRPC kept open by the child would
// keep the connection up after our death.
void CloseOnExecBut(const std::vector<int>& kept) {
  unsigned next = 3;
  for (const int fd : kept) {
    if (fd < 3) continue;
    CloseOnExec(next, static_cast<unsigned>(fd) - 1);
    next = static_cast<unsigned>(fd) + 1;
  }
  CloseOnExec(next, ~0u);
}

// Runs in the child, which has one thread and perhaps locks that nobody will release:
// async-signal-safe calls only.
[[noreturn]] void BecomeProgram(const LaunchOptions& options, char* const* arguments,
                                char* const* environment, pid_t parent, int report) {
  CloseOnExecBut(options.files);
  bool ready = sigaction(SIGPIPE, &options.pipe_action, nullptr) == 0;
  if (options.die_with_us) {
    ready = ready && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
    // We may have died before the line above.
    if (getppid() != parent) _exit(kill(getpid(), SIGKILL));
  }
  ready = ready && sigprocmask(SIG_SETMASK, &options.mask, nullptr) == 0;
  if (ready) execve(options.program.c_str(), arguments, environment);
  const int error = errno;
  (void)!write(report, &error, sizeof(error));
  _exit(127);
}

// Waits until exec closes the pipe, or the child has said why not.
int ReadReport(int report) {
  int error = 0;
  ssize_t n = 0;
  do {
    n = read(report, &error, sizeof(error));
  } while (n < 0 && errno == EINTR);
  return n == 0 ? 0 : error;
}

}  // namespace

absl::StatusOr<std::string> FindProgram(const std::string& name, absl::string_view path) {
  if (absl::StrContains(name, "/")) return name;
  int error = ENOENT;
  for (absl::string_view directory : absl::StrSplit(path, ':')) {
    const std::string candidate = absl::StrCat(directory.empty() ? "." : directory, "/", name);
    if (name.empty() || !IsFile(candidate)) continue;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
    error = EACCES;
  }
  return ExecError(name, error);
}

std::vector<std::string> EnvironmentWithout(const std::vector<std::string>& hidden) {
  std::vector<std::string> kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const bool hide = std::any_of(hidden.begin(), hidden.end(), [&](const std::string& prefix) {
      return absl::StartsWith(*entry, prefix);
    });
    if (!hide) kept.emplace_back(*entry);
  }
  return kept;
}

std::vector<int> InheritableFiles() {
  std::vector<int> files;
  DIR* const directory = opendir("/proc/self/fd");
  if (directory == nullptr) return files;
  while (const dirent* entry = readdir(directory)) {
    int fd = -1;
    if (!absl::SimpleAtoi(entry->d_name, &fd) || fd == dirfd(directory)) continue;
    if ((fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0) files.push_back(fd);
  }
  closedir(directory);
  std::sort(files.begin(), files.end());
  return files;
}

absl::StatusOr<pid_t> Launch(const LaunchOptions& options) {
  const std::vector<char*> arguments = Pointers(options.arguments);
  const std::vector<char*> environment = Pointers(options.environment);
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) {
    return absl::InternalError(absl::StrCat("cannot make a pipe: ", strerror(errno)));
  }
  const pid_t parent = getpid();
  // Not fork(): that runs the handlers of libraries, which take locks.
  const pid_t child = _Fork();
  if (child == 0) {
    BecomeProgram(options, arguments.data(), environment.data(), parent, report[1]);
  }
  const int fork_error = errno;
  close(report[1]);
  const int error = child < 0 ? 0 : ReadReport(report[0]);
  close(report[0]);
  if (child < 0) return absl::InternalError(absl::StrCat("cannot fork: ", strerror(fork_error)));
  if (error == 0) return child;
  waitpid(child, nullptr, 0);
  return ExecError(options.program, error);
}

}  // namespace lockstep::process
