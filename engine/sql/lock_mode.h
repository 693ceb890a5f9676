// PostgreSQL's table lock modes.
#ifndef LOCKSTEP_ENGINE_SQL_LOCK_MODE_H_
#define LOCKSTEP_ENGINE_SQL_LOCK_MODE_H_

#include "absl/strings/string_view.h"

namespace lockstep::sql {

// Ordered by strength, as PostgreSQL numbers them.
enum class LockMode {
  kNone = 0,
  kAccessShare,
  kRowShare,
  kRowExclusive,
  kShareUpdateExclusive,
  kShare,
  kShareRowExclusive,
  kExclusive,
  kAccessExclusive,
};

// "ACCESS EXCLUSIVE", as in LOCK TABLE; "none".
absl::string_view LockModeName(LockMode mode);
// "AccessExclusiveLock", as in pg_locks; "" for kNone.
absl::string_view LockModeCatalogName(LockMode mode);
// The other way; kNone for what is no such name.
LockMode LockModeFromCatalogName(absl::string_view name);

// From SHARE on writers wait.
inline bool BlocksWrites(LockMode mode) { return mode >= LockMode::kShare; }
inline bool BlocksReads(LockMode mode) { return mode == LockMode::kAccessExclusive; }

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_LOCK_MODE_H_
