// The table of verdicts, each row caused with real processes and seen from outside: over HTTP, by
// over gRPC, by `lockstep wait` and `lockstep status`, and by what becomes of the service itself. A
// closed gate is never a reason to restart anything: liveness stays up in every row.
#include <atomic>
#include <csignal>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <thread>

#include "absl/strings/str_cat.h"

#include "tests/e2e/cluster.h"
#include "tests/e2e/probe.h"
#include "tests/support/eventually.h"
#include "tests/support/health_client.h"
#include "tests/support/temp_dir.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

const char* const kUsers = "CREATE TABLE users (id int, nickname text)";
const char* const kOrders = "CREATE TABLE orders (id int)";

class Verdicts : public ::testing::Test {
 protected:
  void Begin(const std::string& first = kUsers) {
    cluster_.WriteMigration("001_users.sql", first);
    cluster_.StartCoordinator();
    ASSERT_EQ(cluster_.Ctl({"publish"}).exit->code, 0);
    migrator_ = cluster_.StartAgent({.service = "migrator",
                                     .instance = "m-1",
                                     .yaml = "adapted_to: 9\nneeds: 0\n",
                                     .migrate = true});
    ASSERT_TRUE(migrator_->WaitForOutput("open ")) << migrator_->stderr_text();
  }
  void Publish(const std::string& name, const std::string& sql) {
    cluster_.WriteMigration(name, sql);
    ASSERT_EQ(cluster_.Ctl({"publish"}).exit->code, 0);
  }
  void Upgrade() {
    const CommandResult result = cluster_.Ctl({"upgrade", "--yes"});
    ASSERT_EQ(result.exit->code, 0) << result.err;
  }
  // The chain.sum as it is now, for a build that is made with it.
  std::string KeepSum(const std::string& name) {
    const std::string copy = directory_.File(name);
    std::filesystem::copy_file(cluster_.chain_sum(), copy);
    return copy;
  }

  // A service under `lockstep-agent run`, with its probes.
  void Start(AgentSpec spec = {}) {
    spec.instance = "shop-1";
    spec.flags.insert(spec.flags.end(), {"--http", "0", "--grpc-health", "0"});
    agent_ = cluster_.StartAgent(spec);
    port_ = HttpPortOf(*agent_);
    ASSERT_NE(port_, 0) << agent_->stderr_text();
    health_.emplace(absl::StrCat("127.0.0.1:", HealthPortOf(*agent_)));
  }
  // What is refused for good ends the process, so a sidecar shows what it is.
  void StartSidecar(AgentSpec spec = {}) {
    spec.verb = "sidecar";
    Start(std::move(spec));
  }

