// Throttles on real servers: each stops a job behind the batch that runs, says why, and lets it go
// on by itself.
#include <filesystem>
#include <gtest/gtest.h>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "tests/backfill/fixture.h"
#include "tests/support/eventually.h"
#include "tests/support/matchers.h"
#include "tests/support/postgres_server.h"
#include "tests/support/subprocess.h"

namespace lockstep::testing {
namespace {

constexpr int kRows = 40'000;
constexpr char kSlow[] =
    "-- lockstep:after 1\n-- lockstep:table t\n-- lockstep:key id\n-- lockstep:batch 100\n"
    "-- lockstep:rate 2000\n-- lockstep:section batch\n"
    "UPDATE t SET v = v + 1 WHERE id > $1 AND id <= $2;\n"
    "-- lockstep:section verify\nSELECT id FROM t WHERE v <> 1;\n";

// A job that runs for as long as a test needs, on a thread; ends it quickly in the end.
class RunningJob {
 public:
  explicit RunningJob(BackfillDatabase& db, const std::string& settings = "{}") : db_(db) {
    db_.RunScript(
        absl::StrCat("CREATE TABLE t (id bigint PRIMARY KEY, v int NOT NULL DEFAULT 0) "
                     "WITH (autovacuum_enabled = off); "
                     "INSERT INTO t SELECT g FROM generate_series(1, ",
                     kRows, ") g"));
    db_.Publish("slow", kSlow);
    db_.Start("slow", false, settings);
    (void)db_.Run(*db_.Grant());  // Prepare.
    part_ = *db_.Grant();
    thread_ = std::thread([this] { end_ = db_.Run(part_); });
    Moves();
  }
  ~RunningJob() {
    if (thread_.joinable()) Finish();
  }

  // It commits another batch.
  void Moves() {
    const int64_t before = db_.Batches("slow");
    EXPECT_TRUE(Eventually([&] { return db_.Batches("slow") > before; })) << db_.Stands("slow");
  }
  // It says `throttle`, and commits nothing from then on.
  void StandsFor(const std::string& throttle) {
    std::string why;
    EXPECT_TRUE(Eventually([&] {
      why = db_.Stands("slow");
      return absl::StartsWith(why, throttle);
    })) << why;
    const int64_t batches = db_.Batches("slow");
    // Two beats later, which the row shows, it is where it was.
    const std::string beat = Beat();
    EXPECT_TRUE(Eventually([&] { return Beat() != beat; }));
    EXPECT_EQ(db_.Batches("slow"), batches) << why;
  }
  void Finish() {
    db_.Set("slow", R"({"rate": 0})");
    thread_.join();
    EXPECT_EQ(end_.outcome, backfill::PartOutcome::kDone) << end_.status;
    EXPECT_THAT(db_.RunAll(), IsOk());
    EXPECT_EQ(db_.State("slow"), "done");
  }

 private:
  std::string Beat() {
    return db_.Scalar("SELECT max(expires_at) FROM lockstep.backfill_range WHERE state = 'held'");
  }

