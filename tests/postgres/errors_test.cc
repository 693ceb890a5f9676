#include "engine/postgres/errors.h"

#include <gtest/gtest.h>

#include "engine/base/error_info.h"
#include "tests/support/matchers.h"

namespace lockstep::postgres {
namespace {

using absl::StatusCode;
using testing::StatusIs;

absl::Status Of(const std::string& sqlstate) {
  return ToStatus({.sqlstate = sqlstate, .message = "m"});
}

TEST(ErrorMap, EachClassHasItsCodeAndReason) {
  const struct {
    const char* sqlstate;
    StatusCode code;
    const char* reason;
  } kTable[] = {
      {"08000", StatusCode::kUnavailable, "DATABASE_UNAVAILABLE"},
      {"08006", StatusCode::kUnavailable, "DATABASE_UNAVAILABLE"},
      {"57P01", StatusCode::kUnavailable, "DATABASE_UNAVAILABLE"},
      {"57P02", StatusCode::kUnavailable, "DATABASE_UNAVAILABLE"},
      {"57P03", StatusCode::kUnavailable, "DATABASE_UNAVAILABLE"},
      {"25P03", StatusCode::kUnavailable, "DATABASE_UNAVAILABLE"},
      {"40001", StatusCode::kAborted, "SQL_ERROR"},
      {"40P01", StatusCode::kAborted, "SQL_ERROR"},
      {"55P03", StatusCode::kDeadlineExceeded, "SQL_ERROR"},
      {"57014", StatusCode::kDeadlineExceeded, "SQL_ERROR"},
      {"23505", StatusCode::kAlreadyExists, "SQL_ERROR"},
      {"23503", StatusCode::kFailedPrecondition, "SQL_ERROR"},
      {"23514", StatusCode::kFailedPrecondition, "SQL_ERROR"},
      {"42501", StatusCode::kPermissionDenied, "SQL_ERROR"},
      {"42601", StatusCode::kInvalidArgument, "SQL_ERROR"},
      {"42P07", StatusCode::kInvalidArgument, "SQL_ERROR"},
      {"22012", StatusCode::kInvalidArgument, "SQL_ERROR"},
      {"28P01", StatusCode::kUnauthenticated, "DATABASE_CREDENTIALS"},
      {"3D000", StatusCode::kNotFound, "DATABASE_NOT_FOUND"},
      {"53300", StatusCode::kResourceExhausted, "DATABASE_RESOURCES"},
      {"53100", StatusCode::kResourceExhausted, "DATABASE_RESOURCES"},
      {"LS001", StatusCode::kFailedPrecondition, "FENCED"},
      {"LS002", StatusCode::kFailedPrecondition, "FENCE_BROKEN"},
      {"LS010", StatusCode::kUnavailable, "NOT_LEADER"},
      {"LS011", StatusCode::kAborted, "BUSY"},
      {"LS015", StatusCode::kNotFound, "OPERATION_NOT_FOUND"},
      {"LS999", StatusCode::kFailedPrecondition, "LOCKSTEP"},
      {"XX000", StatusCode::kInternal, "SQL_ERROR"},
      {"P0001", StatusCode::kInternal, "SQL_ERROR"},
      {"", StatusCode::kInternal, "SQL_ERROR"},
  };
  for (const auto& row : kTable) {
    EXPECT_THAT(Of(row.sqlstate), StatusIs(row.code, row.reason)) << row.sqlstate;
    EXPECT_EQ(SqlStateOf(Of(row.sqlstate)), row.sqlstate);
  }
}

TEST(ErrorMap, KeepsAllThatPostgresqlSaid) {
  const absl::Status status = ToStatus({.sqlstate = "23505",
                                        .message = "duplicate key",
                                        .detail = "Key (id)=(1) already exists.",
                                        .hint = "try another",
                                        .constraint = "t_pkey",
                                        .position = 12});
  EXPECT_EQ(status.message(), "duplicate key");
  EXPECT_EQ(base::MetadataOf(status, "detail"), "Key (id)=(1) already exists.");
  EXPECT_EQ(base::MetadataOf(status, "constraint"), "t_pkey");
  EXPECT_EQ(base::MetadataOf(status, "position"), "12");
  EXPECT_EQ(base::GetErrorInfo(status)->hint, "try another");
}

TEST(ErrorMap, OnlyWhatALaterTryMaySurviveIsRetryable) {
  for (const char* sqlstate : {"40001", "40P01", "55P03", "57014"}) {
    EXPECT_TRUE(IsRetryable(Of(sqlstate))) << sqlstate;
  }
  for (const char* sqlstate : {"23505", "42601", "08006", "57P01", "LS012", "53300", ""}) {
    EXPECT_FALSE(IsRetryable(Of(sqlstate))) << sqlstate;
  }
  EXPECT_FALSE(IsRetryable(CommitInDoubtError("x")));
  EXPECT_FALSE(IsRetryable(UnavailableError("x")));
  EXPECT_FALSE(IsRetryable(absl::OkStatus()));
}

TEST(ErrorMap, ALostConnectionIsToldFromALostLeadership) {
  EXPECT_TRUE(IsConnectionLost(UnavailableError("x")));
  EXPECT_TRUE(IsConnectionLost(CommitInDoubtError("x")));
  EXPECT_TRUE(IsConnectionLost(Of("57P01")));
  EXPECT_FALSE(IsConnectionLost(Of("LS010")));  // UNAVAILABLE too, on a sound connection.
  EXPECT_FALSE(IsConnectionLost(Of("40001")));
  EXPECT_FALSE(IsConnectionLost(absl::OkStatus()));
}

TEST(ConnectError, TellsTheCausesApart) {
  EXPECT_THAT(ConnectError("db", "FATAL:  password authentication failed for user \"u\""),
              StatusIs(StatusCode::kUnauthenticated, "DATABASE_CREDENTIALS"));
  EXPECT_THAT(ConnectError("db", "FATAL:  role \"u\" does not exist"),
              StatusIs(StatusCode::kUnauthenticated, "DATABASE_CREDENTIALS"));
  EXPECT_THAT(ConnectError("db", "FATAL:  database \"x\" does not exist"),
              StatusIs(StatusCode::kNotFound, "DATABASE_NOT_FOUND"));
  EXPECT_THAT(ConnectError("db", "FATAL:  sorry, too many clients already"),
              StatusIs(StatusCode::kResourceExhausted, "DATABASE_RESOURCES"));
  EXPECT_THAT(ConnectError("db", "FATAL:  too many connections for role \"app\""),
              StatusIs(StatusCode::kResourceExhausted, "DATABASE_RESOURCES"));
  EXPECT_THAT(ConnectError("db", "connection refused"),
              StatusIs(StatusCode::kUnavailable, "DATABASE_UNAVAILABLE"));
}

}  // namespace
}  // namespace lockstep::postgres
