#include "tests/support/spawn.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <grp.h>
#include <map>
#include <pwd.h>
#include <string>
#include <sys/prctl.h>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace lockstep::testing {
namespace {

absl::StatusOr<std::string> FindProgram(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* const path = std::getenv("PATH");
  for (absl::string_view dir : absl::StrSplit(path == nullptr ? "/usr/bin:/bin" : path, ':')) {
    std::string candidate = absl::StrCat(dir, "/", name);
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return absl::NotFoundError(absl::StrCat("no program ", name, " in PATH"));
}

std::vector<std::string> Environment(const SubprocessOptions& options) {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; options.inherit_env && *entry != nullptr; ++entry) {
    const std::pair<std::string, std::string> pair =
        absl::StrSplit(*entry, absl::MaxSplits('=', 1));
    variables.insert(pair);
  }
  for (const auto& [key, value] : options.env) variables[key] = value;
  std::vector<std::string> lines;
  for (const auto& [key, value] : variables) lines.push_back(absl::StrCat(key, "=", value));
  return lines;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// All that the child needs between fork and exec, made before the fork: other threads may hold any
// lock at that moment, so the child allocates nothing.
struct Launch {
  std::string program;
  std::vector<std::string> argv_texts, env_texts;
  std::vector<char*> argv, env;
  std::string working_directory;
  std::string output_file;
  bool drop = false;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  int death_signal = SIGKILL;
  pid_t parent = 0;
  int input = -1, output = -1, error = -1, report = -1;
};

absl::Status PrepareUser(const std::string& user, Launch* launch) {
  if (user.empty()) return absl::OkStatus();
  const passwd* const entry = getpwnam(user.c_str());
  if (entry == nullptr) return absl::NotFoundError(absl::StrCat("no user ", user));
  int count = 64;
  launch->groups.resize(static_cast<size_t>(count));
  if (getgrouplist(user.c_str(), entry->pw_gid, launch->groups.data(), &count) < 0) count = 0;
  launch->groups.resize(static_cast<size_t>(count));
  launch->drop = true;
  launch->uid = entry->pw_uid;
  launch->gid = entry->pw_gid;
  return absl::OkStatus();
}

[[noreturn]] void FailChild(const Launch& launch) {
  const int error = errno;
  (void)!write(launch.report, &error, sizeof(error));
  _exit(127);
}

// Runs in the child; async-signal-safe calls only.
[[noreturn]] void ExecChild(const Launch& launch) {
  int output = launch.output;
  int error = launch.error;
  if (!launch.output_file.empty()) {
    output = open(launch.output_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    error = output;
  }
  if (dup2(launch.input, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
      dup2(error, STDERR_FILENO) < 0) {
    FailChild(launch);
  }
  if (launch.drop && (setgroups(launch.groups.size(), launch.groups.data()) != 0 ||
                      setgid(launch.gid) != 0 || setuid(launch.uid) != 0)) {
    FailChild(launch);
  }
  // A change of user clears the death signal, so it comes after.
  if (prctl(PR_SET_PDEATHSIG, launch.death_signal) != 0) FailChild(launch);
  if (getppid() != launch.parent) _exit(127);
  if (!launch.working_directory.empty() && chdir(launch.working_directory.c_str()) != 0) {
    FailChild(launch);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int signal = 1; signal < 32; ++signal) {
    if (signal != SIGKILL && signal != SIGSTOP) ::signal(signal, SIG_DFL);
  }
  execve(launch.program.c_str(), launch.argv.data(), launch.env.data());
  FailChild(launch);
}

// Waits until the child has become the program (the pipe closes) or has said why not.
absl::Status Outcome(const std::string& program, int report) {
  int error = 0;
  ssize_t n = 0;
  do {
    n = read(report, &error, sizeof(error));
  } while (n < 0 && errno == EINTR);
  if (n == 0) return absl::OkStatus();
  const std::string message = absl::StrCat("cannot run ", program, ": ", strerror(error));
  if (error == ENOENT) return absl::NotFoundError(message);
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(message);
  return absl::InternalError(message);
}

}  // namespace

absl::StatusOr<Pipe> MakePipe() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) {
    return absl::InternalError(absl::StrCat("pipe: ", strerror(errno)));
  }
  return Pipe{Fd(fds[0]), Fd(fds[1])};
}

absl::Status Spawn(const SubprocessOptions& options, int input, int output, int error, pid_t* pid) {
  auto program = FindProgram(options.argv.at(0));
  if (!program.ok()) return program.status();
  auto report = MakePipe();
  if (!report.ok()) return report.status();
  Launch launch;
  launch.program = *program;
  launch.argv_texts = options.argv;
  launch.env_texts = Environment(options);
  launch.argv = Pointers(launch.argv_texts);
  launch.env = Pointers(launch.env_texts);
  launch.working_directory = options.working_directory;
  launch.output_file = options.output_file;
  launch.death_signal = options.death_signal;
  launch.parent = getpid();
  launch.input = input;
  launch.output = output;
  launch.error = error;
  launch.report = report->write.get();
  if (absl::Status s = PrepareUser(options.user, &launch); !s.ok()) return s;
  const pid_t child = fork();
  if (child < 0) return absl::InternalError(absl::StrCat("fork: ", strerror(errno)));
  if (child == 0) ExecChild(launch);
  *pid = child;
  report->write.Close();
  return Outcome(launch.program, report->read.get());
}

}  // namespace lockstep::testing
