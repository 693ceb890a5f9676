// How instances end: each row of "how a session ends" caused with real processes and real signals.
#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <regex>

#include "absl/strings/str_cat.h"

#include "tests/e2e/cluster.h"
#include "tests/support/eventually.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

// A session TTL of 1.5 s, so that two of them, and settling, pass while one waits.
const std::vector<std::string> kFast = {"--time-scale", "20"};

// Ends a process that nobody waits for when the test is over.
class Orphan {
 public:
  explicit Orphan(pid_t pid) : pid_(pid) {}
  ~Orphan() { End(); }
  void End() {
    if (pid_ > 0) kill(pid_, SIGKILL);
    pid_ = 0;
  }

 private:
  pid_t pid_;
};

class SessionEnd : public ::testing::Test {
 protected:
  SessionEnd() { cluster_.WriteSum(); }

  std::unique_ptr<Subprocess> Start(AgentSpec spec) {
    if (spec.command.empty()) spec.command = {"sh", "-c", "echo child $$.; exec sleep 600"};
    auto agent = cluster_.StartAgent(spec);
    EXPECT_TRUE(agent->WaitForOutput("child [0-9]+\\.")) << agent->stderr_text();
    return agent;
  }
  static pid_t ChildOf(const Subprocess& agent) {
    std::smatch match;
    const std::string text = agent.stdout_text();
    return std::regex_search(text, match, std::regex("child ([0-9]+)")) ? std::stoi(match[1]) : 0;
  }
  // Of the oldest session of the instance: "expired ttl".
  std::string RowOf(const std::string& instance) {
    return cluster_.db().Scalar(
        "SELECT coalesce((SELECT state || ' ' || coalesce(end_rule, '') FROM lockstep.session "
        "WHERE instance = $1 ORDER BY registered_at LIMIT 1), '')",
        {postgres::Param(instance)});
  }
  bool ComesTo(const std::string& instance, const std::string& row) {
    const bool came = Eventually([&] { return RowOf(instance) == row; });
    if (!came) ADD_FAILURE() << instance << " is " << RowOf(instance) << ", not " << row;
    return came;
  }
  CommandResult Evict(const std::string& service, const std::string& instance) {
    return cluster_.Ctl({"instances", "evict", service, instance, "--attest", "--reason", "seen"});
  }

  Cluster cluster_;
};

TEST_F(SessionEnd, SigtermDrainsAndClosesWhenTheWorkIsDone) {
  TempDir directory;
  cluster_.StartCoordinator("a", kFast);
  auto agent = Start({.instance = "i",
                      .command = {"bash", "-c",
                                  "trap 'while [ ! -e \"$DONE\" ]; do sleep 0.05; done; exit 0' "
                                  "TERM; echo child $$.; while :; do sleep 0.05; done"},
                      .env = {{"DONE", directory.File("done")}}});
  ASSERT_TRUE(ComesTo("i", "live "));
  agent->Signal(SIGTERM);
  EXPECT_TRUE(Eventually([&] { return cluster_.StateOf("shop", "i") == "draining"; }));
  EXPECT_EQ(RowOf("i"), "live ");  // It counts.
  directory.Write("done", "");
  EXPECT_EQ(agent->Wait(), ExitStatus{}) << agent->stderr_text();
  EXPECT_TRUE(ComesTo("i", "closed goodbye"));
}

// The supervisor has seen its end: its goodbye is worth an attestation.
TEST_F(SessionEnd, AKilledServiceIsAttestedGoneByItsSupervisor) {
  cluster_.StartCoordinator("a", kFast);
  auto agent = Start({.instance = "i"});
  ASSERT_TRUE(ComesTo("i", "live "));
  ASSERT_EQ(kill(ChildOf(*agent), SIGKILL), 0);
  EXPECT_EQ(agent->Wait(), ExitStatus{.code = 128 + SIGKILL});
  EXPECT_TRUE(ComesTo("i", "closed goodbye"));
}

TEST_F(SessionEnd, TheServiceOfAKilledAgentDiesWithItAndExpiresWhenItStops) {
  cluster_.StartCoordinator("a", kFast);
  auto agent = Start({.instance = "i", .yaml = "on_session_loss: stop\n"});
  const pid_t child = ChildOf(*agent);
  ASSERT_TRUE(ComesTo("i", "live "));
  agent->Signal(SIGKILL);
  EXPECT_TRUE(ComesTo("i", "expired ttl"));
  EXPECT_FALSE(ProcessRuns(child));
}

