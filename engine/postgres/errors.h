// How failures of PostgreSQL become absl::Status. The reason is SQL_ERROR, COMMIT_IN_DOUBT,
// DATABASE_UNAVAILABLE, or the name of one of lockstep's own SQLSTATEs (class LS, raised by the
// functions of engine/catalog). Metadata: sqlstate, detail, hint, position, constraint, where
// known.
//
//   broken connection, class 08, 57P01-57P03   UNAVAILABLE
//   lost in COMMIT                              UNKNOWN (COMMIT_IN_DOUBT), never retried blindly
//   40001, 40P01                                ABORTED
//   55P03, 57014                                DEADLINE_EXCEEDED
//   23505 / other 23xxx                         ALREADY_EXISTS / FAILED_PRECONDITION
//   42501                                       PERMISSION_DENIED
//   other 42xxx, 22xxx                          INVALID_ARGUMENT
//   28xxx                                       UNAUTHENTICATED
//   3D000                                       NOT_FOUND
//   53xxx                                       RESOURCE_EXHAUSTED
//   LSxxx                                       FAILED_PRECONDITION, NOT_FOUND or ABORTED
//   anything else                               INTERNAL
#ifndef LOCKSTEP_ENGINE_POSTGRES_ERRORS_H_
#define LOCKSTEP_ENGINE_POSTGRES_ERRORS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "engine/postgres/result.h"

namespace lockstep::postgres {

struct SqlError {
  std::string sqlstate;  // May be empty: libpqxx 6 keeps it for some classes only.
  std::string message;   // PostgreSQL's primary message.
  std::string detail;
  std::string hint;
  std::string constraint;
  int position = 0;  // 1-based character in the statement; 0 when unknown.
};

absl::Status ToStatus(const SqlError& error);

// The server or the connection is away. `text` is libpq's message.
absl::Status UnavailableError(absl::string_view text);
// The connection was lost while a COMMIT was under way.
absl::Status CommitInDoubtError(absl::string_view text);

// INVALID_ARGUMENT (SQL_ERROR, 22021) when libpq, which takes C strings, would cut the statement or
// a parameter at a zero byte.
absl::Status CheckNoZeroByte(absl::string_view sql, const std::vector<Value>& params = {});

// Returns the SQLSTATE that `status` carries, or "".
std::string SqlStateOf(const absl::Status& status);

// True for failures that a later try of the same transaction may survive: lock timeouts, deadlocks,
// serialisation failures. A lost connection is not among them: find out first what happened.
bool IsRetryable(const absl::Status& status);

// True when the connection is of no more use.
bool IsConnectionLost(const absl::Status& status);

// Turns what libpq says of a failed connect into a status that names the database by `shown`
// (without password): UNAUTHENTICATED for a wrong password, NOT_FOUND for a missing database,
// RESOURCE_EXHAUSTED for too many connections, else UNAVAILABLE.
absl::Status ConnectError(absl::string_view shown, absl::string_view text);

// The connection string without its password and without secrets in a URL, for messages and logs.
std::string RedactConninfo(const std::string& conninfo);

}  // namespace lockstep::postgres

#endif  // LOCKSTEP_ENGINE_POSTGRES_ERRORS_H_
