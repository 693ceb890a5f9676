#include "ctl/errors.h"

#include <gtest/gtest.h>

#include "nlohmann/json.hpp"

namespace lockstep::ctl {
namespace {

using absl::StatusCode;
using base::ErrorInfo;
using base::MakeError;

absl::Status Plain(StatusCode code, absl::string_view reason) {
  return MakeError(code, reason, "what happened");
}

TEST(ExitCodeOf, FollowsTheTableOfPromises) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeOf(absl::InternalError("x")), 1);
  EXPECT_EQ(ExitCodeOf(Plain(StatusCode::kInvalidArgument, "SQL_SYNTAX")), 1);
  EXPECT_EQ(ExitCodeOf(Plain(StatusCode::kNotFound, "OPERATION_NOT_FOUND")), 1);
  EXPECT_EQ(ExitCodeOf(Plain(StatusCode::kUnknown, kReasonMigrationFailed)), 1);
  EXPECT_EQ(ExitCodeOf(Plain(StatusCode::kCancelled, kReasonCancelled)), 1);
  EXPECT_EQ(ExitCodeOf(Plain(StatusCode::kResourceExhausted, "RATE_LIMITED")), 1);
  EXPECT_EQ(ExitCodeOf(UsageError("x")), 2);
  EXPECT_EQ(ExitCodeOf(Plain(StatusCode::kInvalidArgument, "INVALID_FIELD")), 2);
  EXPECT_EQ(ExitCodeOf(Plain(StatusCode::kUnauthenticated, "TOKEN_INVALID")), 4);
  EXPECT_EQ(ExitCodeOf(Plain(StatusCode::kPermissionDenied, "ROLE_REQUIRED")), 4);
  for (const char* reason : {"BLOCKED", "DIGEST_MISMATCH", "CHAIN_SUM_STALE", "FROZEN", ""}) {
    EXPECT_EQ(ExitCodeOf(Plain(StatusCode::kFailedPrecondition, reason)), 5) << reason;
  }
  EXPECT_EQ(ExitCodeOf(Plain(StatusCode::kDeadlineExceeded, kReasonTimeout)), 6);
  for (const char* reason : {"NOT_LEADER", "DATABASE_UNAVAILABLE", "SHUTTING_DOWN", ""}) {
    EXPECT_EQ(ExitCodeOf(Plain(StatusCode::kUnavailable, reason)), 7) << reason;
  }
  for (const char* reason : {"CHAIN_DIVERGED", "PLAN_STALE", "OPERATION_IN_PROGRESS", ""}) {
    EXPECT_EQ(ExitCodeOf(Plain(StatusCode::kAborted, reason)), 8) << reason;
  }
  EXPECT_EQ(ExitCodeOf(Plain(StatusCode::kAlreadyExists, "REQUEST_ID_REUSED")), 8);
  EXPECT_EQ(ExitCodeOf(Plain(StatusCode::kCancelled, kReasonInterrupted)), 130);
  EXPECT_EQ(ExitCodeOf(Plain(StatusCode::kCancelled, kReasonTerminated)), 143);
}

TEST(ExitCodeOf, DoesNotTakeALocalFileForTheCoordinator) {
  EXPECT_EQ(ExitCodeOf(Plain(StatusCode::kPermissionDenied, "FILE")), 1);
  EXPECT_EQ(ExitCodeOf(Plain(StatusCode::kUnavailable, "FILE")), 1);
}

TEST(RenderError, SaysWhatThenFactsThenTheNextCommand) {
  const ErrorInfo info = {
      .reason = "MIGRATION_FAILED",
      .metadata = {{"file", "003_add_collaboration.sql"},
                   {"line", "12"},
                   {"column", "5"},
                   {"statement", "4"},
                   {"sqlstate", "42P01"},
                   {"postgres_message", "relation \"users\" does not exist"},
                   {"effect", "nothing of version 3 was applied; the database is at 2"},
                   {"version", "3"}},
      .hint = "remove the cause, then `lockstep upgrade`"};
  EXPECT_EQ(
      RenderError(MakeError(StatusCode::kUnknown, "migration 3 add_collaboration failed", info),
                  Style(false), false),
      "error: migration 3 add_collaboration failed\n"
      "  003_add_collaboration.sql:12:5  statement 4\n"
      "  PostgreSQL: relation \"users\" does not exist (SQLSTATE 42P01)\n"
      "  nothing of version 3 was applied; the database is at 2\n"
      "  hint: remove the cause, then `lockstep upgrade`\n");
}

