// A migration that takes down whoever runs it: the agent is killed each time (out of memory, a
// crash), nobody reports a failure, and the next agent would be offered the same run for ever.
// Pure.
#ifndef LOCKSTEP_COORDINATOR_OPERATION_LOSSES_H_
#define LOCKSTEP_COORDINATOR_OPERATION_LOSSES_H_

#include <optional>

#include "coordinator/store/types.h"

namespace lockstep::coordinator {

// After so many holders in a row that died or went silent in one version the operation ends; in one
// part of a backfill that did not move, the backfill.
inline constexpr int kMaxHoldersLost = 5;

// The reason of the error that ends it.
inline constexpr char kReasonHoldersLost[] = "HOLDERS_LOST";

// Why `operation` is not to be granted a run that begins with `next`: how many holders were lost,
// their names, what is applied and what to do. Absent while it may be.
std::optional<RunError> GivenUp(const OperationRow& operation, Version next);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_OPERATION_LOSSES_H_
