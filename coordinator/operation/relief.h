// Between two tries of a migration that did not get its lock: ends sessions that sit idle on it,
// where the operation asks for that, and cuts the pause short when nobody is in the way any more.
#ifndef LOCKSTEP_COORDINATOR_OPERATION_RELIEF_H_
#define LOCKSTEP_COORDINATOR_OPERATION_RELIEF_H_

#include "absl/status/status.h"

#include "coordinator/durations.h"
#include "coordinator/store/database.h"
#include "coordinator/store/types.h"

namespace lockstep::coordinator {

// Sets `operation->delay` to zero when its next try may come now, to a moment when a session was
// told to end; else leaves it. Does nothing for an operation that does not wait for a lock. Blocks
// on SQL.
absl::Status RelieveLock(Database& database, const LeaderToken& leader, const LockLadder& ladder,
                         OperationRow* operation);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_OPERATION_RELIEF_H_