TEST(RenderError, ListsBlockersInColumns) {
  const ErrorInfo info = {.reason = "BLOCKED",
                          .blockers = {{"session", "platform-core@8d02b17", "adapted to 12"},
                                       {"session", "a@b", "adapted to 11"}}};
  EXPECT_EQ(RenderError(MakeError(StatusCode::kFailedPrecondition, "contract 13 is blocked", info),
                        Style(false), false),
            "error: contract 13 is blocked\n"
            "  platform-core@8d02b17  adapted to 12\n"
            "  a@b                    adapted to 11\n");
}

TEST(RenderError, DoesNotRepeatAPositionThatTheMessageHas) {
  const absl::Status status =
      MakeError(StatusCode::kInvalidArgument, "SQL_SYNTAX", "003_a.sql:1:7: syntax error",
                {{"file", "003_a.sql"}, {"line", "1"}, {"column", "7"}});
  EXPECT_EQ(RenderError(status, Style(false), false), "error: 003_a.sql:1:7: syntax error\n");
}

TEST(RenderError, GivesTheHintOfTheReasonWhenTheServerGivesNone) {
  const absl::Status status = MakeError(StatusCode::kAborted, "OPERATION_IN_PROGRESS",
                                        "op-7f3a runs", {{"operation_id", "op-7f3a"}});
  EXPECT_EQ(RenderError(status, Style(false), false),
            "error: op-7f3a runs\n  hint: `lockstep operations watch op-7f3a`\n");
}

TEST(RenderError, ShowsReasonAndMetadataWhenAsked) {
  const absl::Status status =
      MakeError(StatusCode::kNotFound, "X_NOT_FOUND", "no such thing", {{"thing", "7"}});
  EXPECT_EQ(RenderError(status, Style(false), true),
            "error: no such thing\n  reason: X_NOT_FOUND\n  thing: 7\n");
}

TEST(RenderError, SanitizesEverything) {
  const ErrorInfo info = {.reason = "BLOCKED",
                          .metadata = {{"effect", "a\x1b[2J"}},
                          .hint = "b\nc",
                          .blockers = {{"session", "\x1b]0;x\x07", "\xff"}}};
  const std::string text =
      RenderError(MakeError(StatusCode::kFailedPrecondition, "m\x1b[1A", info), Style(false), true);
  EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
  EXPECT_NE(text.find("m\\x1b[1A"), std::string::npos) << text;
  EXPECT_NE(text.find("hint: b\\nc"), std::string::npos) << text;
}

TEST(RenderError, PaintsTheFirstWordOnly) {
  EXPECT_EQ(RenderError(absl::InternalError("x"), Style(true), false), "\x1b[31merror:\x1b[0m x\n");
}

TEST(RenderError, DoesNotCallDetachingAnError) {
  EXPECT_EQ(RenderError(MakeError(StatusCode::kCancelled, kReasonInterrupted,
                                  "detached; op-1 goes on", {}, "`lockstep wait`"),
                        Style(false), false),
            "detached; op-1 goes on\n  hint: `lockstep wait`\n");
}

TEST(RenderErrorJson, IsOneObjectWithStableKeys) {
  const ErrorInfo info = {.reason = "BLOCKED",
                          .metadata = {{"version", "13"}},
                          .hint = "deploy",
                          .blockers = {{"session", "a@b", "adapted to 12"}}};
  EXPECT_EQ(
      RenderErrorJson(MakeError(StatusCode::kFailedPrecondition, "contract 13 is blocked", info)),
      "{\"error\":{\"code\":\"FAILED_PRECONDITION\",\"reason\":\"BLOCKED\","
      "\"message\":\"contract 13 is blocked\",\"metadata\":{\"version\":\"13\"},"
      "\"hint\":\"deploy\",\"blockers\":[{\"type\":\"session\",\"subject\":\"a@b\","
      "\"description\":\"adapted to 12\"}]}}\n");
}

TEST(RenderErrorJson, IsValidJsonWhateverTheTextIs) {
  const std::string text = RenderErrorJson(
      MakeError(StatusCode::kInternal, "X", "\xff\x1b[2J\n\xe2\x80\xae", {{"k", "\xc3"}}));
  const auto parsed = nlohmann::json::parse(text, nullptr, false);
  ASSERT_FALSE(parsed.is_discarded()) << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find("\xe2\x80\xae"), std::string::npos);
}

}  // namespace
}  // namespace lockstep::ctl
