#include "engine/postgres/errors.h"

#include <array>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "engine/base/error_info.h"
#include "engine/postgres/conninfo.h"

namespace lockstep::postgres {
namespace {

using absl::StatusCode;
using base::ErrorInfo;
using base::MakeError;

struct Mapping {
  absl::string_view prefix;
  StatusCode code;
  absl::string_view reason;
};

// The longest prefix comes first where one is the beginning of another.
constexpr std::array<Mapping, 41> kMappings = {{
    {"LS001", StatusCode::kFailedPrecondition, "FENCED"},
    {"LS002", StatusCode::kFailedPrecondition, "FENCE_BROKEN"},
    {"LS003", StatusCode::kFailedPrecondition, "WRONG_ISOLATION"},
    {"LS004", StatusCode::kFailedPrecondition, "NOT_NEXT"},
    {"LS005", StatusCode::kFailedPrecondition, "GATE_CLOSED"},
    {"LS006", StatusCode::kFailedPrecondition, "REPLICATION_ROLE"},
    {"LS007", StatusCode::kFailedPrecondition, "DIGEST_MISMATCH"},
    {"LS008", StatusCode::kFailedPrecondition, "LOCK_NOT_HELD"},
    {"LS010", StatusCode::kUnavailable, "NOT_LEADER"},
    {"LS011", StatusCode::kAborted, "BUSY"},
    {"LS012", StatusCode::kAborted, "CHAIN_DIVERGED"},
    {"LS013", StatusCode::kAborted, "OPERATION_IN_PROGRESS"},
    {"LS014", StatusCode::kAlreadyExists, "REQUEST_ID_REUSED"},
    {"LS015", StatusCode::kNotFound, "OPERATION_NOT_FOUND"},
    {"LS016", StatusCode::kNotFound, "BACKFILL_NOT_FOUND"},
    {"LS017", StatusCode::kFailedPrecondition, "BACKFILL_BROKEN"},
    {"LS020", StatusCode::kFailedPrecondition, "NOT_DEVELOPMENT"},
    {"LS021", StatusCode::kFailedPrecondition, "ALREADY_APPLIED"},
    {"LS030", StatusCode::kFailedPrecondition, "SESSION_ENDED"},
    {"LS040", StatusCode::kNotFound, "BUILD_NOT_FOUND"},
    {"LS041", StatusCode::kFailedPrecondition, "PIN_REFUSED"},
    {"LS042", StatusCode::kAborted, "ETAG_MISMATCH"},
    {"LS043", StatusCode::kFailedPrecondition, "NOTHING_TO_OVERRIDE"},
    {"LS044", StatusCode::kFailedPrecondition, "NOT_WAITING"},
    {"LS045", StatusCode::kFailedPrecondition, "AUDIT_KEPT"},
    {"LS", StatusCode::kFailedPrecondition, "LOCKSTEP"},
    {"08", StatusCode::kUnavailable, "DATABASE_UNAVAILABLE"},
    {"57P", StatusCode::kUnavailable, "DATABASE_UNAVAILABLE"},
    {"25P03", StatusCode::kUnavailable, "DATABASE_UNAVAILABLE"},
    {"57014", StatusCode::kDeadlineExceeded, "SQL_ERROR"},
    {"55P03", StatusCode::kDeadlineExceeded, "SQL_ERROR"},
    {"40001", StatusCode::kAborted, "SQL_ERROR"},
    {"40P01", StatusCode::kAborted, "SQL_ERROR"},
    {"23505", StatusCode::kAlreadyExists, "SQL_ERROR"},
    {"23", StatusCode::kFailedPrecondition, "SQL_ERROR"},
    {"42501", StatusCode::kPermissionDenied, "SQL_ERROR"},
    {"42", StatusCode::kInvalidArgument, "SQL_ERROR"},
    {"22", StatusCode::kInvalidArgument, "SQL_ERROR"},
    {"28", StatusCode::kUnauthenticated, "DATABASE_CREDENTIALS"},
    {"3D000", StatusCode::kNotFound, "DATABASE_NOT_FOUND"},
    {"53", StatusCode::kResourceExhausted, "DATABASE_RESOURCES"},
}};

Mapping MappingOf(absl::string_view sqlstate) {
  for (const Mapping& mapping : kMappings) {
    if (absl::StartsWith(sqlstate, mapping.prefix)) return mapping;
  }
  return {"", StatusCode::kInternal, "SQL_ERROR"};
}

}  // namespace

absl::Status ToStatus(const SqlError& error) {
  const Mapping mapping = MappingOf(error.sqlstate);
  std::map<std::string, std::string> metadata;
  if (!error.sqlstate.empty()) metadata["sqlstate"] = error.sqlstate;
  if (!error.detail.empty()) metadata["detail"] = error.detail;
  if (!error.constraint.empty()) metadata["constraint"] = error.constraint;
  if (error.position > 0) metadata["position"] = absl::StrCat(error.position);
  return MakeError(mapping.code, error.message,
                   ErrorInfo{.reason = std::string(mapping.reason),
                             .metadata = std::move(metadata),
                             .hint = error.hint});
}

absl::Status UnavailableError(absl::string_view text) {
  return MakeError(
      StatusCode::kUnavailable, "DATABASE_UNAVAILABLE",
      absl::StrCat("connection to the database lost: ", absl::StripAsciiWhitespace(text)));
}

absl::Status CommitInDoubtError(absl::string_view text) {
  return MakeError(
      StatusCode::kUnknown, "COMMIT_IN_DOUBT",
      absl::StrCat("connection lost while committing: ", absl::StripAsciiWhitespace(text)));
}

absl::Status CheckNoZeroByte(absl::string_view sql, const std::vector<Value>& params) {
  bool found = sql.find('\0') != absl::string_view::npos;
  for (const Value& value : params) {
    found = found || (value.has_value() && value->find('\0') != std::string::npos);
  }
  if (!found) return absl::OkStatus();
  return ToStatus({.sqlstate = "22021",
                   .message = "a statement or parameter contains a zero byte, which PostgreSQL "
                              "cannot store in text"});
}

std::string SqlStateOf(const absl::Status& status) { return base::MetadataOf(status, "sqlstate"); }

bool IsRetryable(const absl::Status& status) {
  const std::string state = SqlStateOf(status);
  return state == "55P03" || state == "40P01" || state == "40001" || state == "57014" ||
         (state.empty() && absl::IsAborted(status));
}

bool IsConnectionLost(const absl::Status& status) {
  const std::string reason = base::ReasonOf(status);
  return reason == "DATABASE_UNAVAILABLE" || reason == "COMMIT_IN_DOUBT";
}

absl::Status ConnectError(absl::string_view shown, absl::string_view text) {
  const std::string reason(absl::StripAsciiWhitespace(text));
  const std::string message = absl::StrCat("cannot connect to ", shown, ": ", reason);
  const std::map<std::string, std::string> metadata = {{"database", std::string(shown)}};
  // libpq gives no SQLSTATE for a failed connect, so the server's (English or not) text is all
  // there is; anything not recognised is UNAVAILABLE.
  // First: "too many connections for role" speaks of a role, too.
  if (absl::StrContains(reason, "too many") || absl::StrContains(reason, "remaining connection")) {
    return MakeError(StatusCode::kResourceExhausted, "DATABASE_RESOURCES", message, metadata,
                     "raise max_connections or close other connections");
  }
  if (absl::StrContains(reason, "password") || absl::StrContains(reason, "authentication") ||
      absl::StrContains(reason, "pg_hba.conf") || absl::StrContains(reason, "role \"")) {
    return MakeError(StatusCode::kUnauthenticated, "DATABASE_CREDENTIALS", message, metadata,
                     "check user and password of the connection string");
  }
  if (absl::StrContains(reason, "does not exist")) {
    return MakeError(StatusCode::kNotFound, "DATABASE_NOT_FOUND", message, metadata,
                     "create the database, or correct its name in the connection string");
  }
  return MakeError(StatusCode::kUnavailable, "DATABASE_UNAVAILABLE", message, metadata,
                   "check that PostgreSQL runs and accepts connections there");
}

std::string RedactConninfo(const std::string& conninfo) {
  const auto named = ParseConninfo(conninfo);
  if (!named.ok()) return "(unreadable connection string)";
  const auto get = [&](const char* keyword) {
    const auto it = named->find(keyword);
    return it == named->end() ? std::string() : it->second;
  };
  const std::string host = get("host"), port = get("port"), dbname = get("dbname"),
                    user = get("user");
  std::string shown = absl::StrCat("database \"", dbname.empty() ? "(default)" : dbname, "\"");
  if (!user.empty()) absl::StrAppend(&shown, " as \"", user, "\"");
  if (!host.empty()) absl::StrAppend(&shown, " at ", host, port.empty() ? "" : ":", port);
  return shown;
}

}  // namespace lockstep::postgres
