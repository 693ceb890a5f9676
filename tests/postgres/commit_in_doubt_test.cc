// A connection that is lost in a COMMIT: the one failure whose outcome is unknown.
#include <gtest/gtest.h>
#include <thread>

#include "engine/postgres/connection.h"
#include "engine/postgres/errors.h"
#include "tests/support/eventually.h"
#include "tests/support/matchers.h"
#include "tests/support/test_database.h"

namespace lockstep::postgres {
namespace {

using testing::Eventually;
using testing::IsOk;
using testing::PostgresServer;
using testing::SharedPostgres;
using testing::StatusIs;
using testing::TestDatabase;

// Inserts a row and commits with synchronous replication to a standby that does not exist, so that
// the COMMIT stays under way until somebody ends the session.
absl::Status InsertAndHangInCommit(Connection& connection) {
  return connection.InTransaction([&] {
    EXPECT_THAT(connection.RunScript("SET LOCAL synchronous_commit = on"), IsOk());
    return connection.Query("INSERT INTO t VALUES (1)").status();
  });
}

TEST(CommitInDoubt, ACommitThatHappenedIsReportedAsUnknown) {
  PostgresServer server(
      {.settings = {{"synchronous_standby_names", "nobody"}, {"synchronous_commit", "off"}}});
  ASSERT_THAT(server.Start(), IsOk());
  TestDatabase db({.server = &server});
  db.Query("CREATE TABLE t (id int)");
  const auto connection = db.Connect();
  absl::Status status;
  std::thread committer([&] { status = InsertAndHangInCommit(*connection); });
  EXPECT_TRUE(Eventually([&] {
    return db.Scalar("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == "1";
  }));
  db.Query("SELECT pg_terminate_backend($1)", {Param(int32_t{connection->backend_pid()})});
  committer.join();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnknown, "COMMIT_IN_DOUBT"));
  EXPECT_FALSE(IsRetryable(status));
  EXPECT_FALSE(connection->usable());
  EXPECT_EQ(db.Scalar("SELECT count(*) FROM t"), "1");  // A retry would have inserted two.
}

TEST(CommitInDoubt, ACommitThatDidNotHappenLooksTheSame) {
  TestDatabase db;
  db.Query("CREATE TABLE t (id int)");
  const auto connection = db.Connect();
  const absl::Status status = connection->InTransaction([&] {
    EXPECT_THAT(connection->Query("INSERT INTO t VALUES (1)"), IsOk());
    const Value pid = Param(int32_t{connection->backend_pid()});
    db.Query("SELECT pg_terminate_backend($1)", {pid});
    EXPECT_TRUE(Eventually([&] {
      return db.Scalar("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", {pid}) == "0";
    }));
    return absl::OkStatus();
  });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnknown, "COMMIT_IN_DOUBT"));
  EXPECT_EQ(db.Scalar("SELECT count(*) FROM t"), "0");
}

TEST(CommitInDoubt, ALossBeforeTheCommitIsNoDoubt) {
  TestDatabase db;
  db.Query("CREATE TABLE t (id int)");
  const auto connection = db.Connect();
  const absl::Status status = connection->InTransaction([&] {
    EXPECT_THAT(connection->Query("INSERT INTO t VALUES (1)"), IsOk());
    return connection->Query("SELECT pg_terminate_backend(pg_backend_pid())").status();
  });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, "DATABASE_UNAVAILABLE"));
  EXPECT_FALSE(connection->usable());
  EXPECT_EQ(db.Scalar("SELECT count(*) FROM t"), "0");
}

TEST(CommitInDoubt, AServerThatDiesInAStatementIsNoDoubt) {
  PostgresServer server;
  ASSERT_THAT(server.Start(), IsOk());
  TestDatabase db({.server = &server});
  db.Query("CREATE TABLE t (id int)");
  const auto connection = db.Connect();
  absl::Status status;
  std::thread writer([&] {
    status = connection->InTransaction([&] {
      EXPECT_THAT(connection->Query("INSERT INTO t VALUES (1)"), IsOk());
      return connection->Query("SELECT pg_sleep(600)").status();
    });
  });
  EXPECT_TRUE(Eventually([&] {
    return db.Scalar("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1";
  }));
  server.Kill();
  writer.join();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, "DATABASE_UNAVAILABLE"));
  ASSERT_THAT(server.Start(), IsOk());
  EXPECT_EQ(db.Connect()->Query("SELECT count(*) FROM t")->only().Int(0), 0);
}

}  // namespace
}  // namespace lockstep::postgres
