// Following one operation to its end, and saying how it ended.
#ifndef LOCKSTEP_CTL_FOLLOW_H_
#define LOCKSTEP_CTL_FOLLOW_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lockstep/v1/operation.pb.h"

#include "ctl/context.h"
#include "ctl/progress.h"

namespace lockstep::ctl {

// Shows progress until the operation has ended; returns it, however it ended. Errors say how to
// re-attach: DEADLINE_EXCEEDED (TIMEOUT), CANCELLED (INTERRUPTED, TERMINATED), UNAVAILABLE when the
// coordinator stayed away. The work goes on in all three.
// `on_state` hears of each state, the last included.
absl::StatusOr<v1::Operation> Follow(
    Context& context, const std::string& operation_id,
    const std::function<void(const v1::Operation&)>& on_state = nullptr);

// Where an operation is, in one line; `since` is how long ago it said so.
std::string ProgressLine(const v1::Operation& operation, absl::Duration since);

// Shows where the operation is, as Follow does.
void ShowProgress(Progress& progress, const v1::Operation& operation);

// OK for SUCCEEDED (and what has not ended); FAILED_PRECONDITION (BLOCKED, NO_FIT_AGENT, LOCK_BUSY,
// HOLDERS_LOST) when a migration could not be tried, did not get its lock or ended whoever ran it,
// by the error's own reason, with who was in the way; MIGRATION_FAILED with its facts for every
// other failure; OPERATION_CANCELLED.
// `transactional` tells whether the failed version ran inside a transaction; absent when unknown.
absl::Status OutcomeOf(const v1::Operation& operation, std::optional<bool> transactional);

// What is printed of an operation that reached its target: "applied 16", and contracts that wait;
// "contract 13 has run".
std::string EndText(const v1::Operation& operation);

// Adds the command that re-attaches to `operation_id` to an error that left it running.
absl::Status WithReattach(const absl::Status& status, absl::string_view operation_id);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_FOLLOW_H_
