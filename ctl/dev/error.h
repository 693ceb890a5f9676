// The errors of `lockstep dev` itself.
#ifndef LOCKSTEP_CTL_DEV_ERROR_H_
#define LOCKSTEP_CTL_DEV_ERROR_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace lockstep::ctl::dev {

// Another `lockstep dev` runs on the same state directory.
inline constexpr char kReasonRunning[] = "DEV_RUNNING";
// The state directory cannot be used.
inline constexpr char kReasonState[] = "DEV_STATE";
// One of the programs could not be started, or ended. Metadata: program, log, log_tail.
inline constexpr char kReasonProcess[] = "DEV_PROCESS_FAILED";
// A migration that is applied to the private database was edited, renamed or removed.
inline constexpr char kReasonAppliedEdited[] = "DEV_APPLIED_EDITED";

// FAILED_PRECONDITION (DEV_STATE) about `path`.
absl::Status StateError(absl::string_view message, const std::string& path,
                        absl::string_view hint = "");

// The same with what errno says.
absl::Status StateErrno(absl::string_view what, const std::string& path);

// INTERNAL (DEV_PROCESS_FAILED); the end of the file `log` goes into the metadata.
absl::Status ProcessError(absl::string_view message, const std::string& program,
                          const std::string& log, absl::string_view hint = "");

// CANCELLED: somebody pressed Ctrl-C.
absl::Status Interrupted();

}  // namespace lockstep::ctl::dev

#endif  // LOCKSTEP_CTL_DEV_ERROR_H_
