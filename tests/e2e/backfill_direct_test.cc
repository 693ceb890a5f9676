// One data job without a coordinator: to its end, interrupted and killed, never beside one that
// leads, and never more than the one job.
#include <csignal>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "tests/e2e/cluster.h"
#include "tests/support/eventually.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kFill[] =
    "-- lockstep:after 2\n-- lockstep:table orders\n-- lockstep:key id\n"
    "-- lockstep:batch 200\n-- lockstep:durable\n-- lockstep:dual-write nobody writes here\n"
    "-- lockstep:section batch\n"
    "UPDATE orders SET runs = runs + 1 WHERE id > $1 AND id <= $2;\n"
    "-- lockstep:section verify\nSELECT id FROM orders WHERE runs = 0;\n";

class BackfillDirect : public ::testing::Test {
 protected:
  explicit BackfillDirect(const std::string& fill = kFill) {
    std::filesystem::create_directories(cluster_.migrations() + "/backfills");
    cluster_.WriteMigration("001_orders.sql", "CREATE TABLE orders (id bigint PRIMARY KEY);\n");
    cluster_.WriteMigration("002_runs.sql",
                            "ALTER TABLE orders ADD COLUMN runs int NOT NULL DEFAULT 0;\n");
    cluster_.WriteMigration("backfills/fill_runs.sql", fill);
  }

  std::vector<std::string> Command(std::vector<std::string> args) {
    args.insert(args.end(), {"--direct", "--database", cluster_.db().conninfo()});
    return args;
  }
  // Machines of tests are busy with other things.
  std::vector<std::string> StartCommand(const std::string& name = "fill_runs",
                                        const std::vector<std::string>& more = {}) {
    std::vector<std::string> args = {"backfill", "start", name, "--max-active", "1000"};
    args.insert(args.end(), more.begin(), more.end());
    return Command(args);
  }
  CommandResult Direct(std::vector<std::string> args) {
    return cluster_.Ctl(Command(std::move(args)));
  }
  void Prepare(int rows) {
    const CommandResult upgrade = Direct({"upgrade"});
    ASSERT_EQ(upgrade.exit, ExitStatus{}) << upgrade.err;
    cluster_.db().Query(
        absl::StrCat("INSERT INTO orders SELECT g, 0 FROM generate_series(1, ", rows, ") g"));
  }
  std::string Scalar(const std::string& sql) { return cluster_.db().Scalar(sql); }
  std::string Runs() { return Scalar("SELECT min(runs) || ' ' || max(runs) FROM orders"); }
  std::string State(const std::string& name = "fill_runs") {
    return Scalar(absl::StrCat("SELECT state FROM lockstep.backfill WHERE name = '", name, "'"));
  }
  int64_t Walked() {
    return std::stoll(Scalar("SELECT coalesce(sum(rows_walked), 0) FROM lockstep.backfill_range"));
  }
  // One that would take half a minute.
  std::unique_ptr<Subprocess> StartSlowly() {
    auto direct = cluster_.StartCtl(StartCommand("fill_runs", {"--rate", "300"}));
    EXPECT_TRUE(Eventually([&] { return Walked() > 0; })) << direct->stderr_text();
    return direct;
  }

  Cluster cluster_;
};

class LeakyBackfillDirect : public BackfillDirect {
 protected:
  static std::string Leaky() {
    std::string fill = kFill;
    fill.insert(fill.find(";\n-- lockstep:section verify"), " AND id % 100 <> 0");
    return fill;
  }
  LeakyBackfillDirect() : BackfillDirect(Leaky()) {}
};

