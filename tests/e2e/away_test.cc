// When something is away: the coordinator, the database, the network, or the instance itself. Each
// row of the table in docs/concepts.md, caused with real processes.
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mutex>
#include <regex>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "tests/chaos/proxy.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/probe.h"
#include "tests/support/eventually.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

// A session TTL of 1.5 s and a stop time of 1 s.
const std::vector<std::string> kFast = {"--time-scale", "20"};

// Asks the readiness of agents again and again, and counts when one is not ready.
class ReadinessWatch {
 public:
  ~ReadinessWatch() { Stop(); }
  void Add(int port) {
    {
      std::lock_guard<std::mutex> lock(mu_);
      ports_.push_back(port);
    }
    if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  }
  int Stop() {
    over_ = true;
    if (thread_.joinable()) thread_.join();
    return unready_;
  }
  int asked() const { return asked_; }

 private:
  void Run() {
    while (!over_) {
      std::vector<int> ports;
      {
        std::lock_guard<std::mutex> lock(mu_);
        ports = ports_;
      }
      for (int port : ports) {
        unready_ += HttpGet(port, "/readyz").status != 200;
        unready_ += HttpGet(port, "/livez").status != 200;
        ++asked_;
      }
      absl::SleepFor(absl::Milliseconds(20));  // The pace of a prober, not a wait for anything.
    }
  }

  std::mutex mu_;
  std::vector<int> ports_;
  std::thread thread_;
  std::atomic<bool> over_{false};
  std::atomic<int> unready_{0};
  std::atomic<int> asked_{0};
};

class Away : public ::testing::Test {
 protected:
  explicit Away(PostgresServer* server = nullptr) : cluster_(server) {}

  // A served database at 1, contract 2 published, a migrator that is adapted to it.
  void Begin(const std::vector<std::string>& flags = kFast) {
    cluster_.WriteMigration("001_users.sql", "CREATE TABLE users (id int, nickname text)");
    cluster_.StartCoordinator("a", flags);
    service_ = cluster_.db().CreateLogin("service");
    cluster_.db().RunScript(absl::StrCat("GRANT lockstep_services TO ", service_));
    ASSERT_EQ(cluster_.Ctl({"publish"}).exit->code, 0);
    migrator_ = cluster_.StartAgent(
        {.service = "migrator", .yaml = "adapted_to: 9\nneeds: 0\n", .migrate = true});
    const CommandResult upgrade = cluster_.Ctl({"upgrade", "--yes"});
    ASSERT_EQ(upgrade.exit->code, 0) << upgrade.err;
    old_sum_ = directory_.File("old.sum");
    std::filesystem::copy_file(cluster_.chain_sum(), old_sum_);
    cluster_.WriteMigration("002_drop_nickname.sql", "ALTER TABLE users DROP COLUMN nickname");
    ASSERT_EQ(cluster_.Ctl({"publish"}).exit->code, 0);
  }
  void KillCoordinators() {
    cluster_.coordinator().Signal(SIGKILL);
    cluster_.coordinator().Wait();
  }
  CommandResult Contract() {
    return cluster_.Ctl({"contract", "2", "--accept-unknown", "the test itself", "--yes"});
  }

  // One that may ask the database itself, as its own role, soon.
  AgentSpec Direct(const std::string& instance, const std::string& yaml = "") {
    return {.instance = instance,
            .yaml = yaml,
            .flags = {"--http", "0", "--direct-after", "200ms"},
            .env = {{"LOCKSTEP_AGENT_DATABASE", cluster_.db().conninfo(service_)}}};
  }
  static bool Opened(const Subprocess& agent) { return agent.WaitForOutput("open "); }
  std::string RowOf(const std::string& instance, const std::string& columns = "state") {
    return cluster_.db().Scalar(absl::StrCat("SELECT coalesce((SELECT ", columns,
                                             " FROM lockstep.session WHERE instance = $1 ORDER BY "
                                             "registered_at DESC LIMIT 1), '')"),
                                {postgres::Param(instance)});
  }
  bool ComesTo(const std::string& instance, const std::string& wanted,
               const std::string& columns = "state") {
    const bool came = Eventually([&] { return RowOf(instance, columns) == wanted; });
    if (!came) ADD_FAILURE() << instance << " is " << RowOf(instance, columns);
    return came;
  }

