#include "agent/process/supervisor.h"

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "engine/base/file.h"
#include "tests/support/eventually.h"
#include "tests/support/matchers.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"

namespace lockstep::process {
namespace {

using testing::Eventually;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::kPatience;
using ::testing::Not;
using testing::ProcessRuns;
using testing::StatusIs;
using testing::TempDir;

class SupervisorTest : public ::testing::Test {
 protected:
  // Starts a shell script in which $D is the test's directory.
  absl::Status StartScript(const std::string& script, ChildOptions options = {}) {
    options.command = {"sh", "-c", script};
    setenv("D", dir_.path().c_str(), 1);
    return supervisor_.Start(options);
  }
  // Waits for the child's end and returns what we would exit with.
  int End() {
    const Event event = supervisor_.Next(kPatience);
    EXPECT_EQ(event.kind, Event::kChildEnded);
    return event.kind == Event::kChildEnded ? supervisor_.exit_code() : -1;
  }
  // Waits until the script has written the file `name`, and returns what is in it.
  std::string Written(const std::string& name) {
    EXPECT_TRUE(Eventually([&] { return std::filesystem::exists(dir_.File(name)); })) << name;
    return base::ReadFile(dir_.File(name), 1 << 20).value_or("");
  }

  TempDir dir_;
  Supervisor supervisor_;
};

TEST_F(SupervisorTest, EndsWithTheChildsCode) {
  ASSERT_THAT(StartScript("exit 42"), IsOk());
  EXPECT_EQ(End(), 42);
  EXPECT_FALSE(supervisor_.child_running());
}

TEST_F(SupervisorTest, EndsWith128PlusTheSignalThatEndedTheChild) {
  ASSERT_THAT(StartScript("kill -KILL $$"), IsOk());
  EXPECT_EQ(End(), 128 + SIGKILL);
}

TEST_F(SupervisorTest, ForwardsEachSignal) {
  ASSERT_THAT(
      StartScript("for s in HUP INT QUIT USR1 USR2 WINCH; do trap \"echo $s >> $D/got\" $s; "
                  "done; trap 'exit 7' TERM; : > $D/up; while :; do sleep 0.01; done"),
      IsOk());
  Written("up");
  std::string expected;
  const std::pair<int, const char*> kSignals[] = {{SIGHUP, "HUP"},   {SIGINT, "INT"},
                                                  {SIGQUIT, "QUIT"}, {SIGUSR1, "USR1"},
                                                  {SIGUSR2, "USR2"}, {SIGWINCH, "WINCH"}};
  for (const auto& [signal, name] : kSignals) {
    kill(getpid(), signal);
    const Event event = supervisor_.Next(kPatience);
    ASSERT_EQ(event.kind, Event::kSignal);
    EXPECT_EQ(event.signal, signal);
    EXPECT_FALSE(event.from_terminal);
    supervisor_.Forward(event);
    absl::StrAppend(&expected, name, "\n");
    EXPECT_TRUE(Eventually([&] { return Written("got") == expected; })) << name;
  }
  kill(getpid(), SIGTERM);
  supervisor_.Forward(supervisor_.Next(kPatience));
  EXPECT_EQ(End(), 7);
}

TEST_F(SupervisorTest, DoesNotForwardWhatTheTerminalSentToBoth) {
  ASSERT_THAT(
      StartScript("trap 'exit 5' INT; trap 'exit 6' TERM; : > $D/up; while :; do sleep 0.01; "
                  "done"),
      IsOk());
  Written("up");
  supervisor_.Forward({.kind = Event::kSignal, .signal = SIGINT, .from_terminal = true});
  supervisor_.Forward({.kind = Event::kSignal, .signal = SIGTERM});
  EXPECT_EQ(End(), 6);
  supervisor_.Forward({.kind = Event::kSignal, .signal = SIGTERM});  // Nobody is there.
}

TEST_F(SupervisorTest, TellsWhyThereIsNoChild) {
  EXPECT_THAT(supervisor_.Start({.command = {"no-such-program"}}),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(supervisor_.Start({.command = {"/no/such/program"}}),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(supervisor_.Start({.command = {"/etc/passwd"}}),
              StatusIs(absl::StatusCode::kPermissionDenied));
  const std::string garbage = dir_.Write("garbage",
                                         "\x7f"
                                         "ELF?");
  chmod(garbage.c_str(), 0755);
  EXPECT_THAT(supervisor_.Start({.command = {garbage}}),
              StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_FALSE(supervisor_.child_running());
}

TEST_F(SupervisorTest, HidesVariablesFromTheChild) {
  setenv("LOCKSTEP_AGENT_MIGRATE_DATABASE", "password=hunter2", 1);
  setenv("LOCKSTEP_AGENT_MIGRATE_DATABASE_FILE", "/run/hunter2", 1);
  setenv("LOCKSTEP_AGENT_BUILD", "abc", 1);
  ASSERT_THAT(
      StartScript("env > $D/env", {.hidden_variables = {"LOCKSTEP_AGENT_MIGRATE_DATABASE"}}),
      IsOk());
  EXPECT_EQ(End(), 0);
  EXPECT_THAT(Written("env"), Not(HasSubstr("hunter2")));
  EXPECT_THAT(Written("env"), HasSubstr("LOCKSTEP_AGENT_BUILD=abc"));
  for (const char* name : {"LOCKSTEP_AGENT_MIGRATE_DATABASE",
                           "LOCKSTEP_AGENT_MIGRATE_DATABASE_FILE", "LOCKSTEP_AGENT_BUILD"}) {
    unsetenv(name);
  }
}

TEST_F(SupervisorTest, TheChildGetsOurParentsFilesAndNotOurs) {
  const int ours = open("/dev/null", O_RDONLY);  // As a library opens it, without O_CLOEXEC.
  ASSERT_GT(ours, 2);
  ASSERT_THAT(StartScript(absl::StrCat("test -e /proc/self/fd/", ours, " && exit 1; exit 0")),
              IsOk());
  EXPECT_EQ(End(), 0);
  close(ours);
}

// We block what we forward and ignore SIGPIPE; the child must not inherit that.
TEST(SupervisorSignals, TheChildHasItsOwn) {
  signal(SIGPIPE, SIG_DFL);  // httplib ignores it in the whole process, for tests before this.
  TempDir dir;
  Supervisor supervisor;
  setenv("D", dir.path().c_str(), 1);
  ASSERT_THAT(supervisor.Start({.command = {"sh", "-c",
                                            "grep SigBlk /proc/self/status > $D/blocked; "
                                            "(yes; echo $? > $D/yes) | head -n 1"}}),
              IsOk());
  EXPECT_EQ(supervisor.Next(kPatience).kind, Event::kChildEnded);
  EXPECT_THAT(base::ReadFile(dir.File("blocked"), 1000),
              IsOkAndHolds("SigBlk:\t0000000000000000\n"));
  // It dies of SIGPIPE; were that ignored it would report an error of writing, with code 1.
  EXPECT_THAT(base::ReadFile(dir.File("yes"), 1000),
              IsOkAndHolds(absl::StrCat(128 + SIGPIPE, "\n")));
}

TEST(SupervisorFiles, WhatWasOpenBeforeGoesOn) {
  const int given = open("/dev/null", O_RDONLY);  // As systemd passes a socket.
  Supervisor supervisor;
  ASSERT_THAT(supervisor.Start({.command = {"test", "-e", absl::StrCat("/proc/self/fd/", given)}}),
              IsOk());
  EXPECT_EQ(supervisor.Next(kPatience).kind, Event::kChildEnded);
  EXPECT_EQ(supervisor.exit_code(), 0);
  close(given);
}

TEST_F(SupervisorTest, ReapsOrphans) {
  // The child leaves a grandchild behind, which ends when the file goes.
  ASSERT_THAT(
      StartScript("trap 'exit 0' TERM; : > $D/wait; "
                  "(sh -c 'echo $$ > $D/new; mv $D/new $D/orphan; while test -e $D/wait; do "
                  "sleep 0.01; done' &); while :; do sleep 0.01; done"),
      IsOk());
  int orphan = 0;
  ASSERT_TRUE(absl::SimpleAtoi(absl::StripAsciiWhitespace(Written("orphan")), &orphan));
  ASSERT_TRUE(ProcessRuns(orphan));
  std::filesystem::remove(dir_.File("wait"));
  // Neither a process nor a zombie stays.
  EXPECT_TRUE(Eventually([&] {
    EXPECT_EQ(supervisor_.Next(absl::Milliseconds(1)).kind, Event::kTimeout);
    return kill(orphan, 0) != 0;
  }));
  EXPECT_TRUE(supervisor_.child_running());
  supervisor_.Forward({.kind = Event::kSignal, .signal = SIGTERM});
  EXPECT_EQ(End(), 0);
}

TEST_F(SupervisorTest, WakesFromAnotherThread) {
  EXPECT_EQ(supervisor_.Next(absl::ZeroDuration()).kind, Event::kTimeout);
  std::thread other([&] { supervisor_.Wake(); });
  EXPECT_EQ(supervisor_.Next(absl::InfiniteDuration()).kind, Event::kWoken);
  other.join();
  EXPECT_EQ(supervisor_.Next(absl::Milliseconds(1)).kind, Event::kTimeout);
}

// A process of its own that supervises `sleep`, writes the child's pid to `file` and waits.
pid_t SuperviseElsewhere(bool die_with_us, const std::string& file) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  Supervisor supervisor;
  if (!supervisor.Start({.command = {"sleep", "600"}, .die_with_us = die_with_us}).ok()) _exit(1);
  if (!base::WriteFileAtomically(file, absl::StrCat(supervisor.child())).ok()) _exit(1);
  supervisor.Next(absl::InfiniteDuration());
  _exit(0);
}

TEST(SupervisorDeath, AChildDiesWithUsOnlyWhenAsked) {
  for (const bool die_with_us : {true, false}) {
    TempDir dir;
    const std::string file = dir.File("child");
    const pid_t supervisor = SuperviseElsewhere(die_with_us, file);
    ASSERT_GT(supervisor, 0);
    ASSERT_TRUE(Eventually([&] { return access(file.c_str(), F_OK) == 0; }));
    int child = 0;
    ASSERT_TRUE(absl::SimpleAtoi(*base::ReadFile(file, 100), &child));
    EXPECT_TRUE(ProcessRuns(child));
    kill(supervisor, SIGKILL);
    ASSERT_EQ(waitpid(supervisor, nullptr, 0), supervisor);
    if (die_with_us) {
      EXPECT_TRUE(Eventually([&] { return !ProcessRuns(child); }));
    } else {
      EXPECT_TRUE(ProcessRuns(child));
      kill(child, SIGKILL);
    }
  }
}

}  // namespace
}  // namespace lockstep::process
