// One transactional migration, applied under the fence.
//
//   BEGIN; SET LOCAL timeouts, search_path; lockstep.open(token); SET LOCAL ROLE owner
//     the file's statements, each one message of the extended protocol
//   RESET ROLE; lockstep.close(token, digest); SET LOCAL ROLE owner; SET CONSTRAINTS ALL IMMEDIATE
//   COMMIT
//
// All before the COMMIT goes in one round trip, unless the file has a statement of which it is not
// known what it does, or too many: what cannot end the transaction need not be waited for, and what
// follows a failure is skipped by the server. The COMMIT always has a round trip of its own, after
// the transaction was found to be the one that was opened.
//
// What this file relies on and does not repeat: lockstep.open keeps a lock on the lease's row until
// the end of the transaction, so a token that was current there is current at COMMIT; the history
// row is written by lockstep.close in this transaction; a COMMIT between the two fails in the
// database. So a holder that lost its lease cannot commit, and no statement of a migration can
// publish its effects without the history row.
//
// Not guaranteed: that the migration is not applied when kInDoubt is returned. Ask (outcome.h).
#ifndef LOCKSTEP_ENGINE_APPLY_RUN_MIGRATION_H_
#define LOCKSTEP_ENGINE_APPLY_RUN_MIGRATION_H_

#include <functional>
#include <optional>
#include <span>
#include <string>

#include "absl/time/time.h"

#include "engine/apply/cancellation.h"
#include "engine/apply/errors.h"
#include "engine/apply/lease.h"
#include "engine/chain/migration.h"
#include "engine/postgres/lock_wait.h"
#include "engine/postgres/script_session.h"

namespace lockstep::apply {

struct RunSettings {
  std::string owner_role;            // Migrations run as it; empty: as the session's own role.
  std::string search_path;           // See search_path.h for what is made of it.
  absl::Duration lock_timeout;       // Of one statement; zero: no limit. A directive overrides it.
  absl::Duration statement_timeout;  // Likewise.
};

// How far a run is.
struct Progress {
  chain::Version version = 0;
  int statement = 0;             // The one that runs now, from 1; 0 before the first.
  int statements = 0;            // How many the version has.
  chain::Version committed = 0;  // The newest version of the run that is committed; 0 for none.
  // What a long statement outside of a transaction does, or waits for: "building index: scanning
  // table"; "" when nothing is known. How far that is; -1 when it is not known.
  std::string activity = {};
  int percent = -1;
  std::optional<postgres::LockWait> lock = {};  // What it waits for right now.
};

// Called when a statement's turn comes and after the last, when what it waits for changes, and
// while a long one runs outside of a transaction; by one thread at a time. Must be quick, the
// server does not wait for it.
using Observer = std::function<void(const Progress&)>;

struct MigrationContext {
  const LeaseToken& token;
  const RunSettings& settings;
  const Cancellation& cancellation;
  CancelWatch& watch;
  const Observer& observer;  // May be empty.
  chain::Version committed = 0;
  std::span<const postgres::Command> reset = {};  // Goes ahead of it (migration_session.h).
};

enum class MigrationOutcome {
  kCommitted,
  kNotOpened,   // lockstep.open did not let us in; no statement of the file ran, or remains.
  kRolledBack,  // Nothing of it remains, also when the connection was lost.
  kInDoubt,     // The connection was lost in the COMMIT.
};

struct MigrationResult {
  MigrationOutcome outcome = MigrationOutcome::kNotOpened;
  std::string xid;                      // Of the transaction; empty before it had one.
  std::optional<MigrationError> error;  // Set unless kCommitted.
};

// Applies `migration` on `session`, which must be idle and set up (migration_session.h), and leaves
// it idle or lost. Blocks; a request to `context.cancellation` ends it before the COMMIT.
MigrationResult RunMigration(postgres::ScriptSession& session, const chain::Migration& migration,
                             const MigrationContext& context);

}  // namespace lockstep::apply

#endif  // LOCKSTEP_ENGINE_APPLY_RUN_MIGRATION_H_
