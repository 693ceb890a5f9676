// lockstep-agent as a program, where no coordinator is: what an orchestrator sees of it.
#include <csignal>
#include <gtest/gtest.h>
#include <regex>
#include <sys/stat.h>

#include "absl/strings/str_cat.h"

#include "agent/process/http.h"
#include "tests/support/matchers.h"
#include "tests/support/repo_paths.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"

namespace lockstep::process {
namespace {

using testing::CommandResult;
using testing::Eventually;
using testing::ExitStatus;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;
using testing::ProgramPath;
using testing::RunCommand;
using testing::Subprocess;
using testing::SubprocessOptions;
using testing::TempDir;

class AgentProgramTest : public ::testing::Test {
 protected:
  // The program with a service's files, at an address where nobody listens.
  SubprocessOptions Configured(const std::vector<std::string>& flags) {
    const std::string service = dir_.Write("lockstep.yaml", "service: simulation-engine\n");
    SubprocessOptions options = Program({"--address", "unix:" + dir_.File("none.sock"),
                                         "--service-file", service, "--chain-sum", ChainSum()});
    options.argv.insert(options.argv.end(), flags.begin(), flags.end());
    for (const char* argument : {"--", "sh", "-c", ": > \"$D/started\""}) {
      options.argv.push_back(argument);
    }
    return options;
  }
  SubprocessOptions Program(const std::vector<std::string>& flags) {
    SubprocessOptions options = {.argv = {ProgramPath("lockstep-agent"), "run"}};
    options.argv.insert(options.argv.end(), flags.begin(), flags.end());
    options.env = {{"D", dir_.path()}};
    return options;
  }
  // The Playground's own.
  std::string ChainSum() { return testing::SourcePath("migrations/chain.sum"); }
  bool Started() {
    struct stat info = {};
    return stat(dir_.File("started").c_str(), &info) == 0;
  }
  int Port(Subprocess& agent) {
    EXPECT_TRUE(agent.WaitForOutput("http listening.*\"port\":\"[0-9]+\""));
    std::smatch match;
    const std::string text = agent.stderr_text();
    EXPECT_TRUE(std::regex_search(text, match, std::regex("\"port\":\"([0-9]+)\"")));
    return std::stoi(match[1]);
  }

  TempDir dir_;
};

TEST_F(AgentProgramTest, GivesUpAtTheGateAfterItsTimeout) {
  const CommandResult result = RunCommand(Configured({"--gate-timeout", "300ms"}));
  EXPECT_EQ(result.exit, ExitStatus{.code = 124}) << result.err;
  EXPECT_THAT(result.err, HasSubstr("GATE_TIMEOUT"));
  EXPECT_EQ(result.out, "");
  EXPECT_FALSE(Started());
}

TEST_F(AgentProgramTest, SigtermWhileWaitingEndsItWith143) {
  auto agent = Subprocess::Start(Configured({"--http", "0", "--gate-timeout", "0"}));
  ASSERT_THAT(agent, IsOk());
  Port(**agent);
  (*agent)->Signal(SIGTERM);
  EXPECT_EQ((*agent)->Wait(), ExitStatus{.code = 143});
  EXPECT_FALSE(Started());
}

TEST_F(AgentProgramTest, IsAliveButNotReadyWhileItWaits) {
  auto agent = Subprocess::Start(Configured({"--http", "0"}));
  ASSERT_THAT(agent, IsOk());
  const std::string base = absl::StrCat("http://127.0.0.1:", Port(**agent));
  EXPECT_EQ(ProbeUrl(base + "/livez", absl::Seconds(10)), 200);
  EXPECT_EQ(ProbeUrl(base + "/gate", absl::Seconds(10)), 503);
  EXPECT_EQ(ProbeUrl(base + "/readyz", absl::Seconds(10)), 503);
  EXPECT_EQ(ProbeUrl(base + "/", absl::Seconds(10)), 404);
  EXPECT_EQ((*agent)->Wait(absl::ZeroDuration()), std::nullopt);
}

TEST_F(AgentProgramTest, WithoutItsFilesItIsNotConfiguredAndNeverBehind) {
  SubprocessOptions options =
      Program({"--address", "unix:" + dir_.File("none.sock"), "--", "true"});
  const CommandResult result = RunCommand(options);
  EXPECT_EQ(result.exit, ExitStatus{.code = 123}) << result.err;
  EXPECT_THAT(result.err, HasSubstr("not_configured"));
  EXPECT_THAT(result.err, Not(HasSubstr("behind")));
}

TEST_F(AgentProgramTest, FilesThatCannotBeReadAreItsFailure) {
  for (const char* flag : {"--service-file", "--chain-sum"}) {
    const CommandResult result = RunCommand(Program({flag, dir_.File("none"), "--", "true"}));
    EXPECT_EQ(result.exit, ExitStatus{.code = 125}) << result.err;
    EXPECT_THAT(result.err, HasSubstr(dir_.File("none")));
  }
}

TEST_F(AgentProgramTest, WrongUseIsItsFailure) {
  EXPECT_EQ(RunCommand(Program({})).exit, ExitStatus{.code = 125});
  EXPECT_EQ(RunCommand(Program({"--address", "nonsense", "--", "true"})).exit,
            ExitStatus{.code = 125});
  const CommandResult help = RunCommand({.argv = {ProgramPath("lockstep-agent"), "run", "--help"}});
  EXPECT_EQ(help.exit, ExitStatus{.code = 0});
  EXPECT_THAT(help.out, HasSubstr("Examples:"));
  EXPECT_EQ(help.err, "");
}

TEST_F(AgentProgramTest, ItsSecretIsInNeitherProcessListNorEnvironmentNorLog) {
  SubprocessOptions options =
      Configured({"--http", "0", "--log-level", "debug", "--migrate-database",
                  "host=/no/such/directory password=hunter2"});
  // A flag and its twin at once: both are wiped, the flag counts.
  options.env["LOCKSTEP_AGENT_MIGRATE_DATABASE"] = "host=/no/such/directory password=hunter3";
  auto agent = Subprocess::Start(options);
  ASSERT_THAT(agent, IsOk());
  Port(**agent);
  for (const char* file : {"cmdline", "environ"}) {
    const CommandResult result =
        RunCommand({.argv = {"cat", absl::StrCat("/proc/", (*agent)->pid(), "/", file)}});
    EXPECT_THAT(result.out, HasSubstr(file[0] == 'c' ? "--migrate-database" : "PATH="));
    EXPECT_THAT(result.out, Not(HasSubstr("hunter")));
  }
  EXPECT_THAT((*agent)->stderr_text(), Not(HasSubstr("hunter")));
}

TEST_F(AgentProgramTest, ATakenPortIsItsFailure) {
  auto other = HttpServer::Start({}, {});
  ASSERT_THAT(other, IsOk());
  const CommandResult result = RunCommand(Configured({"--http", absl::StrCat((*other)->port())}));
  EXPECT_EQ(result.exit, ExitStatus{.code = 125});
  EXPECT_THAT(result.err, HasSubstr("HTTP_LISTEN"));
  const CommandResult health =
      RunCommand(Configured({"--grpc-health", absl::StrCat((*other)->port())}));
  EXPECT_EQ(health.exit, ExitStatus{.code = 125});
  EXPECT_THAT(health.err, HasSubstr("HEALTH_LISTEN"));
}

}  // namespace
}  // namespace lockstep::process