  TempDir directory_;
  Cluster cluster_;
  std::string service_;
  std::string old_sum_;
  std::unique_ptr<Subprocess> migrator_;
};

TEST_F(Away, TheCoordinatorFromAnInstanceThatStarts) {
  Begin();
  KillCoordinators();
  auto agent = cluster_.StartAgent(Direct("direct-1"));
  ASSERT_TRUE(Opened(*agent)) << agent->stderr_text();
  const int port = HttpPortOf(*agent);
  EXPECT_EQ(HttpGet(port, "/gate").status, 200);
  EXPECT_EQ(HttpGet(port, "/readyz").status, 200);
  EXPECT_EQ(RowOf("direct-1", "state || ' ' || via"), "live direct");
  const std::string session = RowOf("direct-1", "session_id::text");
  const std::string admitted = RowOf("direct-1", "admitted_at::text");

  // It counts: for a coordinator that comes, before and after it is heard there.
  cluster_.StartCoordinator("a", kFast);
  EXPECT_EQ(Contract().exit->code, 5);
  EXPECT_TRUE(ComesTo("direct-1", "live coordinator", "state || ' ' || via"));
  EXPECT_EQ(RowOf("direct-1", "session_id::text"), session);
  EXPECT_EQ(RowOf("direct-1", "admitted_at::text"), admitted);
  EXPECT_EQ(Contract().exit->code, 5);
  agent->Signal(SIGTERM);
  EXPECT_EQ(agent->Wait(), ExitStatus{});
  EXPECT_TRUE(ComesTo("direct-1", "closed"));
  const CommandResult contract = Contract();
  EXPECT_EQ(contract.exit->code, 0) << contract.err;

  // The database refuses whom the contract concerns, as the coordinator would.
  KillCoordinators();
  AgentSpec old = Direct("old-1");
  old.chain_sum = old_sum_;
  auto refused = cluster_.StartAgent(old);
  EXPECT_EQ(refused->Wait(), ExitStatus{.code = 123});
  EXPECT_THAT(refused->stderr_text(), HasSubstr("contract 2 (drop_nickname) ran at "));
  auto adapted = cluster_.StartAgent(Direct("new-1", "adapted_to: 2\n"));
  EXPECT_TRUE(Opened(*adapted)) << adapted->stderr_text();
}

TEST_F(Away, TheCoordinatorFromAnInstanceThatEnds) {
  Begin();
  auto known = cluster_.StartAgent(Direct("known-1"));
  ASSERT_TRUE(Opened(*known)) << known->stderr_text();
  KillCoordinators();
  auto direct = cluster_.StartAgent(Direct("direct-1"));
  ASSERT_TRUE(Opened(*direct)) << direct->stderr_text();
  for (Subprocess* agent : {known.get(), direct.get()}) {
    agent->Signal(SIGTERM);
    EXPECT_EQ(agent->Wait(), ExitStatus{});
  }
  // Before anybody leads again.
  EXPECT_EQ(RowOf("known-1", "state || ' ' || end_rule"), "closed goodbye");
  EXPECT_EQ(RowOf("direct-1", "state || ' ' || end_rule"), "closed goodbye");
  cluster_.StartCoordinator("a", kFast);
  const CommandResult contract = Contract();
  EXPECT_EQ(contract.exit->code, 0) << contract.err;
}

TEST_F(Away, TheCoordinatorFromAnInitContainer) {
  Begin();
  KillCoordinators();
  AgentSpec wait = Direct("pod-1");
  wait.verb = "wait";
  wait.flags = {"--direct-after", "200ms", "--reserve", "--reserve-for", "10m"};
  auto init = cluster_.StartAgent(wait);
  EXPECT_EQ(init->Wait(), ExitStatus{}) << init->stderr_text();
  EXPECT_EQ(RowOf("pod-1"), "starting");
  cluster_.StartCoordinator("a", kFast);
  EXPECT_EQ(Contract().exit->code, 5);
  KillCoordinators();
  auto pod = cluster_.StartAgent(Direct("pod-1"));
  ASSERT_TRUE(Opened(*pod)) << pod->stderr_text();
  EXPECT_EQ(RowOf("pod-1", "state || ' ' || via"), "live direct");
}

