// The flow from gate to exit, with an agent that does as it is told and real children.
#include "agent/process/run.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <thread>
#include <unistd.h>

#include "absl/strings/str_cat.h"

#include "agent/process/http.h"
#include "engine/base/error_info.h"
#include "engine/base/mutex.h"
#include "tests/process/fake_agent.h"
#include "tests/support/eventually.h"
#include "tests/support/log_capture.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace lockstep::process {
namespace {

using ::testing::ElementsAre;
using testing::Eventually;
using testing::IsOkAndHolds;
using testing::LogCapture;
using testing::TempDir;

class RunTest : public ::testing::Test {
 protected:
  RunTest() { setenv("D", dir_.path().c_str(), 1); }

  int RunCommand(std::vector<std::string> command) {
    flags_.command = std::move(command);
    return process::Run(flags_, supervisor_, FakeAgent::Factory(script_));
  }
  int RunScript(const std::string& text) { return RunCommand({"sh", "-c", text}); }
  void Open() { script_.Set({.state = GateState::kOpen, .reason = "ready"}); }
  bool Exists(const std::string& name) { return std::filesystem::exists(dir_.File(name)); }

  // The port that the log line names.
  int Port(const LogCapture& log) {
    int port = 0;
    EXPECT_TRUE(Eventually([&] { return log.Contains("http listening"); }));
    for (const std::string& line : log.lines()) {
      const size_t at = line.find(" port=");
      if (at != std::string::npos) port = std::atoi(line.c_str() + at + 6);
    }
    return port;
  }
  int Probe(int port, const std::string& path) {
    return ProbeUrl(absl::StrCat("http://127.0.0.1:", port, path), absl::Seconds(10));
  }

