// A contract that waits for the fleet, with real processes: it runs by itself when the last concerned
// instance has left, nothing else waits for it, and its barrier outlives leaders and goes at its
// deadline.
#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "tests/e2e/cluster.h"
#include "tests/support/eventually.h"
#include "tests/support/invariant_checks.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// A session TTL of 1.5 s, so that a new leader has settled while one waits.
const std::vector<std::string> kFast = {"--time-scale", "20"};

class ContractTest : public ::testing::Test {
 protected:
  // A served database at 1, contract 2 published, and a migrator that is adapted to it.
  ContractTest() {
    cluster_.WriteMigration("001_users.sql", "CREATE TABLE users (id int, nickname text)");
    cluster_.StartCoordinator("a", kFast);
    EXPECT_EQ(cluster_.Ctl({"publish"}).exit->code, 0);
    migrator_ = cluster_.StartAgent({.service = "migrator",
                                     .yaml = "adapted_to: 2\nneeds: 0\n",
                                     .migrate = true,
                                     .flags = {"--address", cluster_.socket("b")}});
    EXPECT_EQ(cluster_.Ctl({"upgrade", "--yes"}).exit->code, 0);
    EXPECT_TRUE(Eventually([&] { return cluster_.StateOf("migrator", "migrator-1") == "live"; }));
    cluster_.WriteMigration("002_drop_nickname.sql", "ALTER TABLE users DROP COLUMN nickname");
    EXPECT_EQ(cluster_.Ctl({"publish"}).exit->code, 0);
  }
  ~ContractTest() override {
    const auto admin = cluster_.db().Connect();
    EXPECT_THAT(CheckInvariants(*admin), IsEmpty());
  }

  // An instance that still uses the column.
  std::unique_ptr<Subprocess> StartOld(const std::string& instance) {
    return cluster_.StartAgent(
        {.instance = instance, .flags = {"--address", cluster_.socket("b")}});
  }
  std::unique_ptr<Subprocess> StartLiveOld(const std::string& instance) {
    auto agent = StartOld(instance);
    EXPECT_TRUE(agent->WaitForOutput("open ")) << agent->stderr_text();
    EXPECT_TRUE(Eventually([&] { return cluster_.StateOf("shop", instance) == "live"; }));
    return agent;
  }
  static std::vector<std::string> Words(std::vector<std::string> more) {
    // The test's own connections are declared by nobody.
    std::vector<std::string> words = {"contract", "2",    "--when-drained", "--accept-unknown",
                                      "the test", "--yes"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  // Starts it and waits for its barrier.
  std::unique_ptr<Subprocess> StartContract(std::vector<std::string> more = {}) {
    auto contract = cluster_.StartCtl(Words(std::move(more)));
    EXPECT_TRUE(Eventually([&] { return Barrier() == "2"; })) << contract->stderr_text();
    return contract;
  }
  std::string Barrier() {
    return cluster_.db().Scalar("SELECT coalesce(barrier, 0) FROM lockstep.chain");
  }
  std::string Ran() {
    return cluster_.db().Scalar(
        "SELECT coalesce(string_agg(version::text, ' ' ORDER BY applied_at), '') "
        "FROM lockstep.history");
  }
  std::string Operation() {
    return cluster_.db().Scalar(
        "SELECT operation_id FROM lockstep.operation WHERE kind = 'contract' "
        "ORDER BY created_at DESC LIMIT 1");
  }
  std::string OperationState() {
    return cluster_.db().Scalar(
        "SELECT state FROM lockstep.operation WHERE kind = 'contract' "
        "ORDER BY created_at DESC LIMIT 1");
  }

  Cluster cluster_;
  std::unique_ptr<Subprocess> migrator_;
};

TEST_F(ContractTest, RunsByItselfWhenTheLastOneDrainsAndUpgradesDoNotWaitForIt) {
  auto old = StartLiveOld("old-1");
  const CommandResult refused =
      cluster_.Ctl({"contract", "2", "--accept-unknown", "the test", "--yes"});
  EXPECT_EQ(refused.exit->code, 5);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("1 of 2 instances still needs"), HasSubstr("old-1"),
                                 HasSubstr("users.nickname"), HasSubstr("--when-drained")));

