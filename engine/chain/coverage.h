// Who fills the rows that are written while a backfill runs: pure.
#ifndef LOCKSTEP_ENGINE_CHAIN_COVERAGE_H_
#define LOCKSTEP_ENGINE_CHAIN_COVERAGE_H_

#include <string>
#include <vector>

#include "engine/chain/chain.h"

namespace lockstep::chain {

// The columns that the batches set and that nobody is known to fill in rows written meanwhile:
// neither a trigger on the table, nor a default or a generated column, in a migration up to
// `after`. Empty where it is said (dual-write), where rows are removed or inserted elsewhere, and
// for one batch without a table. Names are as written, in lower case unless quoted.
//
// Reads tokens: SQL in functions and DO blocks is not looked into, and what a trigger does is
// believed.
std::vector<std::string> UncoveredColumns(const Backfill& job,
                                          const std::vector<Migration>& migrations);

}  // namespace lockstep::chain

#endif  // LOCKSTEP_ENGINE_CHAIN_COVERAGE_H_