  BackfillDatabase& db_;
  backfill::PartSpec part_;
  backfill::PartEnd end_;
  std::thread thread_;
};

TEST(BackfillHold, ALongTransaction) {
  BackfillDatabase db;
  RunningJob job(db, R"({"max_transaction_s": 1})");
  auto other = db.db().Connect();
  ASSERT_THAT(other->RunScript("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t"),
              IsOk());
  job.StandsFor("transaction: ");
  ASSERT_THAT(other->RunScript("COMMIT"), IsOk());
  job.Moves();
  job.Finish();
}

TEST(BackfillHold, ASessionThatWaitsForTheTable) {
  BackfillDatabase db;
  RunningJob job(db);
  auto reader = db.db().Connect();
  ASSERT_THAT(reader->RunScript("BEGIN; SELECT FROM t LIMIT 1"), IsOk());
  std::thread writer([&] {
    auto ddl = db.db().Connect();
    EXPECT_THAT(ddl->RunScript("SET statement_timeout = 0; SET lock_timeout = 0; "
                               "BEGIN; LOCK TABLE t; COMMIT"),
                IsOk());
  });
  job.StandsFor("lock-wait: ");
  ASSERT_THAT(reader->RunScript("COMMIT"), IsOk());
  writer.join();
  job.Moves();
  job.Finish();
}

TEST(BackfillHold, ARowThatSomebodyKeeps) {
  BackfillDatabase db;
  RunningJob job(db);
  auto other = db.db().Connect();
  ASSERT_THAT(other->RunScript("BEGIN; SELECT FROM t WHERE v = 0 FOR UPDATE"), IsOk());
  job.StandsFor("lock-wait: ");
  ASSERT_THAT(other->RunScript("COMMIT"), IsOk());
  job.Moves();
  job.Finish();
}

// A vacuum of the table that takes minutes, by a session of that name; cancelled in the end.
class SlowVacuum {
 public:
  SlowVacuum(BackfillDatabase& db, const std::string& name)
      : db_(db), other_(db.db().Connect()), pid_(other_->backend_pid()) {
    thread_ = std::thread([this, name] {
      (void)other_->RunScript(absl::StrCat("SET application_name = '", name, "'"));
      (void)other_->RunScript("SET statement_timeout = 0");
      (void)other_->RunScript("SET vacuum_cost_delay = '100ms'; SET vacuum_cost_limit = 1");
      (void)other_->RunScript("VACUUM t");
    });
    EXPECT_TRUE(Eventually([&] {
      return db_.db().Scalar("SELECT count(*) FROM pg_stat_progress_vacuum WHERE pid = $1",
                             {postgres::Param(pid_)}) == "1";
    }));
  }
  ~SlowVacuum() {
    db_.db().Query(absl::StrCat("SELECT pg_terminate_backend(", pid_, ")"));
    thread_.join();
  }

 private:
  BackfillDatabase& db_;
  std::unique_ptr<postgres::Connection> other_;
  const int pid_;
  std::thread thread_;
};

TEST(BackfillHold, AVacuumOfTheTable) {
  BackfillDatabase db;
  RunningJob job(db);
  {
    const SlowVacuum vacuum(db, "somebody");
    job.StandsFor("autovacuum: ");
  }
  job.Moves();
  job.Finish();
}

TEST(BackfillHold, ButNotAVacuumOfAnotherHolder) {
  BackfillDatabase db;
  RunningJob job(db);
  const SlowVacuum vacuum(db, "lockstep:another");
  job.Moves();
  job.Moves();
  EXPECT_EQ(db.Stands("slow"), "");
}

TEST(BackfillHold, AQueryOfTheAuthor) {
  BackfillDatabase db;
  db.RunScript("CREATE TABLE hold (yes boolean); INSERT INTO hold VALUES (true)");
  db.RunScript("CREATE TABLE s (id int)");
  db.Publish("seed",
             "-- lockstep:after 1\n-- lockstep:pause-while SELECT yes FROM hold\n"
             "INSERT INTO s VALUES (1);\n");
  db.Start("seed");
  std::thread runner([&, part = *db.Grant()] { (void)db.Run(part); });
  EXPECT_TRUE(Eventually([&] { return absl::StartsWith(db.Stands("seed"), "query: "); }));
  EXPECT_EQ(db.Scalar("SELECT count(*) FROM s"), "0");
  db.RunScript("UPDATE hold SET yes = false");
  runner.join();
  EXPECT_THAT(db.RunAll(), IsOk());
  EXPECT_EQ(db.Scalar("SELECT count(*) FROM s"), "1");
}

TEST(BackfillHold, AReplicaWhoseReplayStandsStill) {
  PostgresServer primary({.settings = {{"wal_level", "replica"}}});
  ASSERT_THAT(primary.Start(), IsOk());
  if (!std::filesystem::exists(primary.bindir() + "/pg_basebackup")) {
    GTEST_SKIP() << "this PostgreSQL comes without pg_basebackup";
  }
  PostgresServer standby({.standby_of = primary.conninfo()});
  ASSERT_THAT(standby.Start(), IsOk());
  {
    BackfillDatabase db(&primary);
    // A machine that is busy with other tests is a second behind now and then.
    RunningJob job(db, R"({"max_lag_ms": 4000})");
    // Our own connections refuse a standby.
    const auto on_standby = [&](const std::string& sql) {
      const CommandResult result =
          RunCommand({.argv = {primary.bindir() + "/psql", "-d", standby.conninfo(), "-c", sql}});
      EXPECT_EQ(result.exit, ExitStatus{}) << result.err;
    };
    on_standby("SELECT pg_wal_replay_pause()");
    job.StandsFor("replica: ");
    on_standby("SELECT pg_wal_replay_resume()");
    job.Moves();
    job.Finish();
  }
}

}  // namespace
}  // namespace lockstep::testing
