#include "engine/apply/errors.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "engine/base/error_info.h"
#include "engine/postgres/errors.h"
#include "engine/sql/split.h"

namespace lockstep::apply {
namespace {

constexpr char kFenceHint[] =
    "a migration must not end its own transaction: remove COMMIT, ROLLBACK and PREPARE "
    "TRANSACTION, and name the constraints instead of SET CONSTRAINTS ALL IMMEDIATE";

// Locks, connections, crowded servers and cancelled runs get better by themselves or on another
// agent. What a statement timeout or a person ended (57014) does not: our own cancel has another
// name.
bool IsTransient(const absl::Status& status) {
  return (postgres::IsRetryable(status) && postgres::SqlStateOf(status) != "57014") ||
         postgres::IsConnectionLost(status) || absl::IsUnavailable(status) ||
         absl::IsResourceExhausted(status) || absl::IsCancelled(status);
}

}  // namespace

bool IsAboutLocks(const MigrationError& error) {
  return error.sqlstate == "55P03" || error.sqlstate == "40P01" || error.sqlstate == "40001";
}

MigrationError RunErrorOf(chain::Version version, const absl::Status& status) {
  MigrationError error{.version = version,
                       .reason = base::ReasonOf(status),
                       .sqlstate = postgres::SqlStateOf(status),
                       .message = std::string(status.message()),
                       .detail = base::MetadataOf(status, "detail"),
                       .retryable = IsTransient(status)};
  if (const auto info = base::GetErrorInfo(status); info.has_value()) error.hint = info->hint;
  if (error.hint.empty() && error.reason == "FENCE_BROKEN") error.hint = kFenceHint;
  return error;
}

MigrationError StatementErrorOf(const chain::Migration& migration, size_t statement,
                                const absl::Status& status) {
  MigrationError error = RunErrorOf(migration.version, status);
  const sql::Statement& where = migration.statements[statement];
  size_t offset = where.offset;
  int position = 0;  // In characters of the statement, from 1: each statement is sent by itself.
  if (absl::SimpleAtoi(base::MetadataOf(status, "position"), &position) && position > 0) {
    offset += sql::ByteOffsetOfCharacter(sql::TextOf(migration.sql, where), position);
  }
  const sql::LineColumn place = sql::PositionOf(migration.sql, offset);
  error.statement = static_cast<int>(statement) + 1;
  error.line = place.line;
  error.column = place.column;
  error.statement_text = postgres::StatementHead(sql::TextOf(migration.sql, where));
  return error;
}

absl::Status FenceBrokenError() {
  return base::MakeError(absl::StatusCode::kFailedPrecondition, "FENCE_BROKEN",
                         "the statement ended the migration's transaction", {}, kFenceHint);
}

absl::Status CancelledError(const std::string& why) {
  return base::MakeError(absl::StatusCode::kCancelled, "CANCELLED",
                         absl::StrCat("the run was cancelled: ", why), {{"why", why}});
}

}  // namespace lockstep::apply