  auto contract = StartContract();
  EXPECT_TRUE(contract->WaitForOutput("contract 2: drains: 1 instance to leave: shop"))
      << contract->stderr_text();
  auto late = StartOld("late-1");
  EXPECT_TRUE(Eventually([&] { return cluster_.ReasonOf("shop", "late-1") == "draining"; }));
  EXPECT_THAT(cluster_.Ctl({"status"}).out,
              AllOf(HasSubstr("barrier at 2"), HasSubstr("CONTRACT  op-"),
                    HasSubstr("1 contract waiting: 2 (blocked by shop)")));
  EXPECT_THAT(cluster_.Ctl({"blockers", "2"}).out,
              AllOf(HasSubstr("drop_nickname"), HasSubstr("shop"), HasSubstr("asked for by")));

  cluster_.WriteMigration("003_more.sql", "CREATE TABLE more (id int)");
  EXPECT_EQ(cluster_.Ctl({"publish"}).exit->code, 0);
  const CommandResult upgrade = cluster_.Ctl({"upgrade", "--yes"});
  EXPECT_EQ(upgrade.exit->code, 0) << upgrade.err;
  EXPECT_EQ(Ran(), "1 3");

  old->Signal(SIGTERM);
  EXPECT_EQ(contract->Wait(), ExitStatus{}) << contract->stderr_text();
  EXPECT_THAT(contract->stdout_text(), HasSubstr("contract 2 has run"));
  EXPECT_EQ(Ran(), "1 3 2");
  EXPECT_EQ(Barrier(), "0");
  EXPECT_TRUE(Eventually([&] {
    const std::string reason = cluster_.ReasonOf("shop", "late-1");
    return reason == "too_old" || reason.empty();  // Refused for good, it may have gone.
  }));
}

TEST_F(ContractTest, ItsBarrierSurvivesAKilledLeader) {
  cluster_.StartCoordinator("b", kFast);
  auto old = StartLiveOld("old-1");
  auto contract = StartContract({"--no-wait"});
  EXPECT_EQ(contract->Wait(), ExitStatus{});
  cluster_.coordinator("a").Signal(SIGKILL);
  auto late = StartOld("late-1");
  EXPECT_TRUE(Eventually([&] {
    return cluster_.db().Scalar("SELECT coalesce((SELECT reason FROM lockstep.session WHERE "
                                "instance = 'late-1'), '')") == "draining";
  })) << late->stderr_text();
  EXPECT_EQ(Barrier(), "2");
  old->Signal(SIGTERM);
  EXPECT_TRUE(Eventually([&] { return Ran() == "1 2"; })) << Ran();
  EXPECT_TRUE(Eventually([&] { return OperationState() == "succeeded"; }));
}

TEST_F(ContractTest, AtItsDeadlineWhoeverLeadsThenLiftsIt) {
  auto old = StartLiveOld("old-1");
  auto contract = StartContract({"--no-wait", "--deadline", "1h"});
  EXPECT_EQ(contract->Wait(), ExitStatus{});
  cluster_.coordinator("a").Signal(SIGKILL);
  cluster_.coordinator("a").Wait();
  EXPECT_EQ(Barrier(), "2");
  // It passes while nobody leads.
  cluster_.db().RunScript("UPDATE lockstep.operation SET deadline = clock_timestamp()");
  cluster_.StartCoordinator("b", kFast);
  EXPECT_TRUE(Eventually([&] { return OperationState() == "failed"; }));
  EXPECT_EQ(Barrier(), "0");
  EXPECT_EQ(Ran(), "1");
  const CommandResult watched = cluster_.Ctl({"operations", "watch", Operation()}, "b");
  EXPECT_EQ(watched.exit->code, 5);
  EXPECT_THAT(watched.err, AllOf(HasSubstr("deadline passed"), HasSubstr("operations retry")));
  EXPECT_THAT(cluster_.Ctl({"events"}, "b").out, HasSubstr("barrier_lifted"));
  auto next = StartOld("next-1");
  EXPECT_TRUE(next->WaitForOutput("open ")) << next->stderr_text();
}

