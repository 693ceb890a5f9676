// The migrations directory of a command.
#ifndef LOCKSTEP_CTL_LOCAL_CHAIN_H_
#define LOCKSTEP_CTL_LOCAL_CHAIN_H_

#include <string>

#include "absl/status/statusor.h"

#include "ctl/arguments.h"
#include "engine/chain/chain.h"

namespace lockstep::ctl {

inline constexpr char kDefaultMigrations[] = "./migrations";

// What --migrations says, else ./migrations.
std::string MigrationsDirectory(const Arguments& arguments);

// The path of chain.sum in `directory`.
std::string ChainSumPath(const std::string& directory);

// chain::LoadDirectory, with a hint when there is no such directory.
absl::StatusOr<chain::Chain> LoadLocalChain(const std::string& directory);

// FAILED_PRECONDITION (CHAIN_SUM_STALE) when chain.sum is missing or does not match `local`;
// INVALID_ARGUMENT (BAD_CHAIN_SUM) when it is damaged.
absl::Status CheckLocalSum(const std::string& directory, const chain::Chain& local);

// Loads the directory and compares it with its chain.sum. Fails as LoadLocalChain does, and
// as CheckLocalSum.
absl::StatusOr<chain::Chain> LoadCheckedChain(const std::string& directory);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_LOCAL_CHAIN_H_