  // The verdict over HTTP, with the other probes and the coordinator's own health as they have to
  // be in every row but the open ones.
  nlohmann::json Closed(int status, const std::string& reason) {
    const HttpAnswer gate = GateOnce(port_, reason);
    EXPECT_EQ(gate.body.value("reason", ""), reason) << agent_->stderr_text();
    EXPECT_EQ(gate.status, status);
    EXPECT_EQ(gate.body.value("state", ""), status == 409 ? "refused" : "wait");
    EXPECT_EQ(HttpGet(port_, "/livez").status, 200);
    const HttpAnswer ready = HttpGet(port_, "/readyz");
    EXPECT_EQ(ready.status, 503);
    EXPECT_EQ(ready.body.value("reason", ""), "gate_closed");
    EXPECT_EQ(health_->Check("liveness"), "SERVING");
    for (const char* service : {"", "readiness", "gate"}) {
      EXPECT_EQ(health_->Check(service), "NOT_SERVING") << service;
    }
    EXPECT_EQ(HealthClient(cluster_.socket()).Check(""), "SERVING");
    return gate.body;
  }
  void Opens(const std::string& reason) {
    EXPECT_EQ(GateOnce(port_, reason).status, 200) << agent_->stderr_text();
    EXPECT_TRUE(Eventually([&] { return HttpGet(port_, "/readyz").status == 200; }));
    for (const char* service : {"", "readiness", "gate", "liveness"}) {
      EXPECT_EQ(health_->Check(service), "SERVING") << service;
    }
    EXPECT_TRUE(agent_->WaitForOutput("open ")) << agent_->stderr_text();
  }
  // `lockstep wait --for gate=shop`: 0 open, 5 refused, 6 when the time is over.
  CommandResult WaitForGate(const std::string& timeout = "1s") {
    return cluster_.Ctl({"wait", "--for", "gate=shop", "--timeout", timeout});
  }
  // A contract that waits for the fleet behind its barrier, and its end.
  std::unique_ptr<Subprocess> DrainFor(const std::string& version) {
    auto contract = cluster_.StartCtl({"contract", version, "--when-drained", "--deadline", "1h",
                                       "--accept-unknown", "the test itself", "--yes"});
    EXPECT_TRUE(Eventually([&] { return Barrier() == version; })) << contract->stderr_text();
    return contract;
  }
  void CancelDrain() {
    const std::string operation = cluster_.db().Scalar(
        "SELECT operation_id FROM lockstep.operation WHERE kind = 'contract' ORDER BY created_at "
        "DESC LIMIT 1");
    const CommandResult cancel = cluster_.Ctl({"operations", "cancel", operation});
    EXPECT_EQ(cancel.exit->code, 0) << cancel.err;
    EXPECT_TRUE(Eventually([&] { return Barrier() == "0"; }));
  }
  std::string Barrier() {
    return cluster_.db().Scalar("SELECT coalesce(barrier, 0) FROM lockstep.chain");
  }
  // What becomes of a service that asks: `run` and `wait` end with `code`, and nothing was started.
  void EndsWith(int code, AgentSpec spec = {}) {
    for (const char* verb : {"run", "wait"}) {
      spec.verb = verb;
      spec.instance = absl::StrCat("asks-", verb);
      auto agent = cluster_.StartAgent(spec);
      EXPECT_EQ(agent->Wait(), ExitStatus{.code = code}) << agent->stderr_text();
      EXPECT_EQ(agent->stdout_text(), "");
    }
  }

  TempDir directory_;
  Cluster cluster_;
  std::unique_ptr<Subprocess> migrator_;
  std::unique_ptr<Subprocess> agent_;
  int port_ = 0;
  std::optional<HealthClient> health_;
};

TEST_F(Verdicts, NotConfigured) {
  Begin("-- lockstep:phase neutral\nSELECT 1");
  StartSidecar({.service_file = false});
  EXPECT_THAT(Closed(409, "not_configured").value("hint", ""), HasSubstr("lockstep.yaml"));
  EndsWith(123, {.service_file = false});
}

TEST_F(Verdicts, Diverged) {
  Begin();
  Upgrade();
  const std::string published = KeepSum("published.sum");
  cluster_.WriteMigration("001_users.sql", "CREATE TABLE others (id int)");
  StartSidecar();
  const nlohmann::json gate = Closed(409, "diverged");
  EXPECT_THAT(gate.value("detail", ""), HasSubstr("version 1"));
  EXPECT_EQ(WaitForGate().exit->code, 5);
  EndsWith(123);
  agent_->Signal(SIGTERM);
  Start({.chain_sum = published});
  Opens("ready");
}

TEST_F(Verdicts, TooOldNamesTheContractWhenItRanAndWhatWouldWork) {
  Begin();
  Upgrade();
  auto adapted = cluster_.StartAgent({.service = "shop",
                                      .instance = "shop-new",
                                      .yaml = "adapted_to: 2\n",
                                      .flags = {"--build", "v3"}});
  ASSERT_TRUE(adapted->WaitForOutput("open "));
  Publish("002_drop_nickname.sql", "ALTER TABLE users DROP COLUMN nickname");
  const CommandResult contract =
      cluster_.Ctl({"contract", "2", "--accept-unknown", "the test itself", "--yes"});
  ASSERT_EQ(contract.exit->code, 0) << contract.err;
  StartSidecar();
  const nlohmann::json gate = Closed(409, "too_old");
  EXPECT_THAT(gate.value("detail", ""), HasSubstr("contract 2 (drop_nickname) ran at "));
  EXPECT_EQ(gate.value("hint", ""),
            "deploy v3, which works, or a build whose lockstep.yaml says adapted_to: 2 or more");
  const nlohmann::json facts = gate.at("facts");
  EXPECT_EQ(facts.value("version", 0), 2);
  EXPECT_EQ(facts.value("adapted_to", 0), 2);
  EXPECT_EQ(facts.at("builds"), nlohmann::json({"v3"}));
  EXPECT_THAT(facts.value("at", ""), MatchesRegex("20[0-9-]+T[0-9:]+Z"));
  const CommandResult wait = WaitForGate();
  EXPECT_EQ(wait.exit->code, 5);
  EXPECT_THAT(wait.err, HasSubstr("drop_nickname"));
  EndsWith(123);
}