// Nobody hears it, so nobody may count its silence: it serves on, and counts.
TEST_F(Away, TheCoordinatorFromAStopServiceThatStarts) {
  Begin();
  KillCoordinators();
  auto agent = cluster_.StartAgent(Direct("stop-1", "on_session_loss: stop\n"));
  ASSERT_TRUE(Opened(*agent)) << agent->stderr_text();
  agent->Signal(SIGSTOP);
  cluster_.StartCoordinator("a", kFast);
  EXPECT_TRUE(ComesTo("stop-1", "suspect"));
  EXPECT_EQ(Contract().exit->code, 5);
  agent->Signal(SIGCONT);
  EXPECT_TRUE(ComesTo("stop-1", "live coordinator", "state || ' ' || via"));
  EXPECT_TRUE(ProcessRuns(agent->pid()));
  // From here on it is an ordinary one.
  KillCoordinators();
  EXPECT_EQ(agent->Wait(), ExitStatus{}) << agent->stderr_text();
  EXPECT_THAT(agent->stderr_text(), HasSubstr("session lost"));
}

TEST_F(Away, TheCoordinatorFromAServiceWithoutADatabase) {
  Begin();
  KillCoordinators();
  AgentSpec spec{.instance = "stateless-1", .flags = {"--http", "0", "--direct-after", "200ms"}};
  auto agent = cluster_.StartAgent(spec);
  const int port = HttpPortOf(*agent);
  HttpAnswer gate;
  EXPECT_TRUE(Eventually([&] {
    gate = HttpGet(port, "/gate");
    return gate.body.value("hint", "") == "start a coordinator, or give the agent --database";
  })) << gate.body;
  EXPECT_EQ(gate.status, 503);
  EXPECT_EQ(gate.body.value("reason", ""), "connecting");
  EXPECT_THAT(gate.body.value("detail", ""), HasSubstr("no coordinator answers (coordinator at "));
  EXPECT_EQ(HttpGet(port, "/livez").status, 200);
  EXPECT_EQ(HttpGet(port, "/readyz").status, 503);
  cluster_.StartCoordinator("a", kFast);
  EXPECT_TRUE(Opened(*agent)) << agent->stderr_text();
}

TEST_F(Away, TheRightToAskFromTheRoleOfTheService) {
  Begin();
  KillCoordinators();
  AgentSpec spec = Direct("nobody-1");
  spec.env["LOCKSTEP_AGENT_DATABASE"] = cluster_.db().conninfo(cluster_.db().CreateLogin("nobody"));
  auto agent = cluster_.StartAgent(spec);
  const int port = HttpPortOf(*agent);
  EXPECT_TRUE(Eventually([&] {
    return HttpGet(port, "/gate").body.value("hint", "") ==
           "GRANT lockstep_services TO the role of --database";
  })) << HttpGet(port, "/gate").body;
}

// What only the coordinator does not hear goes on to count, and what it does not hear stops by
// itself.
TEST_F(Away, TheWayToTheCoordinatorAlone) {
  Begin();
  chaos::Proxy proxy;
  const std::string path = directory_.File("wire.sock");
  chaos::Link* const wire =
      proxy.ListenUnix("wire", path, {.unix_path = cluster_.socket().substr(5)});
  AgentSpec keep = Direct("keep-1");
  AgentSpec stop = Direct("stop-1", "on_session_loss: stop\n");
  for (AgentSpec* spec : {&keep, &stop}) {
    spec->service = spec == &keep ? "keeper" : "stopper";
    spec->address = absl::StrCat("unix:", path);
  }
  auto keeper = cluster_.StartAgent(keep);
  auto stopper = cluster_.StartAgent(stop);
  ASSERT_TRUE(Opened(*keeper)) << keeper->stderr_text();
  ASSERT_TRUE(Opened(*stopper)) << stopper->stderr_text();
  const int port = HttpPortOf(*keeper);
  wire->SetTarget({.unix_path = directory_.File("nowhere")});
  wire->Reset();
  EXPECT_EQ(stopper->Wait(), ExitStatus{});
  EXPECT_THAT(stopper->stderr_text(), HasSubstr("session lost"));
  // It said goodbye in the database, or was given up after its time: either way after it had
  // stopped.
  EXPECT_TRUE(Eventually([&] {
    const std::string state = RowOf("stop-1");
    return state == "closed" || state == "expired";
  })) << RowOf("stop-1");
  EXPECT_TRUE(ComesTo("keep-1", "suspect"));
  EXPECT_EQ(Contract().exit->code, 5);
  EXPECT_TRUE(ProcessRuns(keeper->pid()));
  EXPECT_EQ(HttpGet(port, "/readyz").status, 200);
  wire->SetTarget({.unix_path = cluster_.socket().substr(5)});
  EXPECT_TRUE(ComesTo("keep-1", "live"));
}

