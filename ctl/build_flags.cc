#include "ctl/build_flags.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"

#include "ctl/errors.h"
#include "ctl/local_chain.h"
#include "engine/base/status_macros.h"
#include "engine/chain/chain.h"
#include "engine/chain/directory.h"
#include "engine/chain/service_file.h"

namespace lockstep::ctl {
namespace {

absl::Status CheckService(const std::string& path, const std::string& declared,
                          const std::string& service) {
  if (declared == service) return absl::OkStatus();
  return UsageError(absl::StrCat(path, " is of service ", declared, ", not of ", service));
}

}  // namespace

absl::StatusOr<std::optional<v1::BuildDeclaration>> DeclarationFromFiles(const Arguments& arguments,
                                                                         const std::string& service,
                                                                         bool unless_named) {
  std::string file = arguments.Text("--build-file");
  if (file.empty() && unless_named) {
    const std::string usual = absl::StrCat("services/", service, "/lockstep.yaml");
    std::error_code ignored;
    if (std::filesystem::exists(usual, ignored)) file = usual;
  }
  if (file.empty()) {
    if (!arguments.Has("--chain-sum")) return std::optional<v1::BuildDeclaration>();
    return UsageError("--chain-sum goes with --build-file",
                      "--build-file lockstep.yaml: what the build says of itself");
  }
  ASSIGN_OR_RETURN(const chain::ServiceFile declared, chain::LoadServiceFile(file));
  RETURN_IF_ERROR(CheckService(file, declared.service, service));
  const std::string sum_file = arguments.Has("--chain-sum") ? arguments.Text("--chain-sum")
                                                            : ChainSumPath(kDefaultMigrations);
  ASSIGN_OR_RETURN(const chain::ChainSum sum, chain::LoadChainSum(sum_file));
  v1::BuildDeclaration declaration;
  declaration.set_service(declared.service);
  declaration.set_build(arguments.Text("--build"));
  declaration.set_configured(true);
  declaration.set_built_for(sum.head());
  declaration.set_chain_hash(sum.head_hash());
  if (declared.needs.has_value()) declaration.set_needs(*declared.needs);
  declaration.set_adapted_to(declared.adapted_to);
  declaration.set_uses_declared(declared.uses_declared);
  for (const std::string& use : declared.uses) declaration.add_uses(use);
  return std::optional<v1::BuildDeclaration>(std::move(declaration));
}

std::string BuildName(const std::string& service, const std::string& build) {
  return build.empty() ? service : absl::StrCat(service, "@", build);
}

}  // namespace lockstep::ctl
