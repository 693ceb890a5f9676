// Backfills under fire: an agent, the coordinator, backends or PostgreSQL are killed with SIGKILL
// at random moments of a job. More rounds, and other moments: LOCKSTEP_BACKFILL_ROUNDS,
// LOCKSTEP_BACKFILL_SEED (docs/backfills.md).
#include <array>
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <iostream>
#include <random>
#include <signal.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "tests/e2e/cluster.h"
#include "tests/support/eventually.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

constexpr int kRows = 30'000;
constexpr int kStrikes = 4;
constexpr int kAgents = 2;
const std::vector<std::string> kFast = {"--time-scale", "20"};

int FromEnvironment(const char* name, int otherwise) {
  int value = otherwise;
  const char* const text = std::getenv(name);
  if (text != nullptr) (void)absl::SimpleAtoi(text, &value);
  return value;
}

// The counter shows a batch that was done twice or not at all; the text is the table's fingerprint.
std::string Job(bool durable) {
  return absl::StrCat(durable ? "-- lockstep:durable\n" : "",
                      "-- lockstep:after 1\n-- lockstep:table orders\n-- lockstep:key id\n"
                      "-- lockstep:batch 200\n-- lockstep:rate 30000\n"
                      "-- lockstep:dual-write nobody writes here\n-- lockstep:section batch\n"
                      "UPDATE orders SET runs = runs + 1, mark = md5(id::text) "
                      "WHERE id > $1 AND id <= $2;\n"
                      "-- lockstep:section verify\nSELECT id FROM orders WHERE mark IS NULL;\n");
}

enum class Victim { kAgent, kCoordinator, kBackends, kPostgres, kCount };
using Struck = std::array<int, static_cast<size_t>(Victim::kCount)>;

// A fleet whose job is struck some times and then left to finish.
class Round {
 public:
  Round(PostgresServer& server, bool durable, std::mt19937& random, Struck& struck)
      : server_(server), durable_(durable), random_(random), struck_(struck), cluster_(&server) {
    std::filesystem::create_directories(cluster_.migrations() + "/backfills");
    cluster_.WriteMigration("001_orders.sql",
                            "CREATE TABLE orders (id bigint PRIMARY KEY, "
                            "runs int NOT NULL DEFAULT 0, mark text);\n");
    cluster_.WriteMigration("backfills/fill.sql", Job(durable));
    cluster_.StartCoordinator("a", kFast);
    for (auto& agent : agents_) agent = StartAgent();
  }

  void Run() {
    ASSERT_EQ(cluster_.Ctl({"publish"}).exit->code, 0);
    const CommandResult upgrade = cluster_.Ctl({"upgrade", "--yes"});
    ASSERT_EQ(upgrade.exit->code, 0) << upgrade.err;
    ASSERT_TRUE(Eventually([&] { return State() == "done"; }));  // Of no rows.
    cluster_.db().Query(
        absl::StrCat("INSERT INTO orders SELECT g FROM generate_series(1, ", kRows, ") g"));
    Start();
    for (int i = 0; i < kStrikes && State() != "done"; ++i) {
      absl::SleepFor(absl::Milliseconds(std::uniform_int_distribution<int>(5, 400)(random_)));
      ExpectNotMovedBack();
      Strike();
    }
    EXPECT_TRUE(Eventually([&] { return State() == "done"; }, 3 * kPatience))
        << cluster_.Ctl({"backfill", "get", "fill"}).out << cluster_.Ctl({"instances"}).out
        << agents_[0]->stderr_text() << agents_[1]->stderr_text();
    EXPECT_EQ(Scalar("SELECT min(runs) || ' ' || max(runs) FROM orders"), "1 1");
    EXPECT_EQ(Scalar("SELECT md5(string_agg(id || mark, ',' ORDER BY id)) FROM orders"),
              Scalar(absl::StrCat("SELECT md5(string_agg(g || md5(g::text), ',' ORDER BY g)) "
                                  "FROM generate_series(1, ",
                                  kRows, ") g")));
  }

 private:
  std::unique_ptr<Subprocess> StartAgent() {
    return cluster_.StartAgent({.migrate = true});
  }

  void Start() {
    // Machines of tests are busy with other things.
    ASSERT_TRUE(Eventually([&] {
      return cluster_.Ctl({"backfill", "start", "fill", "--again", "--max-active", "1000"})
                 .exit->code == 0;
    }));
    Scalar(
        "WITH calm AS (UPDATE lockstep.backfill SET settings = settings || "
        "'{\"ignore\": [\"transaction\", \"dead-tuples\"]}' RETURNING 1) SELECT count(*) FROM "
        "calm");
  }

  void Strike() {
    const auto victim = static_cast<Victim>(random_() % static_cast<unsigned>(Victim::kCount));
    ++struck_[static_cast<size_t>(victim)];
    if (victim == Victim::kAgent) {
      auto& agent = agents_[random_() % kAgents];
      agent->Signal(SIGKILL);
      agent = StartAgent();
    } else if (victim == Victim::kCoordinator) {
      cluster_.coordinator().Signal(SIGKILL);
      cluster_.StartCoordinator("a", kFast);
    } else if (victim == Victim::kBackends) {
      Scalar(
          "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> "
          "pg_backend_pid() AND datname = current_database() AND backend_type = 'client backend'");
    } else {
      server_.Kill();
      ASSERT_THAT(server_.Start(), IsOk());
      // What was not on disk yet is gone, with its cursor.
      if (!durable_) walked_ = 0;
    }
  }

  void ExpectNotMovedBack() {
    int64_t walked = 0;
    ASSERT_TRUE(
        absl::SimpleAtoi(Scalar("SELECT coalesce(sum((coalesce(position, low))[1]::bigint), 0) "
                                "FROM lockstep.backfill_range WHERE kind = 'range'"),
                         &walked));
    EXPECT_GE(walked, walked_);
    walked_ = walked;
  }

  std::string State() { return Scalar("SELECT state FROM lockstep.backfill"); }

  // The test's own connection may be of a server that was killed.
  std::string Scalar(const std::string& sql) {
    for (int tries = 0;; ++tries) {
      try {
        return cluster_.db().Scalar(sql);
      } catch (const std::exception&) {
        if (tries == 10) throw;
      }
    }
  }

  PostgresServer& server_;
  const bool durable_;
  std::mt19937& random_;
  Struck& struck_;
  Cluster cluster_;
  std::array<std::unique_ptr<Subprocess>, kAgents> agents_;
  int64_t walked_ = 0;
};

TEST(BackfillKills, WhateverIsKilledEachRowIsDoneOnce) {
  const int rounds = FromEnvironment("LOCKSTEP_BACKFILL_ROUNDS", 2);
  const int seed = FromEnvironment("LOCKSTEP_BACKFILL_SEED", 20261123);
  std::mt19937 random(static_cast<unsigned>(seed));
  PostgresServer server;
  ASSERT_THAT(server.Start(), IsOk());
  Struck struck{};
  int done = 0;
  for (; done < rounds && !::testing::Test::HasFailure(); ++done) {
    SCOPED_TRACE(absl::StrCat("round ", done, done % 2 == 0 ? ", durable" : ""));
    Round(server, done % 2 == 0, random, struck).Run();
  }
  std::cout << done << " rounds; killed: " << struck[0] << " agents, " << struck[1]
            << " coordinators, " << struck[2] << " times all backends, " << struck[3]
            << " times PostgreSQL\n";
}

}  // namespace
}  // namespace lockstep::testing
