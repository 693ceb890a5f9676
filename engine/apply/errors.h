// Why a migration failed, in the words of its author: which statement of the file, at which line
// and column, and what PostgreSQL said.
//
// Functions are pure and safe to call from any thread.
#ifndef LOCKSTEP_ENGINE_APPLY_ERRORS_H_
#define LOCKSTEP_ENGINE_APPLY_ERRORS_H_

#include <optional>
#include <string>

#include "absl/status/status.h"

#include "engine/chain/migration.h"
#include "engine/postgres/lock_wait.h"

namespace lockstep::apply {

struct MigrationError {
  chain::Version version = 0;
  int statement = 0;  // From 1; 0 when it was not a statement of the file.
  int line = 0;       // In the file, from 1; 0 when unknown.
  int column = 0;     // In characters, from 1; 0 when unknown.
  std::string reason;
  std::string sqlstate;  // May be empty.
  std::string message;
  std::string detail;
  std::string hint;
  bool retryable = false;                  // A later try of the same run may succeed.
  bool agent_unfit = false;                // This agent cannot run migrations at all.
  std::string statement_text;              // Its head; empty when it was not a statement.
  std::optional<postgres::LockWait> lock;  // Who was in the way, as last seen.
};

// A lock timeout, a deadlock, a conflict with another transaction.
bool IsAboutLocks(const MigrationError& error);

// A failure that is not one of the file's statements: connecting, opening, closing, committing.
MigrationError RunErrorOf(chain::Version version, const absl::Status& status);

// A failure of statement `statement` (from 0) of `migration`. Points at the place PostgreSQL
// reported, or at the statement's first token.
MigrationError StatementErrorOf(const chain::Migration& migration, size_t statement,
                                const absl::Status& status);

// FAILED_PRECONDITION (FENCE_BROKEN): a statement ended the transaction that the fence owns.
absl::Status FenceBrokenError();

// CANCELLED: the run was taken back or the agent stops. A later try may succeed.
absl::Status CancelledError(const std::string& why);

}  // namespace lockstep::apply

#endif  // LOCKSTEP_ENGINE_APPLY_ERRORS_H_
