// Following one operation to its end, and saying how it ended.
#ifndef LOCKSTEP_CTL_FOLLOW_H_
#define LOCKSTEP_CTL_FOLLOW_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lockstep/v1/operation.pb.h"

#include "ctl/context.h"

namespace lockstep::ctl {

// Shows progress until the operation has ended; returns it, however it ended. Errors say how to
// re-attach: DEADLINE_EXCEEDED (TIMEOUT), CANCELLED (INTERRUPTED, TERMINATED), UNAVAILABLE when the
// coordinator stayed away. The work goes on in all three.
absl::StatusOr<v1::Operation> Follow(Context& context, const std::string& operation_id);

// Where an operation is, in one line; `since` is how long ago it said so.
std::string ProgressLine(const v1::Operation& operation, absl::Duration since);

// OK for SUCCEEDED (and what has not ended); MIGRATION_FAILED with its facts; FAILED_PRECONDITION
// (BLOCKED) when a migration could not even be tried; OPERATION_CANCELLED.
// `transactional` tells whether the failed version ran inside a transaction; absent when unknown.
absl::Status OutcomeOf(const v1::Operation& operation, std::optional<bool> transactional);

// Adds the command that re-attaches to `operation_id` to an error that left it running.
absl::Status WithReattach(const absl::Status& status, absl::string_view operation_id);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_FOLLOW_H_
