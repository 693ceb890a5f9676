#include "engine/postgres/connection.h"

#include <gtest/gtest.h>
#include <limits>

#include "absl/strings/str_cat.h"

#include "engine/base/error_info.h"
#include "engine/postgres/errors.h"
#include "tests/support/eventually.h"
#include "tests/support/matchers.h"
#include "tests/support/test_database.h"

namespace lockstep::postgres {
namespace {

using absl::StatusCode;
using testing::Describe;
using testing::Eventually;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;
using testing::PostgresServer;
using testing::StatusIs;
using testing::TestDatabase;

class ConnectionTest : public ::testing::Test {
 protected:
  // Ends the session `connection` from outside, and waits until it is gone.
  void Terminate(const Connection& connection) {
    const Value pid = Param(int32_t{connection.backend_pid()});
    ASSERT_EQ(db_.Scalar("SELECT pg_terminate_backend($1)", {pid}), "t");
    ASSERT_TRUE(Eventually([&] {
      return db_.Scalar("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", {pid}) == "0";
    }));
  }

  TestDatabase db_;
};

TEST_F(ConnectionTest, SetsItsSessionUp) {
  auto connection = Connection::Open({.conninfo = db_.conninfo(),
                                      .application_name = "lockstep test",
                                      .statement_timeout = absl::Milliseconds(1500),
                                      .lock_timeout = absl::Milliseconds(250)});
  ASSERT_THAT(connection, IsOk());
  const auto show = [&](const std::string& name) {
    return (*connection)->Query("SELECT current_setting($1)", {Param(name)})->only().Text(0);
  };
  EXPECT_EQ(show("application_name"), "lockstep test");
  EXPECT_EQ(show("statement_timeout"), "1500ms");
  EXPECT_EQ(show("lock_timeout"), "250ms");
  EXPECT_EQ(show("timezone"), "UTC");
  EXPECT_EQ(show("jit"), "off");
  EXPECT_GE((*connection)->server_version(), 130000);
}

TEST_F(ConnectionTest, BindsParametersOfEveryKind) {
  const auto connection = db_.Connect();
  const auto result = connection->Query(
      "SELECT $1::int, $2::bigint, $3::bool, $4::bytea, $5::text, $6::text[], $7::int[], $8::text",
      {Param(int32_t{-5}), Param(std::numeric_limits<int64_t>::min()), Param(true),
       BytesParam(std::string("\0\x01'", 3)), Param("'; DROP TABLE t; --"),
       TextArrayParam({"a,b", "\"", "", "NULL"}), IntArrayParam({3, 1}), NullParam()});
  ASSERT_THAT(result, IsOk());
  const Row& row = result->only();
  EXPECT_EQ(row.Int(0), -5);
  EXPECT_EQ(row.Long(1), std::numeric_limits<int64_t>::min());
  EXPECT_TRUE(row.Bool(2));
  EXPECT_EQ(row.Bytes(3), std::string("\0\x01'", 3));
  EXPECT_EQ(row.Text(4), "'; DROP TABLE t; --");
  EXPECT_EQ(row.TextArray(5), (std::vector<std::string>{"a,b", "\"", "", "NULL"}));
  EXPECT_EQ(row.IntArray(6), (std::vector<int32_t>{3, 1}));
  EXPECT_TRUE(row.IsNull(7));
}

TEST_F(ConnectionTest, RefusesAZeroByteInsteadOfCuttingTheValueThere) {
  const auto connection = db_.Connect();
  EXPECT_THAT(connection->Query("SELECT $1::text", {Param(std::string("a\0b", 3))}),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(connection->Query("SELECT 1"), IsOk());
}

TEST_F(ConnectionTest, CountsAffectedRows) {
  db_.Query("CREATE TABLE t AS SELECT generate_series(1, 5) AS id");
  const auto result = db_.Connect()->Query("UPDATE t SET id = id + 10 WHERE id > 3");
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(result->affected_rows, 2);
  EXPECT_TRUE(result->empty());
}

TEST_F(ConnectionTest, MapsWhatTheServerRefuses) {
  db_.RunScript(
      "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (p int REFERENCES p, n int CHECK (n > "
      "0)); INSERT INTO p VALUES (1)");
  const std::string reader = db_.CreateLogin("reader");
  const struct {
    const char* sql;
    StatusCode code;
    const char* sqlstate;
  } kTable[] = {
      {"SELEC 1", StatusCode::kInvalidArgument, "42601"},
      {"SELECT * FROM no_such_table", StatusCode::kInvalidArgument, "42P01"},
      {"SELECT no_such_column FROM p", StatusCode::kInvalidArgument, "42703"},
      {"SELECT no_such_function()", StatusCode::kInvalidArgument, "42883"},
      {"SELECT 1 / 0", StatusCode::kInvalidArgument, "22012"},
      {"INSERT INTO p VALUES (1)", StatusCode::kAlreadyExists, "23505"},
      {"INSERT INTO p VALUES (NULL)", StatusCode::kFailedPrecondition, "23502"},
      {"INSERT INTO c VALUES (2, 1)", StatusCode::kFailedPrecondition, "23503"},
      {"INSERT INTO c VALUES (1, 0)", StatusCode::kFailedPrecondition, "23514"},
      {"DO $$ BEGIN RAISE SQLSTATE '40001'; END $$", StatusCode::kAborted, "40001"},
      {"DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$", StatusCode::kAborted, "40P01"},
      {"DO $$ BEGIN RAISE SQLSTATE '55P03'; END $$", StatusCode::kDeadlineExceeded, "55P03"},
      {"DO $$ BEGIN RAISE SQLSTATE '53100'; END $$", StatusCode::kResourceExhausted, "53100"},
      {"DO $$ BEGIN RAISE SQLSTATE 'LS001'; END $$", StatusCode::kFailedPrecondition, "LS001"},
      {"DO $$ BEGIN RAISE SQLSTATE 'LS010'; END $$", StatusCode::kUnavailable, "LS010"},
  };
  const auto connection = db_.Connect();
  for (const auto& row : kTable) {
    const absl::Status status = connection->Query(row.sql).status();
    EXPECT_THAT(status, StatusIs(row.code)) << row.sql;
    EXPECT_EQ(SqlStateOf(status), row.sqlstate) << row.sql;
    EXPECT_TRUE(connection->usable()) << row.sql;
  }
  EXPECT_THAT(db_.Connect(reader)->Query("SELECT * FROM p"),
              StatusIs(StatusCode::kPermissionDenied));
}

TEST_F(ConnectionTest, KeepsTheServersWordsApart) {
  const absl::Status status =
      db_.Connect()
          ->Query(
              "DO $$ BEGIN RAISE EXCEPTION SQLSTATE 'LS007' USING MESSAGE = 'digest differs', "
              "DETAIL = 'the database has abc', HINT = 'publish again'; END $$")
          .status();
  EXPECT_THAT(status, StatusIs(StatusCode::kFailedPrecondition, "DIGEST_MISMATCH"));
  EXPECT_EQ(status.message(), "digest differs");
  EXPECT_EQ(base::MetadataOf(status, "detail"), "the database has abc");
  EXPECT_EQ(base::GetErrorInfo(status)->hint, "publish again");
}

TEST_F(ConnectionTest, StatementAndLockTimeoutsAreDeadlines) {
  db_.Query("CREATE TABLE t (id int)");
  auto connection = Connection::Open({.conninfo = db_.conninfo(),
                                      .statement_timeout = absl::Milliseconds(300),
                                      .lock_timeout = absl::Milliseconds(20)});
  ASSERT_THAT(connection, IsOk());
  EXPECT_THAT((*connection)->Query("SELECT pg_sleep(60)"), StatusIs(StatusCode::kDeadlineExceeded));
  const auto holder = db_.Connect();
  EXPECT_THAT(holder->InTransaction([&] {
    EXPECT_THAT(holder->Query("LOCK TABLE t"), IsOk());
    const absl::Status blocked = (*connection)->Query("SELECT * FROM t").status();
    EXPECT_THAT(blocked, StatusIs(StatusCode::kDeadlineExceeded));
    EXPECT_TRUE(IsRetryable(blocked));
    return absl::OkStatus();
  }),
              IsOk());
}

TEST_F(ConnectionTest, CommitsWhatSucceededAndRollsBackWhatFailed) {
  db_.Query("CREATE TABLE t (id int)");
  const auto connection = db_.Connect();
  EXPECT_THAT(connection->InTransaction(
                  [&] { return connection->Query("INSERT INTO t VALUES (1)").status(); }),
              IsOk());
  EXPECT_THAT(connection->InTransaction([&] {
    EXPECT_THAT(connection->Query("INSERT INTO t VALUES (2)"), IsOk());
    return absl::CancelledError("changed my mind");
  }),
              StatusIs(StatusCode::kCancelled));
  EXPECT_EQ(db_.Scalar("SELECT array_agg(id) FROM t"), "{1}");
}

TEST_F(ConnectionTest, ATransactionWhoseBodyIgnoredAFailureDoesNotPassForCommitted) {
  db_.Query("CREATE TABLE t (id int)");
  const auto connection = db_.Connect();
  const absl::Status status = connection->InTransaction([&] {
    EXPECT_THAT(connection->Query("INSERT INTO t VALUES (1)"), IsOk());
    connection->Query("SELECT 1 / 0").IgnoreError();
    return absl::OkStatus();
  });
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(db_.Scalar("SELECT count(*) FROM t"), "0");
  EXPECT_THAT(connection->Query("SELECT 1"), IsOk());
}

TEST_F(ConnectionTest, AFailureUndoneByASavepointStillCommits) {
  db_.Query("CREATE TABLE t (id int)");
  const auto connection = db_.Connect();
  EXPECT_THAT(connection->InTransaction([&] {
    EXPECT_THAT(connection->Query("INSERT INTO t VALUES (1)"), IsOk());
    EXPECT_THAT(connection->RunScript("SAVEPOINT s"), IsOk());
    EXPECT_FALSE(connection->Query("SELECT 1 / 0").ok());
    return connection->RunScript("ROLLBACK TO SAVEPOINT s");
  }),
              IsOk());
  EXPECT_EQ(db_.Scalar("SELECT count(*) FROM t"), "1");
}

TEST_F(ConnectionTest, AConstraintCheckedAtCommitFailsTheTransaction) {
  db_.Query("CREATE TABLE t (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
  const auto connection = db_.Connect();
  EXPECT_THAT(connection->InTransaction(
                  [&] { return connection->Query("INSERT INTO t VALUES (1), (1)").status(); }),
              StatusIs(StatusCode::kAlreadyExists));
  EXPECT_TRUE(connection->usable());
  EXPECT_EQ(db_.Scalar("SELECT count(*) FROM t"), "0");
}

TEST_F(ConnectionTest, ASnapshotSeesOneMomentAndWritesNothing) {
  db_.Query("CREATE TABLE t (id int)");
  const auto connection = db_.Connect();
  EXPECT_THAT(connection->InSnapshot([&] {
    EXPECT_EQ(connection->Query("SELECT count(*) FROM t")->only().Int(0), 0);
    db_.Query("INSERT INTO t VALUES (1)");
    EXPECT_EQ(connection->Query("SELECT count(*) FROM t")->only().Int(0), 0);
    return connection->Query("INSERT INTO t VALUES (2)").status();
  }),
              Not(IsOk()));
  EXPECT_EQ(db_.Scalar("SELECT count(*) FROM t"), "1");
}

// libpqxx 6 on its own reconnects on the third use after a kill.
TEST_F(ConnectionTest, AKilledSessionStaysLost) {
  const auto connection = db_.Connect();
  ASSERT_THAT(connection->Query("SELECT pg_advisory_lock(7)"), IsOk());
  Terminate(*connection);
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(connection->Query("SELECT pg_backend_pid()"),
                StatusIs(StatusCode::kUnavailable, "DATABASE_UNAVAILABLE"));
    EXPECT_THAT(connection->RunScript("SELECT 1"), StatusIs(StatusCode::kUnavailable));
    EXPECT_FALSE(connection->usable());
  }
  EXPECT_EQ(db_.Scalar("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"), "0");
}

TEST_F(ConnectionTest, AnErrorThatOnlyLooksLikeALostConnectionLeavesItUsable) {
  const auto connection = db_.Connect();
  EXPECT_THAT(connection->Query("DO $$ BEGIN RAISE SQLSTATE 'LS010'; END $$"),
              StatusIs(StatusCode::kUnavailable, "NOT_LEADER"));
  EXPECT_TRUE(connection->usable());
  EXPECT_THAT(connection->Query("SELECT 1"), IsOk());
}

TEST_F(ConnectionTest, ExplainsWhyItCannotConnect) {
  const std::string owner = db_.CreateLogin("owner", "hunter2");
  const auto open = [](const std::string& conninfo) {
    return Connection::Open({.conninfo = conninfo}).status();
  };
  EXPECT_THAT(open(db_.server().conninfo("no_such_database")),
              StatusIs(StatusCode::kNotFound, "DATABASE_NOT_FOUND"));
  EXPECT_THAT(open(db_.conninfo("no_such_role")), StatusIs(StatusCode::kUnauthenticated));
  const absl::Status wrong = open(db_.conninfo(owner, "hunter3"));
  EXPECT_THAT(wrong, StatusIs(StatusCode::kUnauthenticated, "DATABASE_CREDENTIALS"));
  EXPECT_THAT(Describe(wrong), HasSubstr(owner));
  EXPECT_THAT(Describe(wrong), Not(HasSubstr("hunter3")));
  EXPECT_THAT(open("host=/no/such/directory dbname=x"),
              StatusIs(StatusCode::kUnavailable, "DATABASE_UNAVAILABLE"));
}

TEST(ConnectionLimits, AFullServerIsAResourceThatIsExhausted) {
  PostgresServer server({.max_connections = 5});
  ASSERT_THAT(server.Start(), IsOk());
  std::vector<std::unique_ptr<Connection>> open;
  absl::Status full;
  for (int i = 0; i < 10 && full.ok(); ++i) {
    auto connection = Connection::Open({.conninfo = server.conninfo()});
    if (connection.ok()) open.push_back(*std::move(connection));
    full = connection.status();
  }
  EXPECT_THAT(full, StatusIs(StatusCode::kResourceExhausted, "DATABASE_RESOURCES"));
}

TEST(ConnectionLimits, AStandbyIsNotWrittenTo) {
  PostgresServer server({.settings = {{"default_transaction_read_only", "on"}}});
  ASSERT_THAT(server.Start(), IsOk());
  EXPECT_THAT(Connection::Open({.conninfo = server.conninfo()}),
              StatusIs(StatusCode::kUnavailable));
}

}  // namespace
}  // namespace lockstep::postgres
