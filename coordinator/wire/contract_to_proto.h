// Contracts that wait, and who is in their way, as messages.
#ifndef LOCKSTEP_COORDINATOR_WIRE_CONTRACT_TO_PROTO_H_
#define LOCKSTEP_COORDINATOR_WIRE_CONTRACT_TO_PROTO_H_

#include "absl/status/statusor.h"
#include "lockstep/v1/operation.pb.h"
#include "lockstep/v1/release.pb.h"

#include "coordinator/operation/operations.h"

namespace lockstep::coordinator {

v1::ContractState ToProto(const ContractState& state);

// INVALID_ARGUMENT (INVALID_FIELD) for what cannot be asked for.
absl::StatusOr<ContractRequest> FromProto(const v1::StartContractRequest& request);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_WIRE_CONTRACT_TO_PROTO_H_