  TempDir dir_;
  Supervisor supervisor_;
  Script script_;
  Flags flags_;
};

TEST_F(RunTest, AnOpenGateStartsTheChildAndItsCodeIsOurs) {
  Open();
  EXPECT_EQ(RunScript("exit 9"), 9);
  EXPECT_THAT(script_.Calls(), ElementsAre("serving", "stop: exit code 9"));
}

TEST_F(RunTest, AChildThatDiesOfASignalGives128PlusIt) {
  Open();
  EXPECT_EQ(RunScript("kill -SEGV $$"), 128 + SIGSEGV);
}

TEST_F(RunTest, ARefusedGateExitsWith123AndStartsNothing) {
  script_.Set({.state = GateState::kRefused, .reason = "behind_contract"});
  EXPECT_EQ(RunScript(": > $D/started"), kExitGateRefused);
  EXPECT_FALSE(Exists("started"));
  EXPECT_THAT(script_.Calls(), ElementsAre("stop: exit code 123"));
}

TEST_F(RunTest, AGateThatStaysClosedExitsWith124) {
  flags_.gate_timeout = absl::Milliseconds(30);
  EXPECT_EQ(RunScript(": > $D/started"), kExitGateTimeout);
  EXPECT_FALSE(Exists("started"));
}

TEST_F(RunTest, ASignalAtTheGateEndsTheWait) {
  flags_.gate_timeout = absl::InfiniteDuration();
  for (const int signal : {SIGTERM, SIGINT}) {
    LogCapture log;
    kill(getpid(), signal);
    EXPECT_EQ(RunScript(": > $D/started"), 128 + signal);
    EXPECT_TRUE(log.Contains("interrupted at the gate"));
  }
  EXPECT_FALSE(Exists("started"));
}

TEST_F(RunTest, ACommandThatCannotBeRunHasItsOwnCodes) {
  Open();
  EXPECT_EQ(RunCommand({"no-such-program"}), kExitNotFound);
  EXPECT_EQ(RunCommand({"/etc/passwd"}), kExitCannotExec);
  EXPECT_THAT(script_.Calls(), ElementsAre("stop: exit code 127", "stop: exit code 126"));
}

TEST_F(RunTest, SigtermDrainsFirstAndStopsLast) {
  Open();
  std::thread orchestrator([&] {
    EXPECT_TRUE(Eventually([&] { return Exists("up"); }));
    kill(getpid(), SIGTERM);
    EXPECT_TRUE(Eventually([&] { return Exists("asked"); }));
    EXPECT_THAT(script_.Calls(), ElementsAre("serving", "drain"));  // Not stopped: it counts.
    dir_.Write("finish", "");
  });
  EXPECT_EQ(RunScript("trap ': > $D/asked' TERM; : > $D/up; "
                      "while ! test -e $D/finish; do sleep 0.01; done; exit 3"),
            3);
  orchestrator.join();
  EXPECT_THAT(script_.Calls(), ElementsAre("serving", "drain", "stop: exit code 3"));
}

TEST_F(RunTest, SighupIsForwardedAndDoesNotDrain) {
  Open();
  std::thread person([&] {
    EXPECT_TRUE(Eventually([&] { return Exists("up"); }));
    kill(getpid(), SIGHUP);
  });
  EXPECT_EQ(RunScript("trap 'exit 4' HUP; : > $D/up; while :; do sleep 0.01; done"), 4);
  person.join();
  EXPECT_THAT(script_.Calls(), ElementsAre("serving", "stop: exit code 4"));
}

TEST_F(RunTest, ServesOnlyOnceTheReadyUrlAnswers) {
  Open();
  std::atomic<bool> healthy{false};
  std::atomic<int> asked{0};
  auto child_http = HttpServer::Start({}, {{"/health", [&] {
                                              ++asked;
                                              return HttpReply{.status = healthy ? 200 : 503};
                                            }}});
  ASSERT_THAT(child_http, testing::IsOk());
  flags_.ready_url = absl::StrCat("http://127.0.0.1:", (*child_http)->port(), "/health");
  flags_.http = health::Address{};
  LogCapture log;
  std::thread orchestrator([&] {
    const int port = Port(log);
    EXPECT_TRUE(Eventually([&] { return asked > 0; }));
    EXPECT_EQ(Probe(port, "/readyz"), 503);
    EXPECT_EQ(script_.Calls().size(), 0u);
    healthy = true;
    EXPECT_TRUE(Eventually([&] { return Probe(port, "/readyz") == 200; }));
    dir_.Write("finish", "");
  });
  EXPECT_EQ(RunScript("while ! test -e $D/finish; do sleep 0.01; done"), 0);
  orchestrator.join();
  EXPECT_THAT(script_.Calls(), ElementsAre("serving", "stop: exit code 0"));
}

TEST_F(RunTest, AnswersProbesFromTheStart) {
  flags_.http = health::Address{};
  LogCapture log;
  std::thread orchestrator([&] {
    const int port = Port(log);
    EXPECT_EQ(Probe(port, "/livez"), 200);
    EXPECT_EQ(Probe(port, "/gate"), 503);
    EXPECT_EQ(Probe(port, "/readyz"), 503);
    Open();
    EXPECT_TRUE(Eventually([&] { return Probe(port, "/readyz") == 200; }));
    EXPECT_EQ(Probe(port, "/gate"), 200);
    dir_.Write("finish", "");
  });
  EXPECT_EQ(RunScript("while ! test -e $D/finish; do sleep 0.01; done"), 0);
  orchestrator.join();
}

TEST_F(RunTest, AServiceThatLostItsSessionIsStopped) {
  Open();
  std::thread network([&] {
    EXPECT_TRUE(Eventually([&] { return Exists("up"); }));
    script_.LoseSession();
  });
  EXPECT_EQ(RunScript("trap 'exit 6' TERM; : > $D/up; while :; do sleep 0.01; done"), 6);
  network.join();
  EXPECT_THAT(script_.Calls(), ElementsAre("serving", "drain", "stop: exit code 6"));
}

TEST_F(RunTest, OneThatDoesNotStopIsKilled) {
  Open();
  std::thread network([&] {
    EXPECT_TRUE(Eventually([&] { return Exists("up"); }));
    script_.LoseSession();
  });
  EXPECT_EQ(RunScript("trap '' TERM; : > $D/up; while :; do sleep 0.01; done"), 128 + SIGKILL);
  network.join();
}

TEST_F(RunTest, TheChildDoesNotSeeTheMigratorsConnection) {
  Open();
  setenv("LOCKSTEP_AGENT_MIGRATE_DATABASE", "password=hunter2", 1);
  EXPECT_EQ(RunScript("env | grep -q hunter2 && exit 1; exit 0"), 0);
  unsetenv("LOCKSTEP_AGENT_MIGRATE_DATABASE");
}

// What the child sees of the agent's name and session.
constexpr char kNamesAreThere[] =
    "test \"$LOCKSTEP_APPLICATION_NAME\" = 'shop@i#1b2c3d4e' && "
    "test \"$LOCKSTEP_SESSION\" = 1b2c3d4e-0000-4000-8000-000000000000 && ";

TEST_F(RunTest, TheChildLearnsWhatItsConnectionsShouldCallThemselves) {
  Open();
  unsetenv("PGAPPNAME");
  EXPECT_EQ(RunScript(absl::StrCat(kNamesAreThere, "test \"$PGAPPNAME\" = 'shop@i#1b2c3d4e'")), 0);
}

TEST_F(RunTest, ANameThatSomebodyGaveStays) {
  Open();
  setenv("PGAPPNAME", "mine", 1);
  setenv("LOCKSTEP_SESSION", "of an agent around us", 1);
  EXPECT_EQ(RunScript(absl::StrCat(kNamesAreThere, "test \"$PGAPPNAME\" = mine")), 0);
  unsetenv("PGAPPNAME");
  unsetenv("LOCKSTEP_SESSION");
}

TEST_F(RunTest, ABadServiceFileIsOurFailure) {
  LogCapture log;
  flags_.agent.service_file = dir_.Write("lockstep.yaml", "service: [");
  EXPECT_EQ(RunScript("true"), kExitAgentFailure);
  EXPECT_TRUE(log.Contains("BAD_SERVICE_FILE"));
}

// The death itself is tested with the supervisor.
TEST_F(RunTest, TheChildOfAStopServiceDiesWithItsSupervisor) {
  EXPECT_THAT(DiesWithUs(flags_), IsOkAndHolds(false));
  flags_.agent.service_file = dir_.Write("keep.yaml", "service: x\n");
  EXPECT_THAT(DiesWithUs(flags_), IsOkAndHolds(false));
  flags_.agent.service_file = dir_.Write("stop.yaml", "service: x\non_session_loss: stop\n");
  EXPECT_THAT(DiesWithUs(flags_), IsOkAndHolds(true));
}

}  // namespace
}  // namespace lockstep::process
