#include "tests/support/subprocess.h"

#include <csignal>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/numbers.h"

#include "engine/base/file.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

SubprocessOptions Shell(const std::string& script) { return {.argv = {"sh", "-c", script}}; }

TEST(Subprocess, CollectsBothOutputsAndTheExitCode) {
  const CommandResult result = RunCommand(Shell("echo out; echo err >&2; exit 3"));
  EXPECT_EQ(result.exit, ExitStatus{.code = 3});
  EXPECT_EQ(result.out, "out\n");
  EXPECT_EQ(result.err, "err\n");
}

TEST(Subprocess, TellsDeathBySignalFromAnExitCode) {
  EXPECT_EQ(RunCommand(Shell("kill -TERM $$")).exit, (ExitStatus{.signal = SIGTERM}));
}

TEST(Subprocess, SaysWhenThereIsNoSuchProgram) {
  EXPECT_THAT(Subprocess::Start({.argv = {"no-such-program"}}),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Subprocess::Start({.argv = {"/no/such/program"}}),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Subprocess::Start({.argv = {"/etc/passwd"}}),
              StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(RunCommand({.argv = {"no-such-program"}}).exit, ExitStatus{.code = 127});
}

TEST(Subprocess, PassesEnvironmentInputAndDirectory) {
  SubprocessOptions options = Shell("cat; echo $COLOUR; pwd");
  options.env = {{"COLOUR", "green"}};
  options.standard_input = "hello\n";
  options.working_directory = "/usr";
  EXPECT_EQ(RunCommand(options).out, "hello\ngreen\n/usr\n");
}

TEST(Subprocess, StartsFromAnEmptyEnvironmentWhenAsked) {
  SubprocessOptions options = {
      .argv = {"/usr/bin/env"}, .env = {{"ONLY", "this"}}, .inherit_env = false};
  EXPECT_EQ(RunCommand(options).out, "ONLY=this\n");
}

TEST(Subprocess, WaitsForOutputOfARunningProgram) {
  auto process = Subprocess::Start(Shell("echo ready 42; exec sleep 600"));
  ASSERT_THAT(process, IsOk());
  EXPECT_TRUE((*process)->WaitForOutput("ready [0-9]+"));
  EXPECT_FALSE((*process)->WaitForOutput("never", absl::Milliseconds(20)));
  EXPECT_EQ((*process)->Wait(absl::ZeroDuration()), std::nullopt);
  (*process)->Signal(SIGTERM);
  EXPECT_EQ((*process)->Wait(), (ExitStatus{.signal = SIGTERM}));
}

TEST(Subprocess, GivesUpWaitingForOutputWhenTheProgramEnds) {
  auto process = Subprocess::Start(Shell("echo other"));
  ASSERT_THAT(process, IsOk());
  EXPECT_FALSE((*process)->WaitForOutput("never"));
}

TEST(Subprocess, EndsItsProgramWhenItIsDestroyed) {
  pid_t pid = 0;
  {
    auto process = Subprocess::Start(Shell("trap '' TERM; echo up; while :; do sleep 1; done"));
    ASSERT_THAT(process, IsOk());
    ASSERT_TRUE((*process)->WaitForOutput("up"));
    pid = (*process)->pid();
    EXPECT_TRUE(ProcessRuns(pid));
  }
  EXPECT_FALSE(ProcessRuns(pid));
}

TEST(Subprocess, DoesNotOutliveTheTestProcess) {
  TempDir dir;
  const std::string pid_file = dir.File("pid");
  const pid_t test = fork();
  ASSERT_GE(test, 0);
  if (test == 0) {
    auto process = Subprocess::Start(Shell("exec sleep 600"));
    std::ofstream(pid_file + ".new") << (*process)->pid();
    rename((pid_file + ".new").c_str(), pid_file.c_str());
    pause();
  }
  ASSERT_TRUE(Eventually([&] { return access(pid_file.c_str(), F_OK) == 0; }));
  int pid = 0;
  ASSERT_TRUE(absl::SimpleAtoi(*base::ReadFile(pid_file, 100), &pid));
  kill(test, SIGKILL);
  ASSERT_EQ(waitpid(test, nullptr, 0), test);
  EXPECT_TRUE(Eventually([&] { return !ProcessRuns(pid); }));
}

TEST(Subprocess, AppendsToAFileWhenAsked) {
  TempDir dir;
  SubprocessOptions options = Shell("echo line; echo other >&2");
  options.output_file = dir.File("log");
  EXPECT_EQ(RunCommand(options).out, "");
  RunCommand(options);
  EXPECT_THAT(base::ReadFile(options.output_file, 1000),
              IsOkAndHolds("line\nother\nline\nother\n"));
}

TEST(Subprocess, RunsAsAnotherUserWhenRoot) {
  if (geteuid() != 0) GTEST_SKIP() << "not root";
  SubprocessOptions options = Shell("id -un; id -Gn");
  options.user = "nobody";
  EXPECT_THAT(RunCommand(options).out, HasSubstr("nobody\n"));
}

}  // namespace
}  // namespace lockstep::testing
