// Who is in the way of a migration: looked up before it asks for a lock, and while it waits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "engine/apply/lock_look.h"
#include "engine/apply/lock_watch.h"
#include "engine/apply/run.h"
#include "tests/apply/fixture.h"
#include "tests/support/eventually.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using apply::RunOutcome;
using apply::RunResult;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A session of the application that keeps a lock.
class Blocker {
 public:
  Blocker(TestDatabase& db, const std::string& application, const std::string& statement) {
    auto session =
        postgres::ScriptSession::Open({.conninfo = db.conninfo(), .application_name = application});
    if (!session.ok()) throw std::runtime_error(Describe(session.status()));
    session_ = *std::move(session);
    Run("BEGIN");
    Run(statement);
  }
  void Run(const std::string& sql) { EXPECT_THAT(session_->Execute(sql), IsOk()); }
  int pid() const { return session_->announced_backend_pid(); }

 private:
  std::unique_ptr<postgres::ScriptSession> session_;
};

// What an observer was told of waits.
class Waits {
 public:
  apply::Observer observer() {
    return [this](const apply::Progress& progress) {
      const std::lock_guard<std::mutex> lock(mu_);
      if (progress.lock.has_value()) seen_.push_back(*progress.lock);
      version_ = progress.version;
    };
  }
  std::vector<postgres::LockWait> seen() const {
    const std::lock_guard<std::mutex> lock(mu_);
    return seen_;
  }
  chain::Version version() const {
    const std::lock_guard<std::mutex> lock(mu_);
    return version_;
  }

 private:
  mutable std::mutex mu_;
  std::vector<postgres::LockWait> seen_;
  chain::Version version_ = 0;
};

class LockTest : public ::testing::Test {
 protected:
  LockTest() {
    EXPECT_EQ(db_.ApplyOne("CREATE TABLE users (id int)").outcome, RunOutcome::kSucceeded);
  }
  RunResult Apply(const apply::RunSpec& spec) {
    apply::Cancellation nobody;
    return apply::ApplyRun(spec, nobody, waits_.observer());
  }

  LeasedDatabase db_;
  Waits waits_;
};

TEST_F(LockTest, WhoKeepsAMigrationWaitingIsToldWhileItWaits) {
  db_.Publish("ALTER TABLE users ADD COLUMN name text");
  Blocker blocker(db_.db(), "orders@pod-3", "LOCK TABLE users IN ROW EXCLUSIVE MODE");
  apply::RunSpec spec = db_.Lease(2, 2);
  spec.settings.lock_timeout = absl::Seconds(5);
  RunResult result;
  std::thread runner([&] { result = Apply(spec); });
  EXPECT_TRUE(Eventually([&] { return !waits_.seen().empty(); }));
  blocker.Run("ROLLBACK");
  runner.join();
  EXPECT_EQ(result.outcome, RunOutcome::kSucceeded);
  const postgres::LockWait wait = waits_.seen().at(0);
  EXPECT_EQ(wait.relation, "public.users");
  EXPECT_EQ(wait.mode, "AccessExclusiveLock");
  ASSERT_EQ(wait.blockers.size(), 1);
  EXPECT_EQ(wait.blockers[0].pid, blocker.pid());
  EXPECT_EQ(wait.blockers[0].application_name, "orders@pod-3");
  EXPECT_EQ(wait.blockers[0].state, "idle in transaction");
  EXPECT_EQ(wait.blockers[0].query, "LOCK TABLE users IN ROW EXCLUSIVE MODE");
  EXPECT_GT(wait.blockers[0].backend_start, 0);
  EXPECT_GT(wait.blockers[0].transaction_start, 0);
  EXPECT_EQ(waits_.version(), 2);
}

TEST_F(LockTest, ALockTimeoutNamesStatementAndBlockers) {
  db_.Publish("SELECT 1;\nALTER TABLE users\n  ADD COLUMN name text;");
  Blocker blocker(db_.db(), "orders@pod-3", "SELECT count(*) FROM users");
  apply::RunSpec spec = db_.Lease(2, 2);
  spec.settings.lock_timeout = absl::Seconds(1);
  const RunResult result = Apply(spec);
  ASSERT_TRUE(result.error.has_value());
  EXPECT_EQ(result.error->sqlstate, "55P03");
  EXPECT_TRUE(result.error->retryable);
  EXPECT_EQ(result.error->statement, 2);
  EXPECT_EQ(result.error->statement_text, "ALTER TABLE users ADD COLUMN name text");
  ASSERT_TRUE(result.error->lock.has_value());
  ASSERT_EQ(result.error->lock->blockers.size(), 1);
  EXPECT_EQ(result.error->lock->blockers[0].pid, blocker.pid());
}