TEST_F(Verdicts, DrainingNamesWhoAskedAndIsWaitedFor) {
  Begin();
  Upgrade();
  Publish("002_drop_nickname.sql", "ALTER TABLE users DROP COLUMN nickname");
  auto holder = cluster_.StartAgent({.service = "holder"});
  ASSERT_TRUE(holder->WaitForOutput("open "));
  auto contract = DrainFor("2");
  Start();
  const nlohmann::json gate = Closed(409, "draining");
  EXPECT_THAT(gate.value("detail", ""),
              MatchesRegex(".*contract 2 .asked for by [^,]+, until 20[0-9-]+ [0-9:]+ UTC.$"));
  EXPECT_EQ(gate.at("facts").value("version", 0), 2);
  EXPECT_EQ(gate.at("facts").value("title", ""), "drop_nickname");
  EXPECT_NE(gate.at("facts").value("owner", ""), "");
  EXPECT_THAT(gate.at("facts").value("at", ""), MatchesRegex("20[0-9-]+T[0-9:]+Z"));
  // Whoever waits for the gate to open is told at once; the instance itself goes on to wait, up to
  // its own time.
  EXPECT_EQ(WaitForGate().exit->code, 5);
  EndsWith(124, {.gate_timeout = "500ms"});
  EXPECT_TRUE(ProcessRuns(agent_->pid()));
  CancelDrain();
  Opens("ready");
}

TEST_F(Verdicts, NotPublished) {
  Begin();
  Upgrade();
  cluster_.WriteMigration("002_orders.sql", kOrders);
  Start();
  EXPECT_EQ(Closed(503, "not_published").value("hint", ""), "lockstep publish");
  EXPECT_EQ(WaitForGate().exit->code, 6);
  EndsWith(124, {.gate_timeout = "300ms"});
  ASSERT_EQ(cluster_.Ctl({"publish"}).exit->code, 0);
  Closed(503, "behind");
  Upgrade();
  Opens("ready");
}

TEST_F(Verdicts, BehindWithNothingOnItsWay) {
  Begin();
  Start();
  const nlohmann::json gate = Closed(503, "behind");
  EXPECT_EQ(gate.value("hint", ""), "lockstep upgrade");
  EXPECT_EQ(gate.value("detail", ""),
            "needs 1, applied is 0, and no operation is on its way there");
  EXPECT_EQ(WaitForGate().exit->code, 6);
  EXPECT_EQ(cluster_.ReasonOf("shop", "shop-1"), "behind");
}

