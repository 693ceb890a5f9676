#include "coordinator/operation/relief.h"

#include <algorithm>

#include "coordinator/store/lock_store.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {
// When to look again behind a session that was told to end.
constexpr absl::Duration kSoon = absl::Milliseconds(100);
}  // namespace

absl::Status RelieveLock(Database& database, const LeaderToken& leader, const LockLadder& ladder,
                         OperationRow* operation) {
  const bool waits = operation->state == OperationState::kRunning &&
                     operation->delay > absl::ZeroDuration() && operation->error.has_value() &&
                     operation->error->lock.has_value();
  if (!waits) return absl::OkStatus();
  const LockWait& wait = *operation->error->lock;
  ASSIGN_OR_RETURN(auto connection, database.Take());
  if (operation->terminate_idle.has_value()) {
    ASSIGN_OR_RETURN(const auto ended, TerminateIdle(*connection, leader, *operation, wait,
                                                     *operation->terminate_idle));
    // It takes a moment to end: the next look finds it gone.
    if (!ended.empty()) {
      operation->delay = std::min(operation->delay, kSoon);
      return absl::OkStatus();
    }
  }
  if (!MayTryAtOnce(ladder, operation->failures, operation->since_failure)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const bool free, IsLockFree(*connection, wait));
  if (free) operation->delay = absl::ZeroDuration();
  return absl::OkStatus();
}

}  // namespace lockstep::coordinator
