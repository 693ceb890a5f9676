// What the driver does next: pure. The driver reads the database and the fleet, asks here, and
// moves.
#ifndef LOCKSTEP_COORDINATOR_OPERATION_DECISION_H_
#define LOCKSTEP_COORDINATOR_OPERATION_DECISION_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

#include "coordinator/fleet/fleet.h"
#include "coordinator/operation/plan.h"
#include "coordinator/store/contract_store.h"
#include "coordinator/store/types.h"

namespace lockstep::coordinator {

// Reasons of the errors that end an operation without a run having failed.
inline constexpr char kReasonBlocked[] = "BLOCKED";
inline constexpr char kReasonNoFitAgent[] = "NO_FIT_AGENT";
// A lock was not to be had within the ladder's budget.
inline constexpr char kReasonLockBusy[] = "LOCK_BUSY";

// For what an agent that cannot apply is passed over: the operation, until a person says go on.
std::string FitnessScope(const OperationRow& operation);

// A contract operation that has not ended, and who is in its way.
struct ContractView {
  OperationRow operation;
  ContractFacts facts;
};

// What the database says. An upgrade and a contract may be under way side by side, each waiting for
// its own; one run at a time is granted, to whichever is ready, the upgrade first.
struct DriverView {
  ChainRow chain;
  LeaseRow lease;
  std::optional<OperationRow> operation;  // The upgrade that has not ended.
  std::optional<ContractView> contract;   // The contract that has not ended.
  std::vector<PendingMigration> pending;
  std::vector<BackfillRow> backfills;
  // Why no contract may be granted yet although everything else may (lease/settle.h), and for how
  // long at most; "" when it may.
  std::string settling;
  absl::Duration settle_left;
  // The lease is revoking with a half-done contract, and nobody is at work on it any more.
  bool half_done = false;
};

struct Decision {
  enum class Kind {
    kNothing,     // No operation.
    kWait,        // `why` says for what.
    kGrant,       // `run` to `session`.
    kRevoke,      // The held lease, because of `why`.
    kTakeBack,    // The held lease between two migrations: what runs may commit.
    kSettle,      // The revoking lease: find out whether a statement still runs.
    kEnd,         // The operation, as `state` with `error`.
    kSetBarrier,  // Of the contract.
    kNoteQuiet,   // The contract concerns nobody from now on,
    kNoteNoise,   // or somebody is there again, because of `why`.
  };
  Kind kind = Kind::kNothing;
  std::string operation = {};  // Which one it is about; "" for none.
  std::string why;
  std::string contract_why = {};  // For kWait: what the contract waits for.
  absl::Duration retry_in =
      absl::InfiniteDuration();  // For kWait: when to look again at the latest.
  Run run;
  std::string session;
  std::string holder;  // "service@instance"
  OperationState state = OperationState::kRunning;
  std::optional<RunError> error;
  bool force = false;    // For kSettle: what still runs is not wanted any more.
  bool overdue = false;  // For kRevoke: because its holder is.
};

// `lease_overdue` says that the holder of the held lease has been silent for too long.
Decision Decide(const DriverView& view, const std::vector<Member>& members, bool lease_overdue,
                absl::Duration now);

// Attempts in a row that committed nothing, the last one included; a long chain takes many.
struct FailureStreak {
  int failures = 0;
  absl::Duration failing_for;  // Since the first of them began.
  double jitter = 0.5;         // 0 to 1, evenly.
};

// What to do about a run that failed: try again after a pause, or end the operation with `error`.
struct AfterFailure {
  bool retry = false;
  absl::Duration delay;
  RunError error;
};
AfterFailure DecideAfterFailure(const RunError& error, const FailureStreak& streak,
                                const Durations& durations);

// A lock timeout, a deadlock or a conflict with another transaction: time alone helps.
bool IsAboutLocks(const RunError& error);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_OPERATION_DECISION_H_
