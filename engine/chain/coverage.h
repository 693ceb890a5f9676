// Who fills the rows that are written while a backfill runs: pure.
#ifndef LOCKSTEP_ENGINE_CHAIN_COVERAGE_H_
#define LOCKSTEP_ENGINE_CHAIN_COVERAGE_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "engine/chain/chain.h"
#include "engine/sql/model/database.h"

namespace lockstep::chain {

struct UncoveredColumn {
  std::string name;
  size_t offset = 0;  // Where a batch sets it first, in the text of the job.
};

// The columns that UPDATEs in the batches set and that nobody is known to fill in rows written
// meanwhile. In `database`, what is there when the walk begins, these are filled: all of a table
// with a trigger or rule, which is believed to do it; a column with a default, a generation
// expression or a domain's; one that must not be NULL, which every writer gives.
//
// Empty where it is said (dual-write), for a seed, where rows are removed or inserted elsewhere;
// and where it cannot be told: of a table of which not everything is known, and when a text in
// `migrations` up to `after`, of a function or DO block, makes triggers or defaults.
std::vector<UncoveredColumn> UncoveredColumns(const Backfill& job,
                                              std::span<const Migration> migrations,
                                              const sql::model::Database& database);

}  // namespace lockstep::chain

#endif  // LOCKSTEP_ENGINE_CHAIN_COVERAGE_H_
