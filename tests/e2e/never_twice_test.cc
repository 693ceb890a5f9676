// "Never twice, never half, never by two": many agents at once, holders killed at random.
#include <cstdlib>
#include <gtest/gtest.h>
#include <map>
#include <random>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "tests/e2e/cluster.h"
#include "tests/support/eventually.h"

namespace lockstep::testing {
namespace {

constexpr int kAgents = 32;
constexpr int kDefaultRounds = 20;

int Rounds() {
  const char* const text = std::getenv("LOCKSTEP_STAMPEDE_ROUNDS");
  int rounds = 0;
  return text != nullptr && absl::SimpleAtoi(text, &rounds) && rounds > 0 ? rounds : kDefaultRounds;
}

// What the server's log tells of who ran and committed what.
struct LogFacts {
  std::set<std::string> ddl_backends;
  std::map<int, std::set<std::string>> committed_by;  // Version -> backends.
};

// Statements are logged as "... [pid] ... execute <unnamed>: SQL", their parameters as DETAIL
// below.
LogFacts ReadFacts(const std::string& log) {
  static const std::regex kPid(R"(\[(\d+)\])");
  // Of close the version, of close_group also the last of its group.
  static const std::regex kVersion(R"(\$3 = '(\d+)', \$4 = '(?:(\d+)'|\\))");
  LogFacts facts;
  // Backend -> versions whose close was asked for, first and last.
  std::map<std::string, std::pair<int, int>> closing;
  std::map<std::string, bool> close_seen;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (!std::regex_search(line, match, kPid)) continue;
    const std::string pid = match[1];
    if (line.find("CREATE TABLE IF NOT EXISTS") != std::string::npos &&
        line.find("execute") != std::string::npos) {
      facts.ddl_backends.insert(pid);
    }
    if (line.find("lockstep.close") != std::string::npos) close_seen[pid] = true;
    if (close_seen[pid] && std::regex_search(line, match, kVersion)) {
      const int first = std::stoi(match[1]);
      closing[pid] = {first, match[2].matched ? std::stoi(match[2]) : first};
      close_seen[pid] = false;
    }
    if (line.find("ERROR:") != std::string::npos || line.find("FATAL:") != std::string::npos) {
      closing.erase(pid);
    }
    if (line.find(": COMMIT") != std::string::npos && closing.contains(pid)) {
      const auto [first, last] = closing[pid];
      for (int version = first; version <= last; ++version) {
        facts.committed_by[version].insert(pid);
      }
      closing.erase(pid);
    }
  }
  return facts;
}

// Kills the agent that holds the run, at a random moment of it. Returns its index, or -1 when the
// run was over before it was hit.
int KillHolder(Cluster& cluster, std::vector<std::unique_ptr<Subprocess>>& agents,
               std::mt19937& random) {
  std::string holder;
  const bool found = Eventually([&] {
    holder = cluster.db().Scalar(
        "SELECT coalesce((SELECT a.holder FROM lockstep.lease l JOIN lockstep.attempt a "
        "ON a.lease_epoch = l.epoch WHERE l.state = 'held'), '')");
    return !holder.empty() || cluster.db().Scalar("SELECT applied FROM lockstep.chain") == "16";
  });
  if (!found || holder.empty()) return -1;
  // A random moment, not synchronisation: anything may be going on when the signal arrives.
  std::this_thread::sleep_for(std::chrono::microseconds(random() % 150'000));
  const int index = std::atoi(holder.substr(holder.rfind('-') + 1).c_str()) - 1;
  agents[static_cast<size_t>(index)]->Signal(SIGKILL);
  return index;
}

// When the last version was committed, as seconds since 1970.
double LastCommit(Cluster& cluster) {
  return std::stod(
      cluster.db().Scalar("SELECT extract(epoch FROM max(applied_at)) FROM lockstep.history"));
}

// When the agent's child was started.
double OpenedAt(const Subprocess& agent) {
  const std::string text = agent.stdout_text();
  const size_t at = text.find("open ");
  return at == std::string::npos ? 0 : std::stod(text.substr(at + 5));
}

struct RoundResult {
  bool killed = false;
  double slowest = 0;  // Seconds from the last commit to the last gate.
};

// `served`: each migration has a transaction of its own, which takes longer; else they share one.
RoundResult RunRound(bool kill, bool served, unsigned seed) {
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  PostgresServer server({.max_connections = 200, .log_statements = true});
  EXPECT_TRUE(server.Start().ok());
  Cluster cluster(&server);
  cluster.UsePlayground();
  cluster.StartCoordinator();
  EXPECT_EQ(cluster.Ctl({"publish"}).exit->code, 0);
  if (served) cluster.db().Query("UPDATE lockstep.chain SET first_served_at = now()");
  std::vector<std::unique_ptr<Subprocess>> agents;
  for (int i = 0; i < kAgents; ++i) {
    agents.push_back(cluster.StartAgent({.service = "shop",
                                         .migrate = true,
                                         .gate_timeout = "120s",
                                         .command = {"bash", "-c", "echo open $(date +%s.%N)"}}));
  }
  auto upgrade = cluster.StartCtl({"upgrade", "--yes", "--timeout", "120s"});
  std::mt19937 random(seed);
  const int victim = kill ? KillHolder(cluster, agents, random) : -1;
  RoundResult result{.killed = victim >= 0};

  EXPECT_EQ(upgrade->Wait(absl::Seconds(150)), ExitStatus{}) << upgrade->stderr_text();
  for (int i = 0; i < kAgents; ++i) {
    if (i == victim) continue;
    EXPECT_EQ(agents[static_cast<size_t>(i)]->Wait(absl::Seconds(60)), ExitStatus{})
        << agents[static_cast<size_t>(i)]->stderr_text();
  }
  const double last_commit = LastCommit(cluster);
  for (int i = 0; i < kAgents; ++i) {
    if (i == victim) continue;
    const double opened = OpenedAt(*agents[static_cast<size_t>(i)]);
    EXPECT_GT(opened, last_commit) << "a gate opened before the last commit";
    result.slowest = std::max(result.slowest, opened - last_commit);
  }
  EXPECT_EQ(cluster.db().Scalar(
                "SELECT string_agg(version::text, ',' ORDER BY version) FROM lockstep.history"),
            "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16");
  const LogFacts facts = ReadFacts(server.ReadLog());
  EXPECT_EQ(facts.committed_by.size(), 16u);
  for (const auto& [version, backends] : facts.committed_by) {
    EXPECT_EQ(backends.size(), 1u) << "version " << version << " was committed by two backends";
  }
  if (!result.killed) {
    EXPECT_EQ(facts.ddl_backends.size(), 1u);
    EXPECT_EQ(cluster.db().Scalar("SELECT count(DISTINCT xid) FROM lockstep.history"),
              served ? "16" : "1");
  }
  return result;
}

TEST(NeverTwice, ThirtyTwoAgentsAtOnceApplyEachVersionOnceAndAllOpenWithinASecond) {
  const int rounds = Rounds();
  int killed = 0;
  for (int round = 0; round < rounds; ++round) {
    const bool kill = round % 2 == 1;
    const bool served = round % 4 >= 2;
    const RoundResult result = RunRound(kill, served, 1000u + static_cast<unsigned>(round));
    killed += result.killed ? 1 : 0;
    std::printf("round %2d: %s, %s, last gate %.3f s after the last commit\n", round,
                served ? "one by one" : "in a group", result.killed ? "holder killed" : "no kill",
                result.slowest);
    EXPECT_LT(result.slowest, 1.0);
    if (::testing::Test::HasFailure()) break;
  }
  // A kill that never met a running holder would prove nothing.
  if (rounds >= 4) {
    EXPECT_GE(killed, rounds / 4);
  }
}

// kill -9 of the agent while a statement of version 2 runs: another agent finishes by itself.
TEST(NeverTwice, AHolderKilledInTheMiddleOfAStatementIsReplacedWithoutHelp) {
  Cluster cluster;
  cluster.WriteMigration("001_counter.sql",
                         "CREATE TABLE counter (n int); INSERT INTO counter VALUES (0)");
  cluster.WriteMigration(
      "002_slow.sql", "-- lockstep:phase data\nUPDATE counter SET n = n + 1;\nSELECT pg_sleep(3);");
  cluster.WriteMigration("003_more.sql", "CREATE TABLE more (id int)");
  cluster.StartCoordinator();
  ASSERT_EQ(cluster.Ctl({"publish"}).exit->code, 0);
  std::vector<std::unique_ptr<Subprocess>> agents;
  for (int i = 0; i < 2; ++i) {
    agents.push_back(
        cluster.StartAgent({.service = "shop", .yaml = "needs: 3\n", .migrate = true}));
  }
  auto upgrade = cluster.StartCtl({"upgrade", "--yes"});
  ASSERT_TRUE(Eventually([&] {
    return cluster.db().Scalar(
               "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3)%' "
               "AND state = 'active' AND pid <> pg_backend_pid()") != "0";
  })) << upgrade->stderr_text();
  const std::string holder =
      cluster.db().Scalar("SELECT holder FROM lockstep.attempt ORDER BY lease_epoch DESC LIMIT 1");
  const std::string first_epoch = cluster.db().Scalar("SELECT epoch FROM lockstep.lease");
  const size_t victim = holder == "shop@shop-1" ? 0 : 1;
  agents[victim]->Signal(SIGKILL);

  EXPECT_EQ(upgrade->Wait(absl::Seconds(60)), ExitStatus{}) << upgrade->stderr_text();
  EXPECT_EQ(cluster.db().Scalar("SELECT n FROM counter"), "1");
  EXPECT_EQ(cluster.db().Scalar("SELECT count(*) FROM lockstep.history"), "3");
  EXPECT_NE(cluster.db().Scalar("SELECT lease_epoch FROM lockstep.history WHERE version = 2"),
            first_epoch);
  EXPECT_NE(cluster.db().Scalar("SELECT applied_by FROM lockstep.history WHERE version = 2"),
            holder);
  EXPECT_TRUE(agents[1 - victim]->WaitForOutput("open "));
}

}  // namespace
}  // namespace lockstep::testing