TEST_F(Away, EverythingFromAnInstanceThatStoodStill) {
  Begin();
  chaos::Proxy proxy;
  const std::string path = directory_.File("wire.sock");
  chaos::Link* const wire =
      proxy.ListenUnix("wire", path, {.unix_path = cluster_.socket().substr(5)});
  AgentSpec spec = Direct("frozen-1", "on_session_loss: stop\n");
  spec.address = absl::StrCat("unix:", path);
  spec.command = {"sh", "-c", "echo open $$.; exec sleep 600"};
  auto agent = cluster_.StartAgent(spec);
  ASSERT_TRUE(agent->WaitForOutput("open [0-9]+\\.")) << agent->stderr_text();
  std::smatch match;
  const std::string text = agent->stdout_text();
  ASSERT_TRUE(std::regex_search(text, match, std::regex("open ([0-9]+)")));
  const pid_t child = std::stoi(match[1]);
  const std::string session = RowOf("frozen-1", "session_id::text");
  const auto check = [&] {
    return cluster_.db()
        .Connect(service_)
        ->Query("SELECT lockstep.check_session($1)", {postgres::Param(session)})
        .status();
  };
  EXPECT_THAT(check(), IsOk());
  kill(child, SIGSTOP);
  agent->Signal(SIGSTOP);
  wire->Reset();
  EXPECT_TRUE(ComesTo("frozen-1", "expired ttl", "state || ' ' || coalesce(end_rule, '')"));
  const CommandResult contract = Contract();
  EXPECT_EQ(contract.exit->code, 0) << contract.err;
  // Before its first query it learns that it has ended, and its agent stops it.
  EXPECT_THAT(std::string(check().message()), HasSubstr("has ended"));
  kill(child, SIGCONT);
  agent->Signal(SIGCONT);
  EXPECT_EQ(agent->Wait(), ExitStatus{.code = 128 + SIGTERM}) << agent->stderr_text();
  EXPECT_FALSE(ProcessRuns(child));
}

// A crash of one that no coordinator ever heard: it counts until somebody's word ends it.
TEST_F(Away, AnInstanceThatCrashedAfterTheDatabaseLetItIn) {
  Begin();
  KillCoordinators();
  AgentSpec spec = Direct("gone-1", "on_session_loss: stop\n");
  auto agent = cluster_.StartAgent(spec);
  ASSERT_TRUE(Opened(*agent)) << agent->stderr_text();
  agent->Signal(SIGKILL);
  agent->Wait();
  cluster_.StartCoordinator("a", kFast);
  EXPECT_TRUE(ComesTo("gone-1", "suspect"));
  EXPECT_EQ(Contract().exit->code, 5);
  const CommandResult evict =
      cluster_.Ctl({"instances", "evict", "shop", "gone-1", "--attest", "--reason", "killed"});
  EXPECT_EQ(evict.exit->code, 0) << evict.err;
  EXPECT_EQ(RowOf("gone-1", "state || ' ' || end_rule"), "expired attested");
  EXPECT_EQ(Contract().exit->code, 0);
}