TEST_F(LockTest, ARowsLockIsToldByItsTable) {
  ASSERT_EQ(db_.ApplyOne("INSERT INTO users VALUES (1)").outcome, RunOutcome::kSucceeded);
  db_.Publish("UPDATE users SET id = 2");
  Blocker blocker(db_.db(), "orders@pod-3", "UPDATE users SET id = 3");
  apply::RunSpec spec = db_.Lease(3, 3);
  spec.settings.lock_timeout = absl::Seconds(1);
  const RunResult result = Apply(spec);
  ASSERT_TRUE(result.error.has_value() && result.error->lock.has_value());
  EXPECT_EQ(result.error->lock->relation, "public.users");
  EXPECT_EQ(result.error->lock->blockers.at(0).pid, blocker.pid());
}

TEST_F(LockTest, WhatATimeoutOfTheAuthorEndsIsNotTriedAgain) {
  db_.Publish("-- lockstep:statement-timeout 50ms\nSELECT pg_sleep(10);");
  const RunResult result = Apply(db_.Lease(2, 2));
  ASSERT_TRUE(result.error.has_value());
  EXPECT_EQ(result.error->sqlstate, "57014");
  EXPECT_FALSE(result.error->retryable);
}

TEST_F(LockTest, AnAgentSeesOnlyWhoIsInItsOwnWay) {
  Blocker blocker(db_.db(), "a", "LOCK TABLE users");
  Blocker waiting(db_.db(), "b", "SELECT 1");
  std::thread waiter([&] { waiting.Run("LOCK TABLE users"); });
  const std::string wait =
      absl::StrCat("SELECT count(*) FROM lockstep.lock_wait(", waiting.pid(), ")");
  EXPECT_TRUE(Eventually([&] { return db_.Scalar(wait) == "1"; })) << "its own role may ask";
  auto agent = postgres::Connection::Open({.conninfo = db_.db().conninfo(db_.agent())});
  ASSERT_THAT(agent, IsOk());
  EXPECT_EQ((*agent)->Query(wait)->only().Text(0), "0");
  blocker.Run("ROLLBACK");
  waiter.join();
}

TEST_F(LockTest, APreparedTransactionIsNamed) {
  PostgresServer server({.settings = {{"max_prepared_transactions", "2"}}});
  ASSERT_THAT(server.Start(), IsOk());
  LeasedDatabase db(&server);
  ASSERT_EQ(db.ApplyOne("CREATE TABLE users (id int)").outcome, RunOutcome::kSucceeded);
  Blocker prepared(db.db(), "orders", "LOCK TABLE users");
  prepared.Run("PREPARE TRANSACTION 'payment-7'");
  db.Publish("ALTER TABLE users ADD COLUMN name text");
  apply::RunSpec spec = db.Lease(2, 2);
  spec.settings.lock_timeout = absl::Seconds(1);
  const RunResult result = Apply(spec);
  ASSERT_TRUE(result.error.has_value() && result.error->lock.has_value());
  EXPECT_THAT(postgres::Describe(*result.error->lock),
              HasSubstr("the prepared transaction payment-7 of role"));
  prepared.Run("ROLLBACK PREPARED 'payment-7'");
}

class LookTest : public LockTest {
 protected:
  // Looks around for a migration with this text; returns how long that took.
  absl::Duration Look(const std::string& sql) {
    const auto migration = chain::ReadMigration("002_next.sql", sql);
    EXPECT_THAT(migration, IsOk());
    auto session = postgres::ScriptSession::Open({.conninfo = db_.db().conninfo(db_.agent())});
    EXPECT_THAT(session, IsOk());
    const absl::Time began = absl::Now();
    look_.WaitForOldHolders(**session, *migration, "public", cancellation_,
                            [this](const auto& wait) {
                              if (wait.has_value()) seen_.push_back(*wait);
                            });
    return absl::Now() - began;
  }
  // Until the transaction of `blocker` is old.
  void Age(const Blocker& blocker) {
    EXPECT_TRUE(Eventually([&] {
      return db_.Scalar(absl::StrCat("SELECT clock_timestamp() - xact_start > interval '2 s' FROM "
                                     "pg_stat_activity WHERE pid = ",
                                     blocker.pid())) == "t";
    }));
  }

