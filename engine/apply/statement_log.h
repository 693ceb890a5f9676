// What a holder writes down about its statements outside of a transaction (f10_concurrent.sql):
// each call is a transaction of its own, under the fence and the lock of statements.
//
// Not guaranteed: that the token is current when a call returns; it was when the call committed.
#ifndef LOCKSTEP_ENGINE_APPLY_STATEMENT_LOG_H_
#define LOCKSTEP_ENGINE_APPLY_STATEMENT_LOG_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "engine/apply/lease.h"
#include "engine/apply/step.h"
#include "engine/chain/migration.h"
#include "engine/postgres/script_session.h"

namespace lockstep::apply {

// Stored in lockstep.intent; do not change the names.
enum class StepState { kPlanned, kRunning, kDone, kAdopted, kCleaned };

// Used by the session's thread. Every call leaves the session's own role set, not the owner's.
class StatementLog {
 public:
  // All must outlive it.
  StatementLog(postgres::ScriptSession& session, const LeaseToken& token, chain::Version version)
      : session_(session), token_(token), version_(version) {}

  // Tries to take the lock of statements for the session; never waits. False while another backend
  // has it.
  absl::StatusOr<bool> TryLock();
  // The backend that has it; 0 for none.
  absl::StatusOr<int> LockHolder();

  // Writes down the steps, unless they are, and returns the state of each. FAILED_PRECONDITION:
  // FENCED, NOT_NEXT, LOCK_NOT_HELD.
  absl::StatusOr<std::vector<StepState>> Plan(const std::vector<Step>& steps);
  // Says that the step begins. Besides, GATE_CLOSED.
  absl::Status Begin(const Step& step);
  // Says how it ended: kDone, kAdopted or kCleaned.
  absl::Status End(const Step& step, StepState state, absl::string_view found);
  // The command by which the transaction of a kFenced step says so itself.
  postgres::Command EndCommand(const Step& step, StepState state, absl::string_view found) const;

 private:
  absl::StatusOr<postgres::Result> Transact(const postgres::Command& command);

  postgres::ScriptSession& session_;
  const LeaseToken& token_;
  const chain::Version version_;
};

}  // namespace lockstep::apply

#endif  // LOCKSTEP_ENGINE_APPLY_STATEMENT_LOG_H_
