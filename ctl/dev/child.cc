#include "ctl/dev/child.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "ctl/dev/error.h"

namespace lockstep::ctl::dev {
namespace {

constexpr int kKeptFd = 3;
constexpr int kExecFailed = 127;

std::vector<std::string> Environment() {
  std::vector<std::string> kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!absl::StartsWith(*entry, "LOCKSTEP_") && !absl::StartsWith(*entry, "PG")) {
      kept.emplace_back(*entry);
    }
  }
  return kept;
}

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// All that the child needs between fork and exec: there it has one thread, perhaps locks that
// nobody will release, and so it allocates nothing.
struct Launch {
  const ChildOptions* options = nullptr;
  std::vector<char*> argv;
  std::vector<char*> environment;
  std::vector<gid_t> groups;
  int log = -1;
  int null = -1;
  int report = -1;
  pid_t parent = 0;
};

bool TakeFiles(const Launch& launch) {
  if (dup2(launch.null, STDIN_FILENO) < 0 || dup2(launch.log, STDOUT_FILENO) < 0 ||
      dup2(launch.log, STDERR_FILENO) < 0) {
    return false;
  }
  int next = kKeptFd;
  if (launch.options->keep >= 0) {
    if (dup2(launch.options->keep, kKeptFd) < 0) return false;
    if (launch.options->keep == kKeptFd) fcntl(kKeptFd, F_SETFD, 0);
    ++next;
  }
  syscall(SYS_close_range, next, ~0U, CLOSE_RANGE_CLOEXEC);
  return true;
}

bool DropRights(const Launch& launch) {
  const auto& user = launch.options->user;
  return !user.has_value() || (setgroups(launch.groups.size(), launch.groups.data()) == 0 &&
                               setgid(user->gid) == 0 && setuid(user->uid) == 0);
}

[[noreturn]] void BecomeProgram(const Launch& launch) {
  // A session of its own: Ctrl-C is for us, who then end them in order.
  setsid();
  // A change of user clears the death signal, so it comes after.
  if (TakeFiles(launch) && DropRights(launch) &&
      prctl(PR_SET_PDEATHSIG, launch.options->death_signal) == 0 && chdir("/") == 0) {
    if (getppid() != launch.parent) _exit(kExecFailed);  // Died before the line above.
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    for (int signal = 1; signal < 32; ++signal) {
      if (signal != SIGKILL && signal != SIGSTOP) ::signal(signal, SIG_DFL);
    }
    execve(launch.argv[0], launch.argv.data(), launch.environment.data());
  }
  const int error = errno;
  (void)!write(launch.report, &error, sizeof(error));
  _exit(kExecFailed);
}

// Waits until exec closes the pipe, or the child has said why not. Returns an errno.
int ReadReport(int report) {
  int error = 0;
  ssize_t n = 0;
  do {
    n = read(report, &error, sizeof(error));
  } while (n < 0 && errno == EINTR);
  return n == 0 ? 0 : error;
}

std::vector<gid_t> GroupsOf(const std::optional<ServerUser>& user) {
  std::vector<gid_t> groups(user.has_value() ? 64 : 0);
  if (!user.has_value()) return groups;
  int count = static_cast<int>(groups.size());
  if (getgrouplist(user->name.c_str(), user->gid, groups.data(), &count) < 0) count = 0;
  groups.resize(static_cast<size_t>(count));
  return groups;
}

}  // namespace

absl::StatusOr<std::optional<ServerUser>> FindServerUser() {
  if (geteuid() != 0) return std::optional<ServerUser>();
  const passwd* const entry = getpwnam("postgres");
  if (entry == nullptr) {
    return StateError("PostgreSQL refuses to run as root, and there is no user postgres", "",
                      "run `lockstep dev` as another user than root");
  }
  return std::optional<ServerUser>(
      ServerUser{.name = "postgres", .uid = entry->pw_uid, .gid = entry->pw_gid});
}

bool IsReadable(int fd) {
  pollfd wait = {.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&wait, 1, 0) > 0;
}

absl::StatusOr<std::unique_ptr<Child>> Child::Start(const ChildOptions& options) {
  const std::vector<std::string> environment = Environment();
  const int log = open(options.log.c_str(),
                       O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (log < 0) return StateErrno("write", options.log);
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  int report[2] = {-1, -1};
  if (pipe2(report, O_CLOEXEC) != 0) {
    const absl::Status failed = StateErrno("make a pipe for", options.name);
    close(log);
    close(null);
    return failed;
  }
  const Launch launch = {.options = &options,
                         .argv = Pointers(options.argv),
                         .environment = Pointers(environment),
                         .groups = GroupsOf(options.user),
                         .log = log,
                         .null = null,
                         .report = report[1],
                         .parent = getpid()};
  // Not fork(): that runs the handlers of libraries, which take locks.
  const pid_t pid = _Fork();
  if (pid == 0) BecomeProgram(launch);
  const int fork_error = errno;
  for (const int fd : {log, null, report[1]}) close(fd);
  const int error = pid < 0 ? fork_error : ReadReport(report[0]);
  close(report[0]);
  if (error != 0) {
    if (pid > 0) waitpid(pid, nullptr, 0);
    return ProcessError(absl::StrCat("cannot start ", options.argv[0], ": ", strerror(error)),
                        options.name, options.log);
  }
  const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  return std::unique_ptr<Child>(new Child(options.name, options.log, pid, fd));
}

Child::~Child() {
  Stop(SIGKILL, absl::InfiniteDuration());
  if (fd_ >= 0) close(fd_);
}

bool Child::Wait(absl::Duration timeout, int cancel) {
  if (ended_) return true;
  const int64_t milliseconds = std::max<int64_t>(0, absl::ToInt64Milliseconds(timeout));
  pollfd waits[] = {{.fd = fd_, .events = POLLIN, .revents = 0},
                    {.fd = cancel, .events = POLLIN, .revents = 0}};
  if (timeout > absl::ZeroDuration()) {
    const bool for_ever = timeout == absl::InfiniteDuration();
    poll(waits, 2, for_ever ? -1 : static_cast<int>(std::min<int64_t>(milliseconds, INT_MAX)));
  }
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return false;
  ended_ = true;
  exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return true;
}

void Child::Stop(int signal, absl::Duration patience) {
  if (!running()) return;
  kill(pid_, signal);
  absl::Time end = absl::Now() + patience;
  while (!Wait(end - absl::Now())) {
    if (absl::Now() < end) continue;
    kill(pid_, SIGKILL);
    end = absl::InfiniteFuture();
  }
}

absl::Status Child::Failure(const std::string& what, const std::string& hint) const {
  return ProcessError(absl::StrCat(name_, " ", what), name_, log_, hint);
}

}  // namespace lockstep::ctl::dev
