// Coordinator replicas: whoever leads may die or stop at any moment, and neither the person who
// follows an upgrade nor a running service has to notice.
#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "tests/e2e/canary.h"
#include "tests/e2e/cluster.h"
#include "tests/support/eventually.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ReplicasTest : public ::testing::Test {
 protected:
  // Starts coordinators with these names, the first of which leads.
  void StartReplicas(const std::vector<std::string>& names, const std::vector<std::string>& flags) {
    for (const std::string& name : names) {
      Subprocess& coordinator = cluster_.StartCoordinator(name, flags);
      if (name == names.front()) {
        ASSERT_TRUE(coordinator.WaitForOutput("leadership won"));
      }
    }
    names_ = names;
  }
  // --address for each of them but the cluster's default, which agents are given anyway.
  std::vector<std::string> Addresses(bool with_default) const {
    std::vector<std::string> flags;
    for (const std::string& name : names_) {
      if (name == "a" && !with_default) continue;
      flags.insert(flags.end(), {"--address", cluster_.socket(name)});
    }
    return flags;
  }
  std::unique_ptr<Subprocess> StartAgent(const std::string& name, bool migrate) {
    std::vector<std::string> flags = Addresses(false);
    flags.insert(flags.end(), {"--http", "0"});
    return cluster_.StartAgent({.service = name,
                                .instance = name,
                                .yaml = "needs: 0\n",
                                .migrate = migrate,
                                .flags = flags});
  }
  std::string Leader() {
    const std::string address = cluster_.db().Scalar("SELECT address FROM lockstep.leader");
    for (const std::string& name : names_) {
      if (cluster_.socket(name) == address) return name;
    }
    return "";
  }
  std::string Scalar(const std::string& sql) { return cluster_.db().Scalar(sql); }

  Cluster cluster_;
  std::vector<std::string> names_;
};

TEST_F(ReplicasTest, AKilledLeaderIsNoticedNeitherByThePersonWhoFollowsNorByWhatRuns) {
  cluster_.UsePlayground();
  StartReplicas({"a", "b", "c"}, {"--time-scale", "5"});
  ASSERT_EQ(cluster_.Ctl({"publish"}).exit->code, 0);
  auto one = StartAgent("one", false);
  auto two = StartAgent("two", false);
  auto migrator = StartAgent("migrator", true);
  ReadyCanary canaries[] = {ReadyCanary(*one), ReadyCanary(*two), ReadyCanary(*migrator)};

  std::vector<std::string> argv = {"upgrade", "--yes"};
  const std::vector<std::string> addresses = Addresses(true);
  argv.insert(argv.end(), addresses.begin(), addresses.end());
  auto upgrade = cluster_.StartCtl(argv);
  // In the middle: three are committed, and the next one cannot.
  ASSERT_TRUE(Eventually([&] {
    return Scalar("SELECT count(*) >= 3 FROM lockstep.history") == "t";
  })) << upgrade->stderr_text();
  const auto holding = cluster_.db().Connect();
  ASSERT_TRUE(holding->RunScript("BEGIN; LOCK TABLE lockstep.history IN SHARE MODE").ok());
  ASSERT_NE(Scalar("SELECT applied FROM lockstep.chain"), "16") << "too late to kill anybody";
  const std::string killed = Leader();
  ASSERT_FALSE(killed.empty());
  const std::string epoch = Scalar("SELECT epoch FROM lockstep.leader");
  cluster_.coordinator(killed).Signal(SIGKILL);
  ASSERT_TRUE(cluster_.coordinator(killed).Wait().has_value());
  ASSERT_TRUE(holding->RunScript("COMMIT").ok());

  EXPECT_EQ(upgrade->Wait(absl::Seconds(120)), ExitStatus{}) << upgrade->stderr_text();
  EXPECT_THAT(upgrade->stdout_text(), HasSubstr("applied 16"));
  EXPECT_EQ(Scalar("SELECT string_agg(version::text, ' ' ORDER BY applied_at, version) "
                   "FROM lockstep.history"),
            "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16");
  EXPECT_EQ(Scalar("SELECT count(*) FROM lockstep.operation"), "1");
  EXPECT_EQ(Scalar("SELECT state FROM lockstep.operation"), "succeeded");
  EXPECT_NE(Scalar("SELECT epoch FROM lockstep.leader"), epoch);
  EXPECT_NE(Leader(), killed);
  for (ReadyCanary& canary : canaries) EXPECT_EQ(canary.Stop(), "");
  for (Subprocess* agent : {one.get(), two.get(), migrator.get()}) {
    EXPECT_THAT(agent->stderr_text(), Not(HasSubstr("session lost")));
  }
  // Nobody was counted out, and all are back with whoever leads.
  EXPECT_TRUE(Eventually(
      [&] { return Scalar("SELECT count(*) FROM lockstep.session WHERE state = 'live'") == "3"; }));
}

