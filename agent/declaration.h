// What a build declares of itself, read from the service's files.
#ifndef LOCKSTEP_AGENT_DECLARATION_H_
#define LOCKSTEP_AGENT_DECLARATION_H_

#include "absl/status/statusor.h"
#include "lockstep/agent.h"
#include "lockstep/v1/agent.pb.h"

namespace lockstep::agent {

// The name under which a process without a service file registers.
inline constexpr char kUnnamedService[] = "not-configured";

// Reads options.service_file and options.chain_sum, or where no path is given options.embedded.
// When there is neither, the result says that it is not configured; what cannot be read fails as
// LoadServiceFile and LoadChainSum do.
absl::StatusOr<v1::BuildDeclaration> ReadDeclaration(const AgentOptions& options);

// The verdict for a declaration that is not configured, known without asking.
GateVerdict NotConfigured(const AgentOptions& options);

}  // namespace lockstep::agent

#endif  // LOCKSTEP_AGENT_DECLARATION_H_