  apply::LockLook look_;
  apply::Cancellation cancellation_;
  std::vector<postgres::LockWait> seen_;
};

constexpr char kAlter[] = "ALTER TABLE users ADD COLUMN name text";

TEST_F(LookTest, NobodyIsInTheWayOfAMigrationOnAnIdleDatabase) {
  EXPECT_TRUE(look_.IsDue());
  Look(kAlter);
  EXPECT_THAT(seen_, IsEmpty());
  EXPECT_FALSE(look_.IsDue()) << "nothing can be two seconds old for the next two";
}

TEST_F(LookTest, AnOldTransactionIsGivenAMomentAndNotMore) {
  Blocker blocker(db_.db(), "report", "SELECT count(*) FROM users");
  Age(blocker);
  EXPECT_GE(Look(kAlter), apply::LockLook::kPatience);
  ASSERT_FALSE(seen_.empty());
  EXPECT_EQ(seen_[0].relation, "public.users");
  EXPECT_EQ(seen_[0].mode, "AccessExclusiveLock");
  EXPECT_EQ(seen_[0].blockers.at(0).application_name, "report");
  EXPECT_TRUE(look_.IsDue());
}

TEST_F(LookTest, ItGoesOnAsSoonAsTheTransactionEnds) {
  Blocker blocker(db_.db(), "report", "SELECT count(*) FROM users");
  Age(blocker);
  std::thread end([&] {
    EXPECT_TRUE(Eventually([&] {
      return db_.Scalar(
                 "SELECT count(*) FROM pg_stat_activity WHERE query LIKE "
                 "'%lock_holders%' AND pid <> pg_backend_pid()") != "0";
    }));
    blocker.Run("COMMIT");
  });
  EXPECT_LT(Look(kAlter), apply::LockLook::kPatience);
  end.join();
}

TEST_F(LookTest, WhatDoesNotConflictIsNotInTheWay) {
  Blocker blocker(db_.db(), "report", "SELECT count(*) FROM users");
  Age(blocker);
  EXPECT_LT(Look("INSERT INTO users VALUES (1)"), apply::LockLook::kPatience);
  EXPECT_LT(Look("CREATE TABLE other (id int)"), apply::LockLook::kPatience);
  EXPECT_THAT(seen_, IsEmpty());
}

TEST_F(LookTest, ACancelEndsIt) {
  Blocker blocker(db_.db(), "report", "SELECT count(*) FROM users");
  Age(blocker);
  cancellation_.Request("enough");
  EXPECT_LT(Look(kAlter), apply::LockLook::kPatience);
}

TEST_F(LookTest, ConflictsAreThoseOfPostgres) {
  const std::vector<std::string> modes = {
      "ACCESS SHARE", "ROW SHARE",           "ROW EXCLUSIVE", "SHARE UPDATE EXCLUSIVE",
      "SHARE",        "SHARE ROW EXCLUSIVE", "EXCLUSIVE",     "ACCESS EXCLUSIVE"};
  const auto catalog_name = [](const std::string& mode) {
    std::string name;
    bool upper = true;
    for (const char c : mode) {
      if (c == ' ') {
        upper = true;
      } else {
        name += upper ? c : static_cast<char>(c + ('a' - 'A'));
        upper = false;
      }
    }
    return absl::StrCat(name, "Lock");
  };
  for (const std::string& held : modes) {
    Blocker holder(db_.db(), "holder", absl::StrCat("LOCK TABLE users IN ", held, " MODE"));
    for (const std::string& wanted : modes) {
      const absl::Status asked = db_.db().Connect()->RunScript(
          absl::StrCat("BEGIN; LOCK TABLE users IN ", wanted, " MODE NOWAIT; COMMIT"));
      EXPECT_EQ(db_.Scalar(absl::StrCat("SELECT lockstep.lock_modes_conflict('",
                                        catalog_name(wanted), "', '", catalog_name(held), "')")),
                asked.ok() ? "f" : "t")
          << wanted << " behind " << held;
    }
  }
}

}  // namespace
}  // namespace lockstep::testing
