// A Ctrl-C on a terminal reaches supervisor and child both, so it must not be forwarded.
#include <csignal>
#include <gtest/gtest.h>
#include <pty.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "agent/process/supervisor.h"
#include "tests/support/eventually.h"

namespace lockstep::process {
namespace {

// Supervises a shell on the terminal and says on it which signals came from where.
[[noreturn]] void SuperviseOnTerminal() {
  Supervisor supervisor;
  const char* const script =
      "trap 'echo child-int' INT; trap 'exit 0' TERM; echo up; "
      "while :; do sleep 0.01; done";
  if (!supervisor.Start({.command = {"sh", "-c", script}}).ok()) _exit(1);
  for (;;) {
    const Event event = supervisor.Next(absl::Seconds(60));
    if (event.kind != Event::kSignal) _exit(event.kind == Event::kChildEnded ? 0 : 1);
    const std::string line = absl::StrCat("signal-", event.signal, "-terminal-",
                                          event.from_terminal ? "yes" : "no", "\n");
    (void)!write(STDOUT_FILENO, line.data(), line.size());
    supervisor.Forward(event);
  }
}

class Terminal {
 public:
  Terminal() : pid_(forkpty(&fd_, nullptr, nullptr, nullptr)) {
    if (pid_ == 0) SuperviseOnTerminal();
  }
  ~Terminal() {
    close(fd_);
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  void Type(char c) { (void)!write(fd_, &c, 1); }
  bool WaitFor(const std::string& text) {
    char buffer[4096];
    while (!absl::StrContains(seen_, text)) {
      const ssize_t n = read(fd_, buffer, sizeof(buffer));
      if (n <= 0) return false;
      seen_.append(buffer, static_cast<size_t>(n));
    }
    return true;
  }
  pid_t pid() const { return pid_; }
  const std::string& seen() const { return seen_; }

 private:
  int fd_ = -1;
  pid_t pid_;
  std::string seen_;
};

TEST(Terminal, AKeyIsToldFromAKill) {
  Terminal terminal;
  ASSERT_GT(terminal.pid(), 0);
  ASSERT_TRUE(terminal.WaitFor("up"));
  terminal.Type('\x03');
  EXPECT_TRUE(terminal.WaitFor("signal-2-terminal-yes")) << terminal.seen();
  EXPECT_TRUE(terminal.WaitFor("child-int")) << terminal.seen();
  kill(terminal.pid(), SIGTERM);
  EXPECT_TRUE(terminal.WaitFor("signal-15-terminal-no")) << terminal.seen();
  int status = 0;
  EXPECT_EQ(waitpid(terminal.pid(), &status, 0), terminal.pid());
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

}  // namespace
}  // namespace lockstep::process
