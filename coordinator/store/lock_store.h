// Sessions in the way of a migration: whether they still are, and ending those that sit idle.
#ifndef LOCKSTEP_COORDINATOR_STORE_LOCK_STORE_H_
#define LOCKSTEP_COORDINATOR_STORE_LOCK_STORE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "coordinator/store/types.h"
#include "engine/postgres/connection.h"

namespace lockstep::coordinator {

// True when none of the transactions that `wait` names is open any more and no session has a lock
// on its table. False when `wait` names nothing: then it is not known.
absl::StatusOr<bool> IsLockFree(postgres::Connection& connection, const LockWait& wait);

// Ends those sessions of `wait` that are the same by pid and start, sit idle in a transaction for
// `idle` at least, and are not of a role of lockstep's own; with an event for each. Returns them.
// PERMISSION_DENIED (PERMISSION) when this role may not; UNAVAILABLE (NOT_LEADER).
absl::StatusOr<std::vector<LockBlocker>> TerminateIdle(postgres::Connection& connection,
                                                       const LeaderToken& leader,
                                                       const OperationRow& operation,
                                                       const LockWait& wait, absl::Duration idle);

// PERMISSION_DENIED (PERMISSION), with what to type, unless this role may end sessions of others.
absl::Status CheckMayTerminate(postgres::Connection& connection);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_STORE_LOCK_STORE_H_