TEST_F(ContractTest, CancelLiftsItAndCtrlCOnlyDetaches) {
  auto old = StartLiveOld("old-1");
  auto contract = StartContract();
  EXPECT_TRUE(contract->WaitForOutput("contract 2: drains"));
  contract->Signal(SIGINT);
  EXPECT_EQ(contract->Wait(), ExitStatus{.code = 130});
  EXPECT_THAT(contract->stderr_text(), HasSubstr("operations watch op-"));
  EXPECT_EQ(OperationState(), "running");
  EXPECT_EQ(cluster_.Ctl({"operations", "cancel", Operation()}).exit->code, 0);
  EXPECT_TRUE(Eventually([&] { return OperationState() == "cancelled"; }));
  EXPECT_EQ(Barrier(), "0");
  auto next = StartLiveOld("next-1");
}

TEST_F(ContractTest, AClientThatNobodyDeclaredHoldsItUpUntilItGoes) {
  const std::string reader = cluster_.db().CreateLogin("reader");
  cluster_.db().RunScript(absl::StrCat("GRANT SELECT ON users TO ", reader));
  const std::string psql = cluster_.db().server().bindir() + "/psql";
  auto client = Subprocess::Start(
      {.argv = {psql, "-d", cluster_.db().conninfo(reader), "-c",
                "BEGIN; SELECT nickname FROM users; SELECT pg_sleep(600)"},
       .env = {{"PGAPPNAME", "metabase"}}});
  ASSERT_THAT(client, IsOk());
  EXPECT_TRUE(Eventually([&] {
    return cluster_.db().Scalar("SELECT count(*) FROM pg_stat_activity WHERE application_name = "
                                "'metabase' AND wait_event = 'PgSleep'") == "1";
  }));
  cluster_.db().Disconnect();
  const CommandResult refused = cluster_.Ctl({"contract", "2", "--yes"});
  EXPECT_EQ(refused.exit->code, 5);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("metabase"), HasSubstr("holds a lock"),
                                 HasSubstr("--accept-unknown REASON"), Not(HasSubstr("lockstep-"))));
  auto contract = cluster_.StartCtl({"contract", "2", "--when-drained", "--yes"});
  EXPECT_TRUE(contract->WaitForOutput("drained but for undeclared client metabase"))
      << contract->stderr_text();
  (*client)->Signal(SIGKILL);
  // The server notices when the statement ends.
  cluster_.db().Query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'metabase'");
  cluster_.db().Disconnect();
  EXPECT_EQ(contract->Wait(), ExitStatus{}) << contract->stderr_text();
  EXPECT_EQ(Ran(), "1 2");
}

TEST_F(ContractTest, ItSoaksBehindTheLastOne) {
  auto old = StartLiveOld("old-1");
  auto contract = StartContract({"--soak", "2s"});
  old->Signal(SIGTERM);
  EXPECT_EQ(contract->Wait(), ExitStatus{}) << contract->stderr_text();
  EXPECT_THAT(contract->stderr_text(), HasSubstr("soaks for 2s"));
  double soaked = 0;
  ASSERT_TRUE(absl::SimpleAtod(
      cluster_.db().Scalar("SELECT extract(epoch FROM g.at - d.at) FROM lockstep.event d, "
                           "lockstep.event g WHERE d.kind = 'contract_drained' AND g.kind = "
                           "'run_granted' AND g.version = 2"),
      &soaked));
  EXPECT_GE(soaked, 2);
}

TEST_F(ContractTest, ADirectUpgradeRunsBesideItAndLeavesItWaiting) {
  auto old = StartLiveOld("old-1");
  auto contract = StartContract({"--no-wait"});
  EXPECT_EQ(contract->Wait(), ExitStatus{});
  cluster_.coordinator("a").Signal(SIGKILL);
  cluster_.coordinator("a").Wait();
  cluster_.WriteMigration("003_more.sql", "CREATE TABLE more (id int)");
  const CommandResult direct = cluster_.Ctl({"upgrade", "--direct", "--contracts", "--yes",
                                             "--database", cluster_.db().conninfo()});
  EXPECT_EQ(direct.exit->code, 0) << direct.err;
  EXPECT_THAT(direct.out, HasSubstr("contract waiting"));
  EXPECT_EQ(Ran(), "1 3");
  EXPECT_EQ(Barrier(), "2");
  EXPECT_EQ(OperationState(), "running");
}

}  // namespace
}  // namespace lockstep::testing