// All coordinators away for LOCKSTEP_AWAY_SECONDS: nobody who serves is made unready, and instances
// come and go.
TEST_F(Away, AllCoordinatorsForAWhile) {
  int seconds = 5;
  if (const char* const given = std::getenv("LOCKSTEP_AWAY_SECONDS"); given != nullptr) {
    ASSERT_TRUE(absl::SimpleAtoi(given, &seconds));
  }
  Begin();
  ASSERT_EQ(Contract().exit->code, 0);
  ReadinessWatch watch;
  std::vector<std::unique_ptr<Subprocess>> serving;
  const auto start = [&](const std::string& instance) {
    serving.push_back(cluster_.StartAgent(Direct(instance, "adapted_to: 2\n")));
    ASSERT_TRUE(Opened(*serving.back())) << serving.back()->stderr_text();
    const int port = HttpPortOf(*serving.back());
    ASSERT_TRUE(Eventually([&] { return HttpGet(port, "/readyz").status == 200; }));
    watch.Add(port);
  };
  for (int i = 0; i < 3; ++i) start(absl::StrCat("before-", i));
  KillCoordinators();
  const absl::Time until = absl::Now() + absl::Seconds(seconds);
  const absl::Duration pace = absl::Seconds(seconds) / 5;
  for (int i = 0; i < 5; ++i) {
    const absl::Time next = until - (4 - i) * pace;
    start(absl::StrCat("during-", i));
    AgentSpec old = Direct(absl::StrCat("old-", i));
    old.chain_sum = old_sum_;
    EXPECT_EQ(cluster_.StartAgent(old)->Wait(), ExitStatus{.code = 123});
    absl::SleepFor(next - absl::Now());  // The time that has to pass is what is tested.
  }
  EXPECT_GT(watch.asked(), 0);
  EXPECT_EQ(watch.Stop(), 0);
  for (const auto& agent : serving) EXPECT_TRUE(ProcessRuns(agent->pid()));
  cluster_.StartCoordinator("a", kFast);
  EXPECT_TRUE(Eventually([&] {
    return cluster_.db().Scalar(
               "SELECT count(*) FROM lockstep.session WHERE service = 'shop' AND state = 'live' "
               "AND "
               "via = 'coordinator'") == "8";
  }));
}

class AwayDatabase : public Away {
 protected:
  AwayDatabase() : Away(StartedServer()) {}
  static PostgresServer* StartedServer() {
    static PostgresServer* const server = [] {
      auto* const made = new PostgresServer();
      if (!made->Start().ok()) throw std::runtime_error("PostgreSQL does not start");
      return made;
    }();
    return server;
  }
};

TEST_F(AwayDatabase, StartUpWaitsAndWhoeverServesIsLeftAlone) {
  Begin();
  auto serving = cluster_.StartAgent(Direct("before-1"));
  ASSERT_TRUE(Opened(*serving)) << serving->stderr_text();
  const int port = HttpPortOf(*serving);
  ASSERT_TRUE(Eventually([&] { return HttpGet(port, "/readyz").status == 200; }));
  ReadinessWatch watch;
  watch.Add(port);
  const AgentSpec spec = Direct("during-1");
  KillCoordinators();
  StartedServer()->Kill();
  auto agent = cluster_.StartAgent(spec);
  const int starting = HttpPortOf(*agent);
  HttpAnswer gate;
  EXPECT_TRUE(Eventually([&] {
    gate = HttpGet(starting, "/gate");
    return gate.body.value("detail", "").find("the database does not let it in either") !=
           std::string::npos;
  })) << gate.body;
  EXPECT_EQ(gate.status, 503);
  EXPECT_EQ(gate.body.value("state", ""), "wait");
  EXPECT_EQ(gate.body.value("reason", ""), "connecting");
  EXPECT_THAT(gate.body.value("detail", ""), HasSubstr("no coordinator answers (coordinator at "));
  EXPECT_EQ(HttpGet(starting, "/livez").status, 200);
  ASSERT_THAT(StartedServer()->Start(), IsOk());
  EXPECT_TRUE(Opened(*agent)) << agent->stderr_text();
  const auto row = cluster_.db().Connect()->Query(
      "SELECT state, via FROM lockstep.session WHERE instance = 'during-1'");
  ASSERT_THAT(row, IsOk());
  EXPECT_EQ(row->only().Text(0), "live");
  EXPECT_EQ(row->only().Text(1), "direct");
  EXPECT_EQ(watch.Stop(), 0);
}

}  // namespace
}  // namespace lockstep::testing
