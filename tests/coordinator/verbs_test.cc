// The verbs of an operation at any moment: cancel, pause, resume, retry and start, each perhaps
// twice, by several people at once, while migrations wait for locks, run, commit and lose their
// connection. Whatever happens, each migration runs once, and the states follow each other as they
// may.
//
// LOCKSTEP_TEST_SEED chooses the course; a failure names it.
#include <cstdlib>
#include <gtest/gtest.h>
#include <random>
#include <set>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "engine/base/error_info.h"
#include "tests/coordinator/applying_agent.h"
#include "tests/coordinator/coordinator_test.h"

namespace lockstep::coordinator {
namespace {

constexpr Version kVersions = 30;
constexpr int kPeople = 3;
constexpr int kVerbsEach = 60;

uint32_t SeedFor(int course) {
  uint32_t seed = 0;
  const char* const given = std::getenv("LOCKSTEP_TEST_SEED");
  return given != nullptr && absl::SimpleAtoi(given, &seed) ? seed : 20'260'000u + course;
}

// What a person may be told.
bool IsExpected(const absl::Status& status) {
  static const auto* const expected =
      new std::set<std::string>{"OPERATION_IN_PROGRESS", "BLOCKED", "PLAN_STALE"};
  return status.ok() || expected->contains(base::ReasonOf(status));
}

class VerbsTest : public CoordinatorTest, public ::testing::WithParamInterface<int> {
 protected:
  VerbsTest() {
    durations_.lock_budget = absl::Seconds(5);
    std::vector<chain::Migration> chain = {
        Read(1, "CREATE TABLE counter (n int); INSERT INTO counter VALUES (0);")};
    for (Version v = 2; v <= kVersions; ++v) {
      chain.push_back(Read(v, absl::StrCat("UPDATE counter SET n = n + 1;",
                                           v % 4 == 0 ? "SELECT pg_sleep(0.03);" : "")));
    }
    EXPECT_THAT(operations_->Publish(
                    {.migrations = std::move(chain), .actor = "ann", .lint = LintMode::kOff}),
                IsOk());
    Declaration declaration = lockstep_.Instance("migrator", 0);
    declaration.can_migrate = true;
    agent_ = std::make_shared<ApplyingAgent>(operations_.get(), lessor_.get(),
                                             lockstep_.db().conninfo(), declaration.session_id);
    EXPECT_THAT(fleet_->Register(agent_, declaration, false), IsOk());
  }
  ~VerbsTest() override { agent_->Stop(); }

  static chain::Migration Read(Version v, const std::string& sql) {
    auto m = chain::ReadMigration(absl::StrFormat("%03d_step.sql", v), sql);
    EXPECT_THAT(m, IsOk());
    return *m;
  }

  // Between two deeds; ends early when all is over.
  void Rest(absl::Duration duration) {
    base::MutexLock lock(mu_);
    if (!over_) changed_.WaitFor(lock, duration);
  }
  bool IsOver() {
    base::MutexLock lock(mu_);
    return over_;
  }
  void End() {
    base::MutexLock lock(mu_);
    over_ = true;
    changed_.NotifyAll();
  }

  std::string LastOperation() {
    const auto list = operations_->List("", 1, false);
    return list.ok() && !list->empty() ? list->front().row.operation_id : "op-none";
  }

  absl::Status Do(int verb, const std::string& operation) {
    switch (verb) {
      case 0:
        return operations_->Cancel(operation, "ann", "").status();
      case 1:
        return operations_->Pause(operation, true, "ann", "").status();
      case 2:
        return operations_->Pause(operation, false, "ann", "").status();
      case 3:
        return operations_->Retry(operation, "ann", "").status();
      default:
        return operations_->StartUpgrade({.request_id = base::NewUuid(), .actor = "ann"}, "")
            .status();
    }
  }

  // One of several who know nothing of each other.
  void Person(uint32_t seed) {
    std::mt19937 random(seed);
    for (int i = 0; i < kVerbsEach; ++i) {
      const std::string operation = LastOperation();
      const int verb = static_cast<int>(random() % 6);
      for (uint32_t times = random() % 3 == 0 ? 2 : 1; times > 0; --times) {
        const absl::Status done = Do(verb, operation);
        EXPECT_TRUE(IsExpected(done) || absl::IsNotFound(done)) << verb << ": " << done;
      }
      Rest(absl::Milliseconds(random() % 40));
    }
  }

