// Statements outside of a transaction, and every half of one that can be found.
#include <atomic>
#include <gmock/gmock.h>

#include "tests/apply/concurrent_fixture.h"

namespace lockstep::testing {
namespace {

using apply::RunOutcome;
using apply::RunResult;
using ::testing::HasSubstr;

std::string Describe(const RunResult& result) {
  return result.error.has_value() ? absl::StrCat(result.error->reason, ": ", result.error->message)
                                  : "no error";
}

#define EXPECT_SUCCEEDED(result)                                 \
  do {                                                           \
    const RunResult r = (result);                                \
    EXPECT_EQ(r.outcome, RunOutcome::kSucceeded) << Describe(r); \
  } while (false)

TEST_F(ConcurrentTest, AnIndexIsBuiltWithItsHistoryRow) {
  MakeTable("t");
  EXPECT_SUCCEEDED(Apply("CREATE INDEX CONCURRENTLY i ON t (a);"));
  EXPECT_EQ(Valid("i"), "true");
  EXPECT_EQ(States(), "1 done");
  EXPECT_EQ(db_.HistorySize(), 1);
  EXPECT_EQ(db_.Scalar("SELECT applied FROM lockstep.chain"), "1");
  EXPECT_EQ(db_.Scalar("SELECT inflight FROM lockstep.chain"), "NULL");
  EXPECT_EQ(db_.Scalar("SELECT state FROM lockstep.lease"), "idle");
  EXPECT_EQ(db_.Scalar("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'i'"),
            db_.owner());
  EXPECT_EQ(db_.Scalar("SELECT count(*) FROM lockstep.opened"), "0");
  ExpectNothingHeld();
}

TEST_F(ConcurrentTest, AnInvalidIndexIsDroppedAndBuiltAgain) {
  for (const char* guard : {"", "IF NOT EXISTS "}) {
    const std::string table = *guard == '\0' ? "plain" : "guarded";
    MakeTable(table);
    auto owner = db_.db().Connect(db_.owner());
    ASSERT_THAT(owner->Query(absl::StrCat("INSERT INTO ", table, " VALUES (1, 'twice')")), IsOk());
    const std::string index = table + "_a";
    EXPECT_FALSE(
        owner
            ->Query(absl::StrCat("CREATE UNIQUE INDEX CONCURRENTLY ", index, " ON ", table, " (a)"))
            .ok());
    ASSERT_EQ(Valid(index), "false");
    const std::string before = Oid(index);
    ASSERT_THAT(owner->Query(absl::StrCat("DELETE FROM ", table, " WHERE b = 'twice'")), IsOk());
    EXPECT_SUCCEEDED(Apply(
        absl::StrCat("CREATE UNIQUE INDEX CONCURRENTLY ", guard, index, " ON ", table, " (a)")));
    EXPECT_EQ(Valid(index), "true") << guard;
    EXPECT_NE(Oid(index), before);
    EXPECT_EQ(States(), "1 done");
  }
}

TEST_F(ConcurrentTest, AnIndexOfThatDefinitionIsAdopted) {
  MakeTable("t");
  auto owner = db_.db().Connect(db_.owner());
  const char* const definition = "i ON t USING btree (lower(b) DESC, a) WHERE a > 3";
  ASSERT_THAT(owner->Query(absl::StrCat("CREATE INDEX ", definition)), IsOk());
  const std::string before = Oid("i");
  EXPECT_SUCCEEDED(Apply(absl::StrCat("CREATE INDEX CONCURRENTLY ", definition)));
  EXPECT_EQ(Oid("i"), before);
  EXPECT_EQ(States(), "1 adopted");
  EXPECT_EQ(db_.HistorySize(), 1);
}

// What is called i while a build of i on t (a) begins, and how to drop it.
struct InTheWay {
  const char* made;
  const char* dropped;
};
constexpr InTheWay kInTheWay[] = {{"CREATE INDEX i ON t (b)", "DROP INDEX i"},
                                  {"CREATE INDEX i ON t (a) WHERE a > 1", "DROP INDEX i"},
                                  {"CREATE UNIQUE INDEX i ON t (a)", "DROP INDEX i"},
                                  {"CREATE INDEX i ON t (a DESC)", "DROP INDEX i"},
                                  {"CREATE INDEX i ON u (a)", "DROP INDEX i"},
                                  {"CREATE TABLE i ()", "DROP TABLE i"}};

class InTheWayTest : public ConcurrentTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(InTheWayTest, IsNeitherAdoptedNorTouched) {
  MakeTable("t");
  MakeTable("u");
  auto owner = db_.db().Connect(db_.owner());
  db_.Publish(absl::StrCat("CREATE INDEX CONCURRENTLY ", GetParam(), " i ON t (a)"));
  for (const InTheWay& other : kInTheWay) {
    SCOPED_TRACE(other.made);
    ASSERT_THAT(owner->Query(other.made), IsOk());
    const std::string before = Oid("i");
    const RunResult result = Again();
    ASSERT_TRUE(result.error.has_value());
    EXPECT_EQ(result.error->reason, "INDEX_DIFFERS");
    EXPECT_FALSE(result.error->retryable);
    EXPECT_EQ(result.error->statement, 1);
    EXPECT_EQ(db_.HistorySize(), 0);
    EXPECT_EQ(Oid("i"), before);
    ASSERT_THAT(owner->Query(other.dropped), IsOk());
  }
  EXPECT_SUCCEEDED(Again());
}

INSTANTIATE_TEST_SUITE_P(Guards, InTheWayTest, ::testing::Values("", "IF NOT EXISTS"));

TEST_F(ConcurrentTest, AnInvalidIndexOfAnotherDefinitionStays) {
  MakeTable("t");
  LeaveHalf("CREATE INDEX CONCURRENTLY i ON t (b)", "t");
  ASSERT_EQ(Valid("i"), "false");
  const RunResult result = Apply("CREATE INDEX CONCURRENTLY i ON t (a)");
  EXPECT_EQ(result.error->reason, "INDEX_DIFFERS");
  EXPECT_THAT(result.error->message, HasSubstr("invalid"));
  EXPECT_EQ(Valid("i"), "false");
}

TEST_F(ConcurrentTest, AFailedBuildLeavesNoInvalidIndexAndCanBeTriedAgain) {
  MakeTable("t");
  auto owner = db_.db().Connect(db_.owner());
  ASSERT_THAT(owner->Query("INSERT INTO t VALUES (1, 'twice')"), IsOk());
  const RunResult result = Apply("-- a comment\nCREATE UNIQUE INDEX CONCURRENTLY i ON t (a)");
  EXPECT_EQ(result.outcome, RunOutcome::kFailed);
  ASSERT_TRUE(result.error.has_value());
  EXPECT_EQ(result.error->sqlstate, "23505");
  EXPECT_EQ(result.error->line, 2);
  EXPECT_FALSE(result.error->retryable);
  EXPECT_EQ(Invalid(), "0");
  EXPECT_EQ(States(), "1 cleaned");
  EXPECT_EQ(db_.HistorySize(), 0);
  ASSERT_THAT(owner->Query("DELETE FROM t WHERE b = 'twice'"), IsOk());
  EXPECT_SUCCEEDED(Again());
  EXPECT_EQ(Valid("i"), "true");
}

TEST_F(ConcurrentTest, AnIndexWithoutANameIsBuiltOnce) {
  MakeTable("t");
  LeaveHalf("CREATE INDEX CONCURRENTLY ON t (b, a)", "t");
  ASSERT_EQ(Invalid(), "1");
  EXPECT_SUCCEEDED(Apply("CREATE INDEX CONCURRENTLY ON t (b, a)"));
  EXPECT_EQ(Invalid(), "0");
  EXPECT_EQ(db_.Scalar("SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass"), "1");
}

TEST_F(ConcurrentTest, AHalfDroppedIndexIsDropped) {
  MakeTable("t");
  auto owner = db_.db().Connect(db_.owner());
  ASSERT_THAT(owner->Query("CREATE INDEX i ON t (a)"), IsOk());
  LeaveHalf("DROP INDEX CONCURRENTLY i", "t");
  ASSERT_EQ(Valid("i"), "false");
  EXPECT_SUCCEEDED(Apply("-- lockstep:phase contract\nDROP INDEX CONCURRENTLY i"));
  EXPECT_EQ(Oid("i"), "NULL");
  EXPECT_EQ(States(), "1 done");
}

TEST_F(ConcurrentTest, AnIndexThatWasNeverThereIsNotTakenForDropped) {
  db_.Publish("-- lockstep:phase contract\nDROP INDEX CONCURRENTLY nope");
  for (int i = 0; i < 2; ++i) {
    const RunResult result = Again();
    ASSERT_TRUE(result.error.has_value());
    EXPECT_EQ(result.error->sqlstate, "42704");
    EXPECT_EQ(States(), "1 cleaned");
  }
}

TEST_F(ConcurrentTest, AnIndexThatMayBeMissingIsDroppedWithoutIt) {
  EXPECT_SUCCEEDED(Apply("-- lockstep:phase contract\nDROP INDEX CONCURRENTLY IF EXISTS nope"));
}

TEST_F(ConcurrentTest, WhatAReindexLeftIsDroppedAndItRunsAgain) {
  MakeTable("t");
  auto owner = db_.db().Connect(db_.owner());
  ASSERT_THAT(owner->Query("CREATE INDEX i ON t (a)"), IsOk());
  for (const char* form : {"REINDEX INDEX CONCURRENTLY i", "REINDEX TABLE CONCURRENTLY t",
                           "REINDEX SCHEMA CONCURRENTLY public"}) {
    LeaveHalf("REINDEX INDEX CONCURRENTLY i", "t");
    ASSERT_EQ(Invalid(), "1") << form;
    const std::string before = Oid("i");
    // The owner of the schema may rebuild all of it.
    db_.db().Query(absl::StrCat("ALTER SCHEMA public OWNER TO ", db_.owner()));
    EXPECT_SUCCEEDED(Apply(form));
    EXPECT_EQ(Invalid(), "0") << form;
    EXPECT_EQ(Valid("i"), "true");
    EXPECT_NE(Oid("i"), before) << form << " did not run";
  }
}

TEST_F(ConcurrentTest, APendingDetachIsFinalized) {
  auto owner = db_.db().Connect(db_.owner());
  if (owner->server_version() < 140000) GTEST_SKIP() << "PostgreSQL 13 has no such statement";
  ASSERT_THAT(owner->Query("CREATE TABLE p (a int) PARTITION BY LIST (a)"), IsOk());
  ASSERT_THAT(owner->Query("CREATE TABLE c PARTITION OF p FOR VALUES IN (1)"), IsOk());
  LeaveHalf("ALTER TABLE p DETACH PARTITION c CONCURRENTLY", "p");
  ASSERT_EQ(db_.Scalar("SELECT inhdetachpending FROM pg_inherits"), "t");
  EXPECT_SUCCEEDED(
      Apply("-- lockstep:phase contract\nALTER TABLE p DETACH PARTITION c CONCURRENTLY"));
  EXPECT_EQ(db_.Scalar("SELECT count(*) FROM pg_inherits"), "0");
}

TEST_F(ConcurrentTest, MaintenanceRunsAgain) {
  MakeTable("t");
  auto owner = db_.db().Connect(db_.owner());
  ASSERT_THAT(owner->Query("CREATE INDEX i ON t (a)"), IsOk());
  db_.Publish("VACUUM t; ANALYZE t; CLUSTER t USING i; REINDEX TABLE t;");
  db_.db().Query(
      "INSERT INTO lockstep.intent (version, statement, last_statement, kind, object, state)"
      " VALUES (1, 1, 1, 'repeatable', 'VACUUM t', 'running')");
  EXPECT_SUCCEEDED(Again());
  EXPECT_EQ(States(), "1 done, 2 done, 3 done, 4 done");
}

// Their connection is lost, as when the agent's machine dies.
TEST_F(ConcurrentTest, ABackendThatDiedIsFollowedByOneThatFinishes) {
  MakeTable("t");
  db_.Publish("CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)");
  const apply::RunSpec spec = db_.LeaseAll();
  auto old = db_.db().Connect();
  RunResult result;
  ASSERT_THAT(old->InTransaction([&] {
    const auto locked = old->Query("LOCK TABLE t IN ROW EXCLUSIVE MODE");
    std::thread runner([&] { result = LeasedDatabase::Apply(spec); });
    EXPECT_TRUE(ComesToWait("CREATE INDEX CONCURRENTLY"));
    EXPECT_EQ(States(), "1 running");
    EXPECT_TRUE(TerminateBackendRunning(db_.db(), "CREATE INDEX CONCURRENTLY"));
    runner.join();
    return locked.status();
  }),
              IsOk());
  EXPECT_EQ(result.outcome, RunOutcome::kFailed);
  EXPECT_TRUE(result.error->retryable);
  EXPECT_EQ(Valid("i"), "false");
  EXPECT_SUCCEEDED(Again());
  EXPECT_EQ(Valid("i"), "true");
  EXPECT_EQ(db_.Scalar("SELECT tries FROM lockstep.intent"), "2");
}

TEST_F(ConcurrentTest, ACancelledBuildLeavesNoInvalidIndex) {
  MakeTable("t");
  db_.Publish("CREATE INDEX CONCURRENTLY i ON t (a)");
  const apply::RunSpec spec = db_.LeaseAll();
  apply::Cancellation cancellation;
  RunResult result;
  auto old = db_.db().Connect();
  std::thread runner;
  ASSERT_THAT(old->InTransaction([&] {
    const auto seen = old->Query("LOCK TABLE t IN ROW EXCLUSIVE MODE");
    runner = std::thread([&] { result = apply::ApplyRun(spec, cancellation, nullptr); });
    EXPECT_TRUE(ComesToWait("CREATE INDEX CONCURRENTLY"));
    db_.Lease(1, 1);  // Taken back already: the clean-up needs the lock, not the token.
    cancellation.Request("revoked");
    // To drop it concurrently waits for this transaction as well.
    EXPECT_TRUE(ComesToWait("DROP INDEX CONCURRENTLY"));
    return seen.status();
  }),
              IsOk());
  runner.join();
  EXPECT_EQ(result.error->reason, "CANCELLED");
  EXPECT_TRUE(result.error->retryable);
  EXPECT_EQ(Invalid(), "0");
  EXPECT_EQ(Oid("i"), "NULL");
  ExpectNothingHeld();
}

TEST_F(ConcurrentTest, HowFarABuildIsAndWhatItWaitsForIsTold) {
  MakeTable("t");
  db_.Publish("CREATE INDEX CONCURRENTLY i ON t (a)");
  const apply::RunSpec spec = db_.LeaseAll();
  auto old = db_.db().Connect();
  base::Mutex mu;
  std::string told;
  RunResult result;
  std::thread runner;
  ASSERT_THAT(old->InTransaction([&] {
    const auto seen = old->Query("LOCK TABLE t IN ROW EXCLUSIVE MODE");
    runner = std::thread([&] {
      apply::Cancellation nobody;
      result = apply::ApplyRun(spec, nobody, [&](const apply::Progress& progress) {
        base::MutexLock lock(mu);
        if (!progress.activity.empty()) told = progress.activity;
      });
    });
    EXPECT_TRUE(Eventually([&] {
      base::MutexLock lock(mu);
      return told ==
             absl::StrCat("waiting for writers before build, for backend ", old->backend_pid());
    })) << told;
    return seen.status();
  }),
              IsOk());
  runner.join();
  EXPECT_EQ(result.outcome, RunOutcome::kSucceeded);
}

TEST_F(ConcurrentTest, AnotherBuildOnTheTableIsWaitedForBeforeItsIndexIsJudged) {
  MakeTable("t");
  auto old = db_.db().Connect();
  RunResult result;
  std::thread other;
  std::thread runner;
  db_.Publish("CREATE INDEX CONCURRENTLY i ON t (a)");
  const apply::RunSpec spec = db_.LeaseAll();
  ASSERT_THAT(old->InTransaction([&] {
    const auto seen = old->Query("LOCK TABLE t IN ROW EXCLUSIVE MODE");
    other = std::thread([&] {
      auto session = postgres::ScriptSession::Open({.conninfo = db_.db().conninfo(db_.owner())});
      EXPECT_THAT((*session)->Execute("CREATE INDEX CONCURRENTLY i ON t (a) /* by hand */"),
                  IsOk());
    });
    EXPECT_TRUE(ComesToWait("by hand"));
    std::atomic<bool> waits = false;
    runner = std::thread([&] {
      apply::Cancellation nobody;
      result = apply::ApplyRun(spec, nobody, [&](const apply::Progress& progress) {
        if (progress.activity.find("is at work") != std::string::npos) waits = true;
      });
    });
    EXPECT_TRUE(Eventually([&] { return waits.load(); }));
    return seen.status();
  }),
              IsOk());
  other.join();
  runner.join();
  EXPECT_EQ(result.outcome, RunOutcome::kSucceeded) << Describe(result);
  EXPECT_EQ(States(), "1 adopted");
  EXPECT_EQ(Valid("i"), "true");
}

}  // namespace
}  // namespace lockstep::testing
