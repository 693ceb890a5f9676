// What makes an absl::Status an error of lockstep: a stable REASON that programs switch on, a hint
// that tells a person what to do next, and metadata that repeats every variable of the message.
//
//   return MakeError(absl::StatusCode::kFailedPrecondition, "FENCED",
//                    "the lease of version 7 was taken over", {{"version", "7"}})
//
// The three travel as one payload of the status, and proto/convert turns them into the ErrorInfo of
// a google.rpc.Status and back. Functions are safe to call from any thread.
#ifndef LOCKSTEP_ENGINE_BASE_ERROR_INFO_H_
#define LOCKSTEP_ENGINE_BASE_ERROR_INFO_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace lockstep::base {

// One thing that stands in the way, of a failed precondition ("session", "platform-core@8d02b17
// adapted to 12").
struct Blocker {
  std::string type;
  std::string subject;
  std::string description;
  bool operator==(const Blocker&) const = default;
};

struct ErrorInfo {
  std::string reason;  // UPPER_SNAKE_CASE; a promise to users, see docs/errors.md.
  std::map<std::string, std::string> metadata;
  std::string hint;  // The next step for a person; may be empty.
  std::vector<Blocker> blockers;
  bool operator==(const ErrorInfo&) const = default;
};

// Returns a status with `info` attached. `code` must not be kOk.
absl::Status MakeError(absl::StatusCode code, absl::string_view message, ErrorInfo info);

// The common short form.
absl::Status MakeError(absl::StatusCode code, absl::string_view reason, absl::string_view message,
                       std::map<std::string, std::string> metadata = {},
                       absl::string_view hint = "");

// Returns the info attached to `status`; absent for OK and for errors without one.
std::optional<ErrorInfo> GetErrorInfo(const absl::Status& status);

// Returns the reason of `status`, or "" when it has none.
std::string ReasonOf(const absl::Status& status);

// Returns metadata[key] of `status`, or "" when there is none.
std::string MetadataOf(const absl::Status& status, absl::string_view key);

// Returns `status` with "`prefix`: " before its message; code, reason and metadata stay.
absl::Status Annotate(const absl::Status& status, absl::string_view prefix);

}  // namespace lockstep::base

#endif  // LOCKSTEP_ENGINE_BASE_ERROR_INFO_H_