TEST_F(Verdicts, ApplyingStreamsWhatRunsByWhomAndHowFarItIs) {
  Begin();
  Upgrade();
  cluster_.db().RunScript("CREATE TABLE public.go (step int); GRANT SELECT ON public.go TO PUBLIC");
  const auto until = [](int step) {
    return absl::StrCat("DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM go WHERE step = ", step,
                        ") LOOP PERFORM pg_sleep(0.02); END LOOP; END $$;\n");
  };
  Publish("002_orders.sql",
          absl::StrCat("-- lockstep:phase expand\nCREATE TABLE orders (id int);\n", until(1),
                       until(2)));
  Start();
  Closed(503, "behind");
  auto upgrade = cluster_.StartCtl({"upgrade", "--yes"});
  for (int statement : {2, 3}) {
    const std::string wanted =
        absl::StrCat("runs version 2 (orders), statement ", statement, " of 3, by migrator@m-1");
    HttpAnswer gate;
    EXPECT_TRUE(Eventually([&] {
      gate = HttpGet(port_, "/gate");
      return gate.body.value("detail", "").find(wanted) != std::string::npos;
    })) << gate.body;
    EXPECT_EQ(gate.status, 503);
    const nlohmann::json facts = gate.body.at("facts");
    EXPECT_EQ(facts.value("version", 0), 2);
    EXPECT_EQ(facts.value("title", ""), "orders");
    EXPECT_EQ(facts.value("holder", ""), "migrator@m-1");
    EXPECT_EQ(facts.value("statement", 0), statement);
    EXPECT_EQ(facts.value("statements", 0), 3);
    EXPECT_THAT(facts.value("operation_id", ""), HasSubstr("op-"));
    Closed(503, "applying");
    if (statement == 2) {
      EXPECT_EQ(WaitForGate().exit->code, 6);
      // Who asks the database instead of memory hears the same but for the progress.
      EXPECT_EQ(cluster_.db().Scalar(
                    "SELECT facts ->> 'holder' FROM lockstep.gate(true, 0, '', 2, 0, NULL)"),
                "migrator@m-1");
    }
    cluster_.db().RunScript(absl::StrCat("INSERT INTO public.go VALUES (", statement - 1, ")"));
  }
  EXPECT_EQ(upgrade->Wait(), ExitStatus{}) << upgrade->stderr_text();
  Opens("ready");
  EXPECT_EQ(WaitForGate("60s").exit->code, 0);
}

TEST_F(Verdicts, FailedSaysWhatFailedAndWhatToType) {
  Begin();
  Upgrade();
  Publish(
      "002_orders.sql",
      "-- lockstep:phase expand\nCREATE TABLE orders (id int);\nSELECT 1 / (SELECT count(*) FROM "
      "users);");
  EXPECT_EQ(cluster_.Ctl({"upgrade", "--yes"}).exit->code, 1);
  Start();
  const nlohmann::json gate = Closed(503, "failed");
  EXPECT_THAT(gate.value("detail", ""),
              HasSubstr("failed at version 2 (orders), statement 2: division by zero"));
  const std::string operation = gate.at("facts").value("operation_id", "");
  EXPECT_EQ(gate.value("hint", ""), absl::StrCat("lockstep operations get ", operation,
                                                 " tells all of it, lockstep upgrade tries again"));
  EXPECT_EQ(cluster_.Ctl({"operations", "get", operation}).exit->code, 0);
  EXPECT_EQ(gate.at("facts").value("error", ""), "division by zero");
  EXPECT_EQ(gate.at("facts").value("statement", 0), 2);
  EXPECT_EQ(WaitForGate().exit->code, 6);
  // What it says to type helps, once the cause is gone.
  cluster_.db().RunScript("INSERT INTO users VALUES (1, 'a')");
  Upgrade();
  Opens("ready");
}

// A running instance is never made unready by an advance that is compatible with it.
TEST_F(Verdicts, AnInstanceThatServesIsReadyWhileTheDatabaseGoesAhead) {
  Begin();
  Upgrade();
  const std::string before = KeepSum("before.sum");
  Start();
  Opens("ready");
  std::atomic<bool> over{false};
  std::atomic<int> unready{0};
  std::atomic<int> asked{0};
  std::thread prober([&] {
    while (!over) {
      unready += HttpGet(port_, "/readyz").status != 200 || HttpGet(port_, "/gate").status != 200;
      ++asked;
    }
  });
  Publish("002_orders.sql", kOrders);
  Upgrade();
  Publish("003_drop_orders.sql", "DROP TABLE orders");
  auto contract = DrainFor("3");
  const int so_far = asked;
  EXPECT_TRUE(Eventually([&] { return asked > so_far + 5; }));
  over = true;
  prober.join();
  EXPECT_EQ(unready, 0) << "of " << asked;
  CancelDrain();
  // An older build that starts now is let in as well, and told that it is behind the database.
  agent_->Signal(SIGTERM);
  EXPECT_EQ(agent_->Wait(), ExitStatus{});
  Start({.chain_sum = before});
  Opens("ahead");
  EXPECT_EQ(WaitForGate("60s").exit->code, 0);
}

}  // namespace
}  // namespace lockstep::testing
