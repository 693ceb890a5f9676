// Loads a migrations directory. The one place of engine/chain that touches files.
#ifndef LOCKSTEP_ENGINE_CHAIN_DIRECTORY_H_
#define LOCKSTEP_ENGINE_CHAIN_DIRECTORY_H_

#include <string>

#include "absl/status/statusor.h"

#include "engine/chain/chain.h"

namespace lockstep::chain {

inline constexpr char kChainSumFile[] = "chain.sum";
inline constexpr char kBackfillsFolder[] = "backfills";
inline constexpr int kMaxMigrationFiles = 20'000;

// Reads `directory`/NNN_title.sql and `directory`/backfills/*.sql, in the order of their names.
// Other files and folders, and names that begin with a dot, are left alone, but a `.sql` file at
// the top whose name is not NNN_title.sql is an error (a migration nobody runs is a trap).
//
// Fails with what ReadMigration, ReadBackfill and MakeChain return. `001_a.sql` and `1_b.sql` are a
// CHAIN_DUPLICATE naming both, before the short name of the second is refused. BAD_DIRECTIVE also
// when needs-backfill names none of the backfills, or one that runs only after a later version.
// NOT_FOUND when there is no such directory; RESOURCE_EXHAUSTED for more than kMaxMigrationFiles.
// All failures name the file.
absl::StatusOr<Chain> LoadDirectory(const std::string& directory);

// Reads and parses a chain.sum file.
absl::StatusOr<ChainSum> LoadChainSum(const std::string& path);

// Compares `directory`/chain.sum with the files beside it. OK when they agree; FAILED_PRECONDITION
// (CHAIN_SUM_STALE) naming the first version that differs, with the hint to run `lockstep sum`;
// NOT_FOUND when there is no chain.sum.
absl::Status CheckChainSum(const std::string& directory, const Chain& chain);

}  // namespace lockstep::chain

#endif  // LOCKSTEP_ENGINE_CHAIN_DIRECTORY_H_
