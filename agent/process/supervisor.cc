#include "agent/process/supervisor.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "agent/process/launch.h"
#include "engine/base/status_macros.h"

namespace lockstep::process {
namespace {

// What a person or an orchestrator tells a service. The signals of job control (TSTP, TTIN, TTOU,
// CONT) keep their meaning for both processes, and those of faults are ours alone.
constexpr int kForwarded[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};

// A hang-up of the terminal goes to the leader of the session alone, so that one has to pass it on;
// everything else a terminal sends goes to the whole foreground group.
bool IsFromTerminal(const signalfd_siginfo& info) {
  const bool only_us = info.ssi_signo == SIGHUP && getsid(0) == getpid();
  return info.ssi_code == SI_KERNEL && !only_us;
}

std::vector<std::string> EnvironmentOf(const ChildOptions& options) {
  std::vector<std::string> environment = EnvironmentWithout(options.hidden_variables);
  for (const auto& [name, value] : options.variables) {
    const std::string prefix = name + "=";
    environment.erase(
        std::remove_if(environment.begin(), environment.end(),
                       [&](const std::string& entry) { return absl::StartsWith(entry, prefix); }),
        environment.end());
    environment.push_back(prefix + value);
  }
  for (const auto& [name, value] : options.default_variables) {
    if (std::getenv(name.c_str()) == nullptr) environment.push_back(name + "=" + value);
  }
  return environment;
}

int PollMilliseconds(absl::Duration left) {
  constexpr absl::Duration kLongest = absl::Hours(1);
  const absl::Duration bounded = std::clamp(left, absl::ZeroDuration(), kLongest);
  return static_cast<int>(absl::ToInt64Milliseconds(bounded + absl::Microseconds(999)));
}

}  // namespace

Supervisor::Supervisor() : inherited_(InheritableFiles()) {
  sigemptyset(&handled_);
  for (const int signal : kForwarded) sigaddset(&handled_, signal);
  sigaddset(&handled_, SIGCHLD);
  LOCKSTEP_CHECK(pthread_sigmask(SIG_BLOCK, &handled_, &old_mask_) == 0);
  struct sigaction ignore = {};
  ignore.sa_handler = SIG_IGN;
  LOCKSTEP_CHECK(sigaction(SIGPIPE, &ignore, &old_pipe_action_) == 0);
  signal_fd_ = signalfd(-1, &handled_, SFD_CLOEXEC | SFD_NONBLOCK);
  wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  LOCKSTEP_CHECK(signal_fd_ >= 0 && wake_fd_ >= 0);
  // Orphans come to us, as they do to process 1; where the kernel refuses they go there.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
}

Supervisor::~Supervisor() {
  prctl(PR_SET_CHILD_SUBREAPER, 0);
  close(signal_fd_);
  close(wake_fd_);
  sigaction(SIGPIPE, &old_pipe_action_, nullptr);
  pthread_sigmask(SIG_SETMASK, &old_mask_, nullptr);
}

absl::Status Supervisor::Start(const ChildOptions& options) {
  LOCKSTEP_CHECK(child_ == 0 && !options.command.empty());
  const char* const path = std::getenv("PATH");
  ASSIGN_OR_RETURN(std::string program,
                   FindProgram(options.command[0], path == nullptr ? "/usr/bin:/bin" : path));
  ASSIGN_OR_RETURN(child_, Launch({.program = std::move(program),
                                   .arguments = options.command,
                                   .environment = EnvironmentOf(options),
                                   .files = inherited_,
                                   .mask = old_mask_,
                                   .pipe_action = old_pipe_action_,
                                   .die_with_us = options.die_with_us}));
  return absl::OkStatus();
}

void Supervisor::Wake() {
  const uint64_t one = 1;
  (void)!write(wake_fd_, &one, sizeof(one));
}

// Collects every child that ended; returns true when the supervised one is among them.
bool Supervisor::Reap() {
  bool ended = false;
  for (;;) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid < 0 && errno == EINTR) continue;
    if (pid <= 0) return ended;
    if (pid != child_) continue;
    exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    child_ = -1;
    ended = true;
  }
}

// Takes one signal that is not about children; returns false when none is pending.
bool Supervisor::TakeSignal(Event* event) {
  signalfd_siginfo info = {};
  while (read(signal_fd_, &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
    if (info.ssi_signo == SIGCHLD) {
      ended_ = Reap() || ended_;
      continue;
    }
    *event = {.kind = Event::kSignal,
              .signal = static_cast<int>(info.ssi_signo),
              .from_terminal = IsFromTerminal(info)};
    return true;
  }
  return false;
}

Event Supervisor::Next(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  for (;;) {
    Event event;
    if (TakeSignal(&event)) return event;
    if (std::exchange(ended_, false)) return {.kind = Event::kChildEnded};
    uint64_t count = 0;
    if (read(wake_fd_, &count, sizeof(count)) > 0) return {.kind = Event::kWoken};
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) return {.kind = Event::kTimeout};
    pollfd fds[] = {{signal_fd_, POLLIN, 0}, {wake_fd_, POLLIN, 0}};
    poll(fds, 2, PollMilliseconds(left));
  }
}

void Supervisor::Forward(const Event& event) {
  if (event.kind != Event::kSignal || event.from_terminal || child_ <= 0) return;
  kill(child_, event.signal);
}

}  // namespace lockstep::process
