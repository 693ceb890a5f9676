// Run leases. The SQL functions (engine/catalog/sql/f04_run.sql) hold the rules; these are their
// callers. Blocks on one transaction each.
#ifndef LOCKSTEP_COORDINATOR_STORE_RUN_STORE_H_
#define LOCKSTEP_COORDINATOR_STORE_RUN_STORE_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "coordinator/store/types.h"
#include "engine/postgres/connection.h"

namespace lockstep::coordinator {

absl::StatusOr<LeaseRow> ReadLease(postgres::Connection& connection);

struct GrantRequest {
  Version first = 0;
  Version last = 0;
  std::string session;
  std::string holder;  // "service@instance"
  std::string operation;
  absl::Duration ttl;
};

// Grants a run under the lease epoch that was `seen`. ABORTED (BUSY) when a run is in flight or the
// lease moved on; FAILED_PRECONDITION (NOT_NEXT, GATE_CLOSED); UNAVAILABLE (NOT_LEADER).
absl::StatusOr<LeaseToken> GrantRun(postgres::Connection& connection, const LeaderToken& leader,
                                    int64_t seen, const GrantRequest& request);

// Extends the lease in its row. False when it is not held under `token` any more.
absl::StatusOr<bool> RenewRun(postgres::Connection& connection, const LeaderToken& leader,
                              const LeaseToken& token, absl::Duration ttl);

// Whether a session of this database has looked at it for longer than `age`, so that PostgreSQL
// must keep what is replaced now. Needs pg_read_all_stats to see other roles' sessions.
absl::StatusOr<bool> HasSnapshotOlderThan(postgres::Connection& connection, absl::Duration age);

// Takes a run back; when it returns true nothing of `token` can commit any more. False when the run
// ended meanwhile. DEADLINE_EXCEEDED while the holder's transaction is open and `lock_timeout`
// over. `holder_lost`: because its holder died or went silent, which is counted (HolderLosses).
absl::StatusOr<bool> RevokeRun(postgres::Connection& connection, const LeaderToken& leader,
                               const LeaseToken& token, const std::string& reason,
                               absl::Duration lock_timeout, bool holder_lost = false);

// Records how a run ended and gives the lease back when the holder still had it (returns true
// then).
absl::StatusOr<bool> CompleteRun(postgres::Connection& connection, const LeaderToken& leader,
                                 const LeaseToken& token, const std::string& outcome,
                                 Version committed, const std::optional<RunError>& error);

// Terminates the backends that backend `waiter` waits for and that hold run_lock. The lock itself
// says who they are, in the same statement that terminates them, so a reused pid is not hit.
// Returns how many. `waiter` is the backend of a RevokeRun.
absl::StatusOr<int> TerminateBlockersOf(postgres::Connection& connection, int waiter);

// ---- Taking back a run outside of a transaction (f10_concurrent.sql). RevokeRun leaves it
// revoking: a statement may still run, in a backend that has the lock of statements.

enum class SettleOutcome {
  kEnded,     // Nobody is at work; the lease is idle.
  kBusy,      // Somebody has the lock of statements.
  kHalfDone,  // A contract was begun: the same run has to be granted again.
  kGone,      // The lease has moved on since `epoch` was read.
};

// Ends it when nobody is at work. Never waits for who is.
absl::StatusOr<SettleOutcome> SettleRun(postgres::Connection& connection, const LeaderToken& leader,
                                        int64_t epoch);

struct StatementHolder {
  int pid = 0;
  std::string backend_start;  // As PostgreSQL writes it.
  bool sits_idle = false;     // It has the lock, and runs nothing.
  absl::Duration since;       // How long it has been doing, or not doing, what it does.
  std::string phase;          // Of a build: "building index: scanning table"; "" for others.
  int percent = -1;           // How far that is; -1 when not known.
};

// The backend that has the lock of statements; absent when none has it.
absl::StatusOr<std::optional<StatementHolder>> ReadStatementHolder(
    postgres::Connection& connection);

// Terminates that backend, if it is still the one that has the lock. False when it is not.
// PERMISSION_DENIED when it is a superuser's and we are none.
absl::StatusOr<bool> TerminateStatementHolder(postgres::Connection& connection,
                                              const StatementHolder& holder);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_STORE_RUN_STORE_H_
