// Who keeps a session waiting for a lock, as values that people and programs read. Where they come
// from is lockstep.lock_wait and lockstep.lock_holders (engine/catalog).
//
// Functions are pure and safe to call from any thread.
#ifndef LOCKSTEP_ENGINE_POSTGRES_LOCK_WAIT_H_
#define LOCKSTEP_ENGINE_POSTGRES_LOCK_WAIT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "engine/postgres/result.h"

namespace lockstep::postgres {

// Sessions that one wait names at most; a lock that more share is not had by ending one of them.
inline constexpr int kMaxBlockers = 16;
// What is kept of a statement's text, in bytes.
inline constexpr size_t kMaxStatementHead = 200;

struct LockBlocker {
  int pid = 0;                // 0: a prepared transaction, which no session has.
  int64_t backend_start = 0;  // Microseconds since 1970; with pid it names the session for ever.
  int64_t transaction_start = 0;  // Likewise its transaction. Both are 0 when they may not be seen.
  std::string role;
  std::string application_name;  // "service@instance" where an agent set it.
  std::string state;             // As in pg_stat_activity; "prepared" of a prepared transaction.
  absl::Duration transaction_age;
  absl::Duration state_age;  // Since when it is in that state.
  std::string query;         // The head of its statement, or of its last; gid of a prepared one.
  bool operator==(const LockBlocker&) const = default;
};

struct LockWait {
  std::string relation;  // "public.users"; "" when it is not a table's lock, or not known.
  std::string mode;      // "AccessExclusiveLock".
  std::vector<LockBlocker> blockers;  // At most kMaxBlockers, the oldest transaction first.
  bool operator==(const LockWait&) const = default;
};

// Reads the rows of the two functions; the wait itself is the same in every row. No row: no
// blockers.
LockWait LockWaitOf(const Result& result);

// "pid 4711, orders@pod-3, idle in transaction for 12s: UPDATE accounts SET".
std::string Describe(const LockBlocker& blocker);
// "public.users is locked by pid 4711, ... and by 2 others".
std::string Describe(const LockWait& wait);

// `text` on one line, cut to kMaxStatementHead bytes between two characters.
std::string StatementHead(absl::string_view text);

}  // namespace lockstep::postgres

#endif  // LOCKSTEP_ENGINE_POSTGRES_LOCK_WAIT_H_