TEST_F(SessionEnd, AServiceThatKeepsServingIsSuspectAndHeldByItsConnections) {
  cluster_.StartCoordinator("a", kFast);
  const std::string psql = cluster_.db().server().bindir() + "/psql";
  auto agent =
      Start({.instance = "i",
             .command = {"sh", "-c",
                         absl::StrCat("echo child $$.; exec ", psql, " -d '",
                                      cluster_.db().conninfo(), "' -c 'SELECT pg_sleep(600)'")}});
  Orphan child(ChildOf(*agent));
  ASSERT_TRUE(ComesTo("i", "live "));
  agent->Signal(SIGKILL);
  agent->Wait();
  ASSERT_TRUE(ComesTo("i", "suspect "));
  EXPECT_THAT(cluster_.Ctl({"status", "shop"}).out, HasSubstr("still counts: no goodbye"));

  auto evict = cluster_.StartCtl(
      {"instances", "evict", "shop", "i", "--attest", "--reason", "node 7 burned down"});
  EXPECT_TRUE(evict->WaitForOutput("database connection")) << evict->stderr_text();
  EXPECT_TRUE(Eventually([&] {
    return cluster_.Ctl({"instances", "get", "i"}).out.find("still there") != std::string::npos;
  }));
  EXPECT_EQ(RowOf("i"), "suspect ");
  child.End();
  // The server goes on with a statement whose client is gone, and it may still touch the data.
  cluster_.db().Query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE "
      "'shop@i#%'");
  EXPECT_EQ(evict->Wait(), ExitStatus{}) << evict->stderr_text();
  EXPECT_EQ(RowOf("i"), "expired attested");
  const CommandResult events = cluster_.Ctl({"events"});
  EXPECT_THAT(events.out, HasSubstr("session_attested"));
  EXPECT_THAT(events.out, HasSubstr("reason=node 7 burned down"));
}

TEST_F(SessionEnd, ARestartUnderTheSameNameEndsTheStartBefore) {
  cluster_.StartCoordinator("a", kFast);
  auto agent = Start({.instance = "pod-0"});
  Orphan child(ChildOf(*agent));
  ASSERT_TRUE(ComesTo("pod-0", "live "));
  agent->Signal(SIGKILL);
  agent->Wait();
  child.End();
  auto again = Start({.instance = "pod-0"});
  EXPECT_TRUE(ComesTo("pod-0", "expired newer start"));
  EXPECT_EQ(cluster_.db().Scalar("SELECT count(*) FROM lockstep.session WHERE state = 'live'"),
            "1");
}

TEST_F(SessionEnd, OneThatNobodyLooksAfterIsGivenUpByThePolicy) {
  cluster_.StartCoordinator("a", {"--time-scale", "20", "--suspect-expiry", "100s"});
  auto agent = Start({.instance = "i"});
  Orphan child(ChildOf(*agent));
  ASSERT_TRUE(ComesTo("i", "live "));
  agent->Signal(SIGKILL);
  EXPECT_TRUE(ComesTo("i", "suspect "));
  EXPECT_TRUE(ComesTo("i", "expired policy"));
}

TEST_F(SessionEnd, AConnectedInstanceIsNotEvicted) {
  cluster_.StartCoordinator("a", kFast);
  auto agent = Start({.instance = "i"});
  ASSERT_TRUE(ComesTo("i", "live "));
  const CommandResult refused = Evict("shop", "i");
  EXPECT_EQ(refused.exit, ExitStatus{.code = 5}) << refused.err;
  EXPECT_THAT(refused.err, HasSubstr("shop@i cannot be evicted: it is connected"));
  EXPECT_EQ(Evict("shop", "nobody").exit, ExitStatus{.code = 1});
  EXPECT_EQ(RowOf("i"), "live ");
}

TEST_F(SessionEnd, ManyAtOnceFreezeExpiryAndComingBackThawsIt) {
  cluster_.StartCoordinator("a", kFast);
  std::vector<std::unique_ptr<Subprocess>> agents;
  for (int i = 0; i < 6; ++i) {
    agents.push_back(Start({.instance = absl::StrCat("i", i), .yaml = "on_session_loss: stop\n"}));
  }
  ASSERT_TRUE(ComesTo("i5", "live "));
  for (int i = 0; i < 5; ++i) agents[static_cast<size_t>(i)]->Signal(SIGKILL);
  EXPECT_TRUE(Eventually(
      [&] { return cluster_.Ctl({"status"}).out.find("EXPIRY    frozen") != std::string::npos; }));
  EXPECT_TRUE(ComesTo("i0", "suspect "));
  EXPECT_THAT(cluster_.Ctl({"events"}).out, HasSubstr("expiry_frozen"));
  ASSERT_EQ(Evict("shop", "i0").exit, ExitStatus{});
  EXPECT_TRUE(ComesTo("i0", "expired attested"));
  EXPECT_TRUE(ComesTo("i1", "expired ttl"));  // Four are not too many.
}

}  // namespace
}  // namespace lockstep::testing
