#include "engine/postgres/script_session.h"

#include <future>
#include <gtest/gtest.h>
#include <thread>

#include "engine/base/error_info.h"
#include "engine/postgres/errors.h"
#include "tests/support/eventually.h"
#include "tests/support/matchers.h"
#include "tests/support/test_database.h"

namespace lockstep::postgres {
namespace {

using absl::StatusCode;
using testing::Eventually;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;
using testing::StatusIs;
using testing::TestDatabase;

class ScriptSessionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto session = ScriptSession::Open({.conninfo = db_.conninfo(), .application_name = "script"});
    ASSERT_THAT(session, IsOk());
    session_ = *std::move(session);
  }
  std::string Count(const std::string& table) {
    return db_.Scalar("SELECT count(*) FROM " + table);
  }

  TestDatabase db_;
  std::unique_ptr<ScriptSession> session_;
};

TEST_F(ScriptSessionTest, RunsStatementsAndKnowsItsTransaction) {
  EXPECT_EQ(session_->transaction_status(), TransactionStatus::kIdle);
  ASSERT_THAT(session_->Execute("BEGIN"), IsOk());
  EXPECT_EQ(session_->transaction_status(), TransactionStatus::kInTransaction);
  const auto row = session_->Execute("SELECT $1::int + 1, $2::text", {Param(41), NullParam()});
  ASSERT_THAT(row, IsOk());
  EXPECT_EQ(row->only().Int(0), 42);
  EXPECT_TRUE(row->only().IsNull(1));
  EXPECT_FALSE(session_->Execute("SELECT 1 / 0").ok());
  EXPECT_EQ(session_->transaction_status(), TransactionStatus::kFailed);
  ASSERT_THAT(session_->Execute("ROLLBACK"), IsOk());
  EXPECT_EQ(session_->transaction_status(), TransactionStatus::kIdle);
  EXPECT_EQ(session_->announced_backend_pid(),
            session_->Execute("SELECT pg_backend_pid()")->only().Int(0));
}

TEST_F(ScriptSessionTest, ErrorsKeepSqlstateAndPosition) {
  const absl::Status status = session_->Execute("SELECT 1 +\n  no_such_column").status();
  EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument, "SQL_ERROR"));
  EXPECT_EQ(SqlStateOf(status), "42703");
  EXPECT_EQ(base::MetadataOf(status, "position"), "14");
  EXPECT_EQ(status.message(), "column \"no_such_column\" does not exist");
}

TEST_F(ScriptSessionTest, ErrorsNameTheConstraint) {
  ASSERT_THAT(session_->Execute("CREATE TABLE t (n int CONSTRAINT positive CHECK (n > 0))"),
              IsOk());
  const absl::Status status = session_->Execute("INSERT INTO t VALUES (-1)").status();
  EXPECT_THAT(status, StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_EQ(base::MetadataOf(status, "constraint"), "positive");
  EXPECT_THAT(base::MetadataOf(status, "detail"), HasSubstr("-1"));
}

TEST_F(ScriptSessionTest, TheServerRefusesSeveralStatementsInOneString) {
  const absl::Status status =
      session_->Execute("CREATE TABLE a (id int); CREATE TABLE b (id int)").status();
  EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument));
  EXPECT_EQ(SqlStateOf(status), "42601");
  EXPECT_EQ(db_.Scalar("SELECT to_regclass('a')"), "NULL");
}

