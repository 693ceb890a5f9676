// What lint asks a live database.
#ifndef LOCKSTEP_CTL_LINT_DATABASE_H_
#define LOCKSTEP_CTL_LINT_DATABASE_H_

#include <set>
#include <string>

#include "absl/status/statusor.h"

#include "engine/chain/migration.h"
#include "engine/sql/model/database.h"

namespace lockstep::ctl {

struct LiveDatabase {
  sql::model::Database catalog;
  // Versions that are applied; a contract may be missing below the newest.
  std::set<chain::Version> applied;
  // Backfills that were started once: their files cannot be changed any more.
  std::set<std::string> started;
};

// Reads the catalog and, unless `catalog_only`, what schema lockstep says is applied: nothing when
// there is no such schema. PERMISSION_DENIED (PERMISSION) when the role may not read it.
absl::StatusOr<LiveDatabase> ReadLiveDatabase(const std::string& conninfo, bool catalog_only);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_LINT_DATABASE_H_
