#include "ctl/local_chain.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"
#include "engine/chain/directory.h"

namespace lockstep::ctl {

std::string MigrationsDirectory(const Arguments& arguments) {
  const std::string given = arguments.Text("--migrations");
  return given.empty() ? kDefaultMigrations : given;
}

std::string ChainSumPath(const std::string& directory) {
  return absl::StrCat(directory, absl::EndsWith(directory, "/") ? "" : "/", chain::kChainSumFile);
}

absl::StatusOr<chain::Chain> LoadLocalChain(const std::string& directory) {
  absl::StatusOr<chain::Chain> local = chain::LoadDirectory(directory);
  if (!absl::IsNotFound(local.status())) return local;
  base::ErrorInfo info = base::GetErrorInfo(local.status()).value_or(base::ErrorInfo{});
  info.hint = "name the migrations directory with --migrations DIR";
  return base::MakeError(local.status().code(), local.status().message(), std::move(info));
}

absl::Status CheckLocalSum(const std::string& directory, const chain::Chain& local) {
  const absl::Status checked = chain::CheckChainSum(directory, local);
  if (!absl::IsNotFound(checked)) return checked;
  const std::string path = ChainSumPath(directory);
  return base::MakeError(absl::StatusCode::kFailedPrecondition, "CHAIN_SUM_STALE",
                         absl::StrCat("there is no ", path), {{"file", path}},
                         "run `lockstep sum` and commit chain.sum together with the migrations");
}

absl::StatusOr<chain::Chain> LoadCheckedChain(const std::string& directory) {
  ASSIGN_OR_RETURN(chain::Chain local, LoadLocalChain(directory));
  RETURN_IF_ERROR(CheckLocalSum(directory, local));
  return local;
}

}  // namespace lockstep::ctl