TEST_F(ScriptSessionTest, RefusesAZeroByteInsteadOfRunningWhatIsBeforeIt) {
  const std::string sql("CREATE TABLE a (id int)\0 garbage", 32);
  EXPECT_THAT(session_->Execute(sql), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(session_->Pipeline({{sql}}), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(session_->Execute("SELECT $1::text", {Param(std::string("a\0b", 3))}),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_EQ(db_.Scalar("SELECT to_regclass('a')"), "NULL");
  EXPECT_THAT(session_->Execute("SELECT 1"), IsOk());
}

TEST_F(ScriptSessionTest, RefusesCopyAndStaysUsable) {
  ASSERT_THAT(session_->Execute("CREATE TABLE t AS SELECT generate_series(1, 3) AS n"), IsOk());
  ASSERT_THAT(session_->Execute("BEGIN"), IsOk());
  const absl::Status in = session_->Execute("COPY t FROM STDIN").status();
  EXPECT_EQ(SqlStateOf(in), "0A000");
  EXPECT_EQ(session_->transaction_status(), TransactionStatus::kFailed);
  ASSERT_THAT(session_->Execute("ROLLBACK"), IsOk());
  const absl::Status out = session_->Execute("COPY t TO STDOUT").status();
  EXPECT_EQ(SqlStateOf(out), "0A000");
  EXPECT_THAT(std::string(out.message()), HasSubstr("COPY"));
  EXPECT_TRUE(session_->usable());
  EXPECT_EQ(session_->Execute("SELECT count(*) FROM t")->only().Int(0), 3);
}

TEST_F(ScriptSessionTest, APipelineReturnsAResultForEachCommand) {
  const auto results =
      session_->Pipeline({{"BEGIN"},
                          {"CREATE TABLE t (n int)"},
                          {"INSERT INTO t VALUES ($1), ($2)", {Param(1), Param(2)}},
                          {"SELECT n FROM t ORDER BY n"},
                          {"COMMIT"}});
  ASSERT_THAT(results, IsOk());
  ASSERT_EQ(results->size(), 5u);
  EXPECT_EQ((*results)[2].affected_rows, 2);
  EXPECT_EQ((*results)[3].rows[1].Int(0), 2);
  EXPECT_EQ(session_->transaction_status(), TransactionStatus::kIdle);
  EXPECT_EQ(Count("t"), "2");
}

TEST_F(ScriptSessionTest, AnEmptyPipelineIsNothing) {
  const auto results = session_->Pipeline({});
  ASSERT_THAT(results, IsOk());
  EXPECT_TRUE(results->empty());
  EXPECT_THAT(session_->Execute("SELECT 1"), IsOk());
}

TEST_F(ScriptSessionTest, AFailureInAPipelineSkipsWhatFollows) {
  ASSERT_THAT(session_->Execute("CREATE TABLE t (n int)"), IsOk());
  const auto results = session_->Pipeline({{"BEGIN"},
                                           {"INSERT INTO t VALUES (1)"},
                                           {"SELECT 1 / 0"},
                                           {"INSERT INTO t VALUES (2)"},
                                           {"COMMIT"}});
  EXPECT_EQ(SqlStateOf(results.status()), "22012");
  EXPECT_EQ(session_->transaction_status(), TransactionStatus::kFailed);
  ASSERT_THAT(session_->Execute("ROLLBACK"), IsOk());
  EXPECT_EQ(Count("t"), "0");
}

TEST_F(ScriptSessionTest, WhatFollowsAFailedPartRunsButItsResultsAreNotHandedOn) {
  ASSERT_THAT(session_->Execute("CREATE TABLE t (n int)"), IsOk());
  std::vector<size_t> seen;
  const std::vector<postgres::Command> commands = {{"SELECT 1"},
                                                   {"SELECT 1 / 0", {}, postgres::Then::kSync},
                                                   {"INSERT INTO t VALUES (1)"},
                                                   {"SELECT 2"}};
  const absl::Status status =
      session_->Stream(commands, [&](size_t command, const Result&) { seen.push_back(command); });
  EXPECT_EQ(SqlStateOf(status), "22012");
  EXPECT_EQ(seen, std::vector<size_t>{0});
  EXPECT_EQ(Count("t"), "1");
  EXPECT_THAT(session_->Execute("SELECT 1"), IsOk());
}

TEST_F(ScriptSessionTest, APartEndsItsTransaction) {
  const auto results = session_->Pipeline({{"CREATE TABLE t (n int)"},
                                           {"INSERT INTO t VALUES (1)", {}, postgres::Then::kSync},
                                           {"BEGIN ISOLATION LEVEL SERIALIZABLE"},
                                           {"SELECT count(*) FROM t"}});
  ASSERT_THAT(results, IsOk());
  EXPECT_EQ((*results)[3].only().Int(0), 1);
  EXPECT_EQ(session_->transaction_status(), TransactionStatus::kInTransaction);
}

TEST_F(ScriptSessionTest, AResultComesWhileTheNextCommandRuns) {
  const std::vector<postgres::Command> commands = {{"SELECT 1", {}, postgres::Then::kTell},
                                                   {"SELECT pg_sleep(600)"}};
  std::thread canceller;
  const absl::Status status = session_->Stream(commands, [&](size_t, const Result&) {
    canceller = std::thread([&] {
      EXPECT_TRUE(Eventually([&] {
        return db_.Scalar("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") ==
               "1";
      }));
      session_->Cancel();
    });
  });
  ASSERT_TRUE(canceller.joinable());
  canceller.join();
  EXPECT_EQ(SqlStateOf(status), "57014");
}

TEST_F(ScriptSessionTest, ACopyInAPipelineEndsTheSessionInsteadOfHanging) {
  ASSERT_THAT(session_->Execute("CREATE TABLE t (n int)"), IsOk());
  // Many times: the server's last words may arrive before or after the session is given up.
  for (int i = 0; i < 50; ++i) {
    auto session = ScriptSession::Open({.conninfo = db_.conninfo()});
    ASSERT_THAT(session, IsOk());
    EXPECT_FALSE((*session)->Pipeline({{"SELECT 1"}, {"COPY t FROM STDIN"}, {"SELECT 2"}}).ok());
    EXPECT_FALSE((*session)->usable());
  }
}

TEST_F(ScriptSessionTest, CancelEndsTheStatementOnly) {
  auto running = std::async(std::launch::async,
                            [&] { return session_->Execute("SELECT pg_sleep(600)").status(); });
  ASSERT_TRUE(Eventually([&] {
    return db_.Scalar("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1";
  }));
  session_->Cancel();
  const absl::Status status = running.get();
  EXPECT_THAT(status, StatusIs(StatusCode::kDeadlineExceeded));
  EXPECT_EQ(SqlStateOf(status), "57014");
  EXPECT_THAT(session_->Execute("SELECT 1"), IsOk());
}

TEST_F(ScriptSessionTest, AKilledSessionStaysLost) {
  ASSERT_THAT(session_->Execute("BEGIN"), IsOk());
  db_.Query("SELECT pg_terminate_backend($1)", {Param(session_->announced_backend_pid())});
  for (int i = 0; i < 5; ++i) {
    EXPECT_THAT(session_->Execute("SELECT 1"),
                StatusIs(StatusCode::kUnavailable, "DATABASE_UNAVAILABLE"));
    EXPECT_THAT(session_->Pipeline({{"SELECT 1"}}), StatusIs(StatusCode::kUnavailable));
    EXPECT_FALSE(session_->usable());
    EXPECT_EQ(session_->transaction_status(), TransactionStatus::kUnknown);
  }
  session_->Cancel();  // Harmless.
}

TEST_F(ScriptSessionTest, FailsToOpenAsAConnectionDoes) {
  EXPECT_THAT(ScriptSession::Open({.conninfo = db_.server().conninfo("no_such_database")}),
              StatusIs(StatusCode::kNotFound, "DATABASE_NOT_FOUND"));
  const absl::Status bad = ScriptSession::Open({.conninfo = "password=a hunter2"}).status();
  EXPECT_THAT(bad, StatusIs(StatusCode::kInvalidArgument, "BAD_CONNINFO"));
  EXPECT_THAT(testing::Describe(bad), Not(HasSubstr("hunter2")));
}

TEST_F(ScriptSessionTest, NoticesDoNotReachStandardError) {
  ::testing::internal::CaptureStderr();
  EXPECT_THAT(session_->Execute("DROP TABLE IF EXISTS no_such_table"), IsOk());
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace lockstep::postgres