TEST_F(BackfillDirect, RunsTheOneJobToItsEndAndNoOther) {
  cluster_.WriteMigration("backfills/another.sql",
                          "-- lockstep:after 2\n-- lockstep:section batch\n"
                          "INSERT INTO orders VALUES (1, 0) ON CONFLICT DO NOTHING;\n");
  ASSERT_NO_FATAL_FAILURE(Prepare(3000));
  EXPECT_EQ(State(), "not run") << "no migration needs it";
  const CommandResult start = cluster_.Ctl(StartCommand());
  EXPECT_EQ(start.exit, ExitStatus{}) << start.err;
  EXPECT_THAT(start.out, HasSubstr("backfill fill_runs is done: 3000 rows in "));
  EXPECT_THAT(start.err, Not(HasSubstr("no agent")));
  EXPECT_EQ(Runs(), "1 1");
  EXPECT_EQ(State("another"), "not run");

  const CommandResult list = Direct({"backfill", "list"});
  EXPECT_EQ(list.exit, ExitStatus{}) << list.err;
  EXPECT_THAT(list.out, HasSubstr("another"));
  EXPECT_THAT(list.out, HasSubstr("done"));
  const auto job = cluster_.Json(Command({"backfill", "get", "fill_runs"}));
  EXPECT_EQ(job["state"], "done") << job;
  EXPECT_EQ(job["rowsDone"], "3000") << job;
  EXPECT_NE(Direct({"backfill", "get", "nothing"}).exit, ExitStatus{});

  const CommandResult again = cluster_.Ctl(StartCommand());
  EXPECT_EQ(again.exit, ExitStatus{}) << again.err;
  EXPECT_THAT(again.err, HasSubstr("it is finished"));
  EXPECT_EQ(Runs(), "1 1");
  const CommandResult anew = cluster_.Ctl(StartCommand("fill_runs", {"--again"}));
  EXPECT_EQ(anew.exit, ExitStatus{}) << anew.err;
  EXPECT_EQ(Runs(), "2 2");
}

TEST_F(BackfillDirect, PublishesWhatIsNewAndRunsNothingBeforeItsTurn) {
  cluster_.WriteMigration("003_later.sql", "CREATE TABLE later ();\n");
  std::string later = kFill;
  later.replace(later.find("after 2"), 7, "after 3");
  ASSERT_EQ(Direct({"upgrade", "--to", "2"}).exit, ExitStatus{});
  cluster_.WriteMigration("backfills/later.sql", later);
  const CommandResult early = cluster_.Ctl(StartCommand("later"));
  EXPECT_EQ(early.exit->code, 5) << early.err;
  EXPECT_THAT(early.err, HasSubstr("runs after version 3, the database is at 2"));
  EXPECT_EQ(State("later"), "not run");
  EXPECT_EQ(Scalar("SELECT to_regclass('later') IS NULL"), "t");
}

TEST_F(BackfillDirect, RefusesWhileACoordinatorLeadsAndNamesIt) {
  ASSERT_NO_FATAL_FAILURE(Prepare(10));
  cluster_.StartCoordinator();
  ASSERT_TRUE(cluster_.coordinator().WaitForOutput("leadership won"));
  const CommandResult start = cluster_.Ctl(StartCommand());
  EXPECT_EQ(start.exit->code, 8) << start.err;
  EXPECT_THAT(start.err, HasSubstr(cluster_.socket()));
  EXPECT_EQ(Runs(), "0 0");
  EXPECT_EQ(Direct({"backfill", "list"}).exit, ExitStatus{}) << "looking disturbs nobody";
  const CommandResult usage =
      cluster_.Ctl({"backfill", "start", "fill_runs", "--database", cluster_.db().conninfo()});
  EXPECT_EQ(usage.exit->code, 2) << usage.err;
}

