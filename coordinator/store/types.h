// The rows of schema lockstep as values.
#ifndef LOCKSTEP_COORDINATOR_STORE_TYPES_H_
#define LOCKSTEP_COORDINATOR_STORE_TYPES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

#include "engine/chain/chain.h"
#include "engine/postgres/lock_wait.h"

namespace lockstep::coordinator {

using chain::Version;
using postgres::LockBlocker;
using postgres::LockWait;

// Proof of leadership; the first argument of every write.
struct LeaderToken {
  int64_t epoch = 0;
  std::string holder;  // UUID.
  bool operator==(const LeaderToken&) const = default;
};

// Proof of the right to apply a run. A secret.
struct LeaseToken {
  int64_t epoch = 0;
  std::string lease_id;  // UUID; empty when unknown.
  bool operator==(const LeaseToken&) const = default;
};

struct ChainRow {
  Version applied = 0;
  Version head = 0;
  std::string head_hash;  // 32 raw bytes.
  Version inflight = 0;   // 0 for none.
  Version barrier = 0;    // 0 for none.
  int64_t incarnation = 0;
  // False while rows that PostgreSQL lost at the begin of the incarnation may be missing still.
  bool settled = true;
  int64_t revision = 0;
  bool never_served = true;
};

struct LeaseRow {
  LeaseToken token;
  bool held = false;
  // Taken back, while a statement outside of a transaction may still run; `first` is its version.
  bool revoking = false;
  bool transactional = true;  // Of its run.
  std::string session;
  std::string operation;
  Version first = 0;
  Version last = 0;
};

// A published migration without a history row.
struct PendingMigration {
  Version version = 0;
  std::string title;
  sql::Phase phase = sql::Phase::kContract;
  bool transactional = true;
  std::vector<Version> waits_for;           // Only those that have not run.
  std::vector<std::string> needs_backfill;  // Only those that are not done.
  int64_t concerned = 0;       // For a contract: how many countable sessions it concerns.
  std::string operation = {};  // For a contract: the one that takes care of it alone; "" for none.
};

// What went wrong in a run; every field but message may be empty.
struct RunError {
  Version version = 0;
  int statement = 0;
  int line = 0;
  int column = 0;
  std::string reason;  // "BLOCKED", "SQL_ERROR": the name to switch on.
  std::string sqlstate;
  std::string message;
  std::string detail;
  std::string hint;
  bool retryable = false;
  bool agent_unfit = false;
  std::string statement_text;    // Its head.
  std::optional<LockWait> lock;  // Who was in the way of a lock that was not to be had.
};

// Runs of one version that were taken back in a row because whoever had taken them died or went
// silent: since one committed something, ended in another way, or a person said go on.
struct HolderLosses {
  Version version = 0;               // 0 for none.
  std::vector<std::string> holders;  // "service@instance", one for each, oldest first.
  bool transactional = true;
  int steps_done = 0;  // Of one outside of a transaction: statements of it that stay.
};

// Stored in the database under these names; do not change.
enum class OperationState { kRunning, kPaused, kCancelling, kSucceeded, kFailed, kCancelled };
bool HasEnded(OperationState state);

enum class OperationKind { kUpgrade, kContract };

struct OperationRow {
  std::string operation_id;
  OperationKind kind = OperationKind::kUpgrade;
  OperationState state = OperationState::kRunning;
  Version target = 0;
  bool contracts = false;
  Version start_version = 0;
  std::string actor;
  std::string reason;
  int attempts = 0;
  absl::Duration delay = absl::ZeroDuration();  // Until the next run may be granted.
  std::optional<RunError> error;
  absl::Time created_at;
  std::optional<absl::Time> ended_at;
  // Of the attempts that failed in a row: since one committed something, or a person said go on.
  int failures = 0;
  absl::Duration failing_for;    // Since the first of them began.
  absl::Duration since_failure;  // Since the last of them ended.
  HolderLosses losses = {};
  // Sessions idle in a transaction for so long are ended when they keep a lock it waits for.
  std::optional<absl::Duration> terminate_idle;
  int retries = 0;  // How often it was told to go on after it had ended.
  // Of a contract.
  bool when_drained = false;                // It waits for those whom it concerns to leave.
  std::optional<absl::Time> deadline = {};  // When it ends if it has not run;
  std::optional<absl::Duration> deadline_left = {};  // from now, by the database's clock.
  absl::Duration soak = absl::ZeroDuration();    // For how long it has to concern nobody before.
  std::optional<absl::Duration> quiet_for = {};  // For how long it has; absent while it does not.
  std::string accept_unknown = {};  // Why undeclared clients do not hold it up; "" when they do.
};

// What a build declares, and where its instance runs.
struct Declaration {
  std::string session_id;
  std::string service;
  std::string instance;
  int64_t nonce = 0;
  std::string build;
  bool configured = false;
  Version built_for = 0;
  std::string chain_hash;
  std::optional<Version> needs;
  Version adapted_to = 0;
  std::optional<std::vector<std::string>> uses;
  bool stop_on_session_loss = false;
  bool can_migrate = false;
  std::string migrate_error;
  // It asks for an instance that is yet to start: once admitted it counts for this long.
  std::optional<absl::Duration> reserve;
  // The newest revision whose changes to the schema the instance knows of; 0: none yet.
  int64_t schema_revision = 0;
};

enum class GateState { kOpen, kWait, kRefused };

// What a verdict speaks of, for programs; which of it there is depends on its reason.
struct VerdictFacts {
  std::string operation;  // applying, failed
  // applying: what runs; failed: what failed; too_old and draining: the contract. 0 when not known.
  Version version = 0;
  std::string title;
  std::string holder;      // applying: who runs it, "service@instance"
  int statement = 0;       // applying, failed: from 1; 0 when not known.
  int statements = 0;      // applying: of how many.
  std::string error;       // failed
  std::string owner;       // draining: who asked for it
  std::string at;          // draining: until when; too_old: when it ran. UTC; may be empty.
  Version adapted_to = 0;  // too_old, draining: what a build has to be adapted to
  std::vector<std::string> builds = {};  // too_old: known builds of the service that would work.
  bool operator==(const VerdictFacts&) const = default;
};

struct Verdict {
  GateState state = GateState::kWait;
  std::string reason;
  std::string detail;
  std::string hint;
  Version applied = 0;
  Version needs = 0;
  Version head = 0;
  int64_t revision = 0;
  VerdictFacts facts = {};
};

// Who stated that an instance is gone.
struct AttestedGone {
  std::string actor;
  std::string reason;
  absl::Time at;
};

struct SessionRow {
  Declaration declaration;
  std::string state;
  std::string via;
  Verdict verdict;
  absl::Time registered_at;
  std::optional<absl::Time> reserved_until;  // Of a reservation ("starting").
  std::optional<absl::Time> silent_since;    // Of a suspect one.
  std::string superseded_by;                 // The session of a newer start; "" for none.
  std::optional<AttestedGone> attestation;
};

struct MigrationRow {
  Version version = 0;
  std::string title;
  sql::Phase phase = sql::Phase::kContract;
  bool transactional = true;
  std::string digest;
  std::string chain_hash;
  std::string published_by;
  absl::Time published_at;
  bool applied = false;
  absl::Time applied_at;
  absl::Duration duration;
  std::string applied_by;
  std::string how;
  int64_t lease_epoch = 0;
  bool in_flight = false;
  bool turn_has_come = false;  // Not applied, and every earlier non-contract is.
};

// A data job, and how far its run is.
struct BackfillRow {
  std::string name;
  Version after = 0;
  std::string state;  // "not run", "running", "paused", "done", "failed", "cancelled"
  int run = 0;
  std::string settings = "{}";
  int64_t total = 0;
  int64_t walked = 0;
  int64_t changed = 0;
  int64_t batches = 0;
  int batch_rows = 0;
  int parts = 0;
  int parts_done = 0;
  std::vector<std::string> holders = {};
  std::string stands = {};  // Why its holders do nothing.
  std::optional<absl::Duration> lag = {};
  double rows_per_second = 0;
  int64_t rows_left = 0;
  std::string left_sample = {};
  std::string look = {};
  std::string error = {};
  std::string hint = {};
  std::string actor = {};
  std::string reason = {};
  std::optional<absl::Time> started_at = {};
  std::optional<absl::Time> ended_at = {};
};

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_STORE_TYPES_H_
