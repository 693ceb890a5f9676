#include "agent/declaration.h"

#include "absl/strings/str_cat.h"

#include "agent/wire.h"
#include "engine/base/status_macros.h"
#include "engine/chain/chain.h"
#include "engine/chain/directory.h"
#include "engine/chain/service_file.h"

namespace lockstep::agent {
namespace {

constexpr size_t kMaxBuildBytes = 128;
// How errors call what was compiled in.
constexpr char kEmbeddedServiceFile[] = "embedded lockstep.yaml";
constexpr char kEmbeddedChainSum[] = "embedded chain.sum";

bool HasServiceFile(const AgentOptions& options) {
  return !options.service_file.empty() || !options.embedded.service_file.empty();
}

bool HasChainSum(const AgentOptions& options) {
  return !options.chain_sum.empty() || !options.embedded.chain_sum.empty();
}

absl::StatusOr<chain::ServiceFile> ServiceFileOf(const AgentOptions& options) {
  if (!options.service_file.empty()) return chain::LoadServiceFile(options.service_file);
  return chain::ParseServiceFile(kEmbeddedServiceFile, options.embedded.service_file);
}

absl::StatusOr<chain::ChainSum> ChainSumOf(const AgentOptions& options) {
  if (!options.chain_sum.empty()) return chain::LoadChainSum(options.chain_sum);
  return chain::ParseChainSum(kEmbeddedChainSum, options.embedded.chain_sum);
}

void Declare(const chain::ServiceFile& file, v1::BuildDeclaration& out) {
  out.set_service(file.service);
  if (file.needs.has_value()) out.set_needs(*file.needs);
  out.set_adapted_to(file.adapted_to);
  out.set_uses_declared(file.uses_declared);
  for (const std::string& use : file.uses) out.add_uses(use);
  out.set_on_session_loss(file.on_session_loss == chain::OnSessionLoss::kStop
                              ? v1::ON_SESSION_LOSS_STOP
                              : v1::ON_SESSION_LOSS_KEEP);
}

}  // namespace

absl::StatusOr<v1::BuildDeclaration> ReadDeclaration(const AgentOptions& options) {
  v1::BuildDeclaration out;
  out.set_service(kUnnamedService);
  out.set_build(ToWireText(options.build, kMaxBuildBytes));
  if (HasServiceFile(options)) {
    ASSIGN_OR_RETURN(const chain::ServiceFile file, ServiceFileOf(options));
    Declare(file, out);
  }
  if (HasChainSum(options)) {
    ASSIGN_OR_RETURN(const chain::ChainSum sum, ChainSumOf(options));
    out.set_built_for(sum.head());
    out.set_chain_hash(sum.head_hash());
  }
  out.set_configured(HasServiceFile(options) && HasChainSum(options));
  return out;
}

GateVerdict NotConfigured(const AgentOptions& options) {
  const std::string missing = !HasServiceFile(options) && !HasChainSum(options)
                                  ? "neither a service file nor a chain.sum was given"
                              : !HasServiceFile(options) ? "no service file was given"
                                                         : "no chain.sum was given";
  return {.state = GateState::kRefused,
          .reason = "not_configured",
          .detail = missing,
          .hint =
              "give the paths of the service's lockstep.yaml and of the chain.sum that the "
              "build was made with, or embed them"};
}

}  // namespace lockstep::agent
