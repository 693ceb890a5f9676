// absl::Status to grpc::Status and back: the one place where the two meet. A reason, its metadata,
// hint and blockers travel as google.rpc details (ErrorInfo, Help, PreconditionFailure, RetryInfo),
// so that foreign clients can read them too.
#ifndef LOCKSTEP_PROTO_CONVERT_STATUS_H_
#define LOCKSTEP_PROTO_CONVERT_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace lockstep::convert {

inline constexpr char kErrorDomain[] = "lockstep";

// Never fails; an OK status becomes OK. UNAVAILABLE and ABORTED get a RetryInfo of one second.
grpc::Status ToGrpc(const absl::Status& status);

// Details that cannot be read are left out; the code and the message always survive. An UNAVAILABLE
// that carries no details (the transport's own) gets the reason COORDINATOR_UNAVAILABLE.
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace lockstep::convert

#endif  // LOCKSTEP_PROTO_CONVERT_STATUS_H_