  // Locks the table for a while, again and again; ends backends in the middle of what they do.
  void Nuisance(uint32_t seed) {
    std::mt19937 random(seed);
    const auto session = lockstep_.Session();
    const auto admin = lockstep_.Connect();
    while (!IsOver()) {
      if (random() % 2 == 0 && session->Execute("BEGIN").ok()) {
        (void)session->Execute("LOCK TABLE counter IN EXCLUSIVE MODE");
        Rest(absl::Milliseconds(random() % 700));
        (void)session->Execute("ROLLBACK");
      } else {
        (void)admin->Query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
            "current_database() AND application_name LIKE 'lockstep:%'");
      }
      Rest(absl::Milliseconds(random() % 200));
    }
  }

  // After all that, somebody sees to it that the chain comes to its head.
  bool ComesToTheHead() {
    return Eventually(
        [&] {
          if (lockstep_.Scalar("SELECT applied FROM lockstep.chain") == absl::StrCat(kVersions)) {
            return true;
          }
          const std::string operation = LastOperation();
          (void)Do(2, operation);
          (void)Do(3, operation);
          (void)Do(4, operation);
          return false;
        },
        absl::Seconds(60));
  }

  // What may follow each state, by the kinds of events.
  void CheckEvents() {
    const auto events = lockstep_.db().Query(
        "SELECT operation, kind FROM lockstep.event WHERE kind LIKE 'operation\\_%' ORDER BY "
        "revision");
    std::map<std::string, std::string> state;
    for (const auto& row : events.rows) {
      std::string& now = state[row.Text(0)];
      const std::string kind = row.Text(1).substr(std::string("operation_").size());
      static const auto* const allowed = new std::map<std::string, std::set<std::string>>{
          {"", {"started"}},
          {"running", {"paused", "cancelling", "succeeded", "failed"}},
          {"paused", {"resumed", "cancelling", "succeeded", "failed"}},
          {"cancelling", {"cancelled", "succeeded", "failed"}},
          {"failed", {"retried"}},
          {"cancelled", {"retried"}},
          {"succeeded", {}}};
      EXPECT_TRUE(allowed->at(now).contains(kind))
          << row.Text(0) << ": " << kind << " behind " << now;
      const bool runs = kind == "started" || kind == "resumed" || kind == "retried";
      now = runs ? "running" : kind;
    }
  }

  std::shared_ptr<ApplyingAgent> agent_;
  base::Mutex mu_;
  base::CondVar changed_;
  bool over_ ABSL_GUARDED_BY(mu_) = false;
};

TEST_P(VerbsTest, AtAnyMomentLeaveEachMigrationAppliedOnceAndAStateThatMayBe) {
  const uint32_t seed = SeedFor(GetParam());
  SCOPED_TRACE(absl::StrCat("LOCKSTEP_TEST_SEED=", seed));
  ASSERT_THAT(Do(4, ""), IsOk());
  std::thread nuisance([&] { Nuisance(seed + 1000); });
  std::vector<std::thread> people;
  for (int i = 0; i < kPeople; ++i) people.emplace_back([this, seed, i] { Person(seed + i); });
  for (std::thread& person : people) person.join();
  End();
  nuisance.join();
  ASSERT_TRUE(ComesToTheHead());
  EXPECT_EQ(lockstep_.Scalar("SELECT n FROM counter"), absl::StrCat(kVersions - 1));
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.history"), absl::StrCat(kVersions));
  EXPECT_TRUE(Eventually([&] {
    return lockstep_.Scalar(
               "SELECT count(*) FROM lockstep.operation WHERE state IN ('running', "
               "'paused', 'cancelling')") == "0";
  }));
  EXPECT_EQ(lockstep_.Scalar("SELECT state FROM lockstep.lease"), "idle");
  EXPECT_EQ(lockstep_.Scalar("SELECT inflight FROM lockstep.chain"), "NULL");
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.attempt WHERE ended_at IS NULL"), "0");
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.opened"), "0");
  CheckEvents();
}

INSTANTIATE_TEST_SUITE_P(Courses, VerbsTest, ::testing::Range(0, 4));

}  // namespace
}  // namespace lockstep::coordinator
