// What lint says of backfills: the rules about them (engine/sql/rules), and what the safety
// analysis says of their statements. Pure.
#ifndef LOCKSTEP_ENGINE_CHAIN_BACKFILL_LINT_H_
#define LOCKSTEP_ENGINE_CHAIN_BACKFILL_LINT_H_

#include <set>
#include <span>
#include <vector>

#include "engine/chain/chain.h"
#include "engine/sql/analysis/finding.h"
#include "engine/sql/model/database.h"

namespace lockstep::chain {

// The findings of one job, by place; offsets are in its text, statements count through the file.
// `database` is what exists when its turn comes, all of it in use; `migrations` is the chain.
//
// Left out is what the analysis says of migrations alone: that data is written, that a statement
// cannot be repeated (a batch and its cursor are one transaction), and what waits for the fleet,
// for a backfill does not wait.
std::vector<sql::Finding> LintBackfill(const Backfill& job, std::span<const Migration> migrations,
                                       const sql::model::Database& database);

// The findings of each of `jobs`, judged against what `database` holds, the migrations `exist`ing
// in it already, and what the others up to `after` make of it.
std::vector<std::vector<sql::Finding>> LintBackfills(std::span<const Backfill> jobs,
                                                     std::span<const Migration> migrations,
                                                     const std::set<Version>& exist,
                                                     sql::model::Database database);

}  // namespace lockstep::chain

#endif  // LOCKSTEP_ENGINE_CHAIN_BACKFILL_LINT_H_