TEST_F(BackfillDirect, CtrlCPausesItBehindABatchAndTheSameCommandGoesOn) {
  ASSERT_NO_FATAL_FAILURE(Prepare(10'000));
  auto direct = StartSlowly();
  direct->Signal(SIGINT);
  EXPECT_EQ(direct->Wait(), ExitStatus{.code = 130}) << direct->stderr_text();
  EXPECT_THAT(direct->stderr_text(), HasSubstr("of 10000 rows; it is paused"));
  EXPECT_THAT(direct->stderr_text(), HasSubstr("hint: run the same command again"));
  EXPECT_EQ(State(), "paused");
  EXPECT_EQ(Scalar("SELECT count(*) FROM lockstep.backfill_range WHERE state = 'held'"), "0");
  EXPECT_THAT(Direct({"backfill", "list"}).out, HasSubstr("it is paused"));
  const int64_t done = Walked();
  EXPECT_LT(done, 10'000);
  const CommandResult rest = cluster_.Ctl(StartCommand("fill_runs", {"--rate", "0"}));
  EXPECT_EQ(rest.exit, ExitStatus{}) << rest.err;
  EXPECT_EQ(Runs(), "1 1");
  EXPECT_EQ(Walked(), 10'000) << "nothing was walked twice";
}

TEST_F(BackfillDirect, ATimeoutPausesItToo) {
  ASSERT_NO_FATAL_FAILURE(Prepare(10'000));
  const CommandResult start =
      cluster_.Ctl(StartCommand("fill_runs", {"--rate", "300", "--timeout", "3s"}));
  EXPECT_EQ(start.exit->code, 6) << start.err;
  EXPECT_NE(Runs(), "1 1");
}

TEST_F(BackfillDirect, OneThatIsKilledIsFinishedByTheNextWithEachRowDoneOnce) {
  ASSERT_NO_FATAL_FAILURE(Prepare(10'000));
  auto killed = StartSlowly();
  killed->Signal(SIGKILL);
  ASSERT_TRUE(killed->Wait().has_value());
  EXPECT_EQ(State(), "running");
  const CommandResult next =
      cluster_.Ctl(StartCommand("fill_runs", {"--rate", "0"}), "a", absl::Minutes(3));
  EXPECT_EQ(next.exit, ExitStatus{}) << next.err;
  EXPECT_EQ(Runs(), "1 1");
}

// An upgrade that was left running by a coordinator that died is not this command's business.
TEST_F(BackfillDirect, LeavesAnUnfinishedUpgradeAlone) {
  ASSERT_NO_FATAL_FAILURE(Prepare(1000));
  cluster_.WriteMigration("003_later.sql", "CREATE TABLE later ();\n");
  cluster_.StartCoordinator();
  ASSERT_EQ(cluster_.Ctl({"publish"}).exit, ExitStatus{});
  ASSERT_EQ(cluster_.Ctl({"upgrade", "--yes", "--no-wait"}).exit, ExitStatus{});
  ASSERT_TRUE(Eventually([&] { return State() == "running"; }));
  cluster_.coordinator().Signal(SIGKILL);
  ASSERT_TRUE(cluster_.coordinator().Wait().has_value());
  const CommandResult start = cluster_.Ctl(StartCommand());
  EXPECT_EQ(start.exit, ExitStatus{}) << start.err;
  EXPECT_EQ(Runs(), "1 1");
  EXPECT_EQ(Scalar("SELECT state FROM lockstep.operation ORDER BY created_at DESC LIMIT 1"),
            "running");
  EXPECT_EQ(Scalar("SELECT applied FROM lockstep.chain"), "2");
}

TEST_F(LeakyBackfillDirect, AVerificationThatFindsRowsIsItsFailureWithHowToLook) {
  ASSERT_NO_FATAL_FAILURE(Prepare(1000));
  const CommandResult start = cluster_.Ctl(StartCommand());
  EXPECT_EQ(start.exit->code, 5) << start.err;
  EXPECT_THAT(start.err, HasSubstr("backfill fill_runs failed"));
  EXPECT_THAT(start.err, HasSubstr("look at them: SELECT id FROM orders WHERE runs = 0"));
  EXPECT_THAT(Direct({"backfill", "get", "fill_runs"}).out, HasSubstr("10 rows"));
}

}  // namespace
}  // namespace lockstep::testing
