// How a failure reaches a person, a program and a script: `error: WHAT`, indented facts and
// `hint: NEXT COMMAND`; or one JSON object; and the exit code. All three are promises to users
// (docs/cli.md).
//
// Pure functions, safe to call from any thread.
#ifndef LOCKSTEP_CTL_ERRORS_H_
#define LOCKSTEP_CTL_ERRORS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "ctl/style.h"
#include "engine/base/error_info.h"

namespace lockstep::ctl {

enum ExitCode : int {
  kExitDone = 0,
  kExitFailed = 1,
  kExitUsage = 2,
  kExitChanges = 3,
  kExitDenied = 4,
  kExitBlocked = 5,
  kExitTimeout = 6,
  kExitUnreachable = 7,
  kExitConflict = 8,
  kExitInterrupted = 130,
  kExitTerminated = 143,
};

// Reasons of this program's own errors, and those of the server that it tells apart; all are listed
// in docs/errors.md.
inline constexpr char kReasonUsage[] = "USAGE";
inline constexpr char kReasonFile[] = "FILE";
inline constexpr char kReasonTimeout[] = "TIMEOUT";
inline constexpr char kReasonUnreachable[] = "COORDINATOR_UNAVAILABLE";
inline constexpr char kReasonInterrupted[] = "INTERRUPTED";
inline constexpr char kReasonTerminated[] = "TERMINATED";
inline constexpr char kReasonMigrationFailed[] = "MIGRATION_FAILED";
inline constexpr char kReasonBlocked[] = "BLOCKED";
// A contract's deadline passed while somebody was still in its way.
inline constexpr char kReasonDeadline[] = "DEADLINE_PASSED";
inline constexpr char kReasonNoFitAgent[] = "NO_FIT_AGENT";
inline constexpr char kReasonLockBusy[] = "LOCK_BUSY";
inline constexpr char kReasonHoldersLost[] = "HOLDERS_LOST";
inline constexpr char kReasonCancelled[] = "OPERATION_CANCELLED";
inline constexpr char kReasonGateRefused[] = "GATE_REFUSED";
inline constexpr char kReasonNotConfirmed[] = "NOT_CONFIRMED";

// Metadata keys that are facts of their own below the message, in this order:
//   file, line, column, statement   where it happened
//   sqlstate, postgres_message      what PostgreSQL said
//   detail, postgres_hint
//   effect                          what is and is not applied now
//   operation_id
// The others repeat the message; they are shown with --verbose.

absl::Status UsageError(absl::string_view message, absl::string_view hint = "");

// The exit code of a failure, by reason first, else by status code.
int ExitCodeOf(const absl::Status& status);

// The text for standard error, with a line feed at the end; everything in it is sanitized.
std::string RenderError(const absl::Status& status, const Style& style, bool verbose);

// {"error":{"code","reason","message","metadata","hint","blockers"}} on one line, with a line feed.
std::string RenderErrorJson(const absl::Status& status);

// What to do next: the server's own hint, else the one that belongs to the reason; may be empty.
std::string HintOf(const absl::Status& status);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_ERRORS_H_