TEST_F(ReplicasTest, AFollowerAnswersReadsWhileTheLeaderIsSilentAndSendsWritesOn) {
  cluster_.WriteMigration("001_good.sql", "CREATE TABLE good (id int)");
  StartReplicas({"a", "b"}, {});
  ASSERT_EQ(cluster_.Ctl({"publish"}, "b").exit->code, 0);  // Redirected.
  auto agent = cluster_.StartAgent({.instance = "one", .yaml = "needs: 0\n"});
  ASSERT_TRUE(agent->WaitForOutput("open "));
  const std::string operation =
      cluster_.Json({"upgrade", "--yes", "--no-wait"}, "b")["operationId"];  // Too.
  ASSERT_EQ(cluster_.Ctl({"operations", "pause", operation}, "b").exit->code, 0);

  cluster_.coordinator("a").Signal(SIGSTOP);
  for (const std::vector<std::string>& read : {std::vector<std::string>{"status"},
                                               {"history"},
                                               {"events"},
                                               {"operations", "list"},
                                               {"operations", "get", operation},
                                               {"instances"},
                                               {"leases"},
                                               {"plan"},
                                               {"chain", "export"}}) {
    const CommandResult result = cluster_.Ctl(read, "b");
    EXPECT_EQ(result.exit->code, 0) << read[0] << ": " << result.err;
  }
  EXPECT_EQ(Scalar("SELECT epoch FROM lockstep.leader"), "1") << "the follower led by then";
  cluster_.coordinator("a").Signal(SIGCONT);
  EXPECT_EQ(cluster_.Ctl({"operations", "cancel", operation}, "b").exit->code, 0);
}

// Nothing here depends on time: each agent is told, leaves, and is welcomed elsewhere.
TEST_F(ReplicasTest, AStoppingLeaderSendsItsAgentsToTheNextOneAndNoGateCloses) {
  cluster_.WriteSum();
  StartReplicas({"a", "b"}, {"--time-scale", "5"});
  std::vector<std::unique_ptr<Subprocess>> agents;
  std::vector<std::unique_ptr<ReadyCanary>> canaries;
  for (int i = 0; i < 4; ++i) {
    agents.push_back(StartAgent(absl::StrCat("s", i), false));
    canaries.push_back(std::make_unique<ReadyCanary>(*agents.back()));
  }
  ASSERT_EQ(Leader(), "a");

  cluster_.coordinator("a").Signal(SIGTERM);
  EXPECT_EQ(cluster_.coordinator("a").Wait(), ExitStatus{});
  EXPECT_TRUE(cluster_.coordinator("b").WaitForOutput("leadership won"));
  for (const auto& agent : agents) {
    EXPECT_TRUE(agent->WaitForOutput("coordinator stops, going elsewhere")) << agent->stderr_text();
    EXPECT_TRUE(
        agent->WaitForOutput(absl::StrCat("connected to coordinator[^\n]*", cluster_.socket("b"))))
        << agent->stderr_text();
    EXPECT_THAT(agent->stderr_text(), Not(HasSubstr("coordinator lost")));
    EXPECT_THAT(agent->stderr_text(), Not(HasSubstr("session lost")));
  }
  for (const auto& canary : canaries) EXPECT_EQ(canary->Stop(), "");
  EXPECT_EQ(Scalar("SELECT count(*) FROM lockstep.session WHERE state = 'live'"), "4");
}

}  // namespace
}  // namespace lockstep::testing
