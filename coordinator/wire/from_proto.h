// Messages as the coordinator's values. Messages come from outside: reading one checks every field,
// and fails with INVALID_ARGUMENT (INVALID_FIELD) naming it.
#ifndef LOCKSTEP_COORDINATOR_WIRE_FROM_PROTO_H_
#define LOCKSTEP_COORDINATOR_WIRE_FROM_PROTO_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lockstep/v1/agent.pb.h"
#include "lockstep/v1/release.pb.h"

#include "coordinator/operation/operations.h"
#include "coordinator/store/operation_store.h"
#include "coordinator/store/types.h"

namespace lockstep::coordinator {

// Limits of texts from outside, in bytes.
inline constexpr size_t kMaxActor = 128;
inline constexpr size_t kMaxReason = 1024;
inline constexpr size_t kMaxRequestId = 128;

// The request as the operations take it; the limits of its texts are checked.
absl::StatusOr<UpgradeRequest> FromProto(const v1::StartUpgradeRequest& request);

// For how long a session must be idle in a transaction to be ended: 1 s to 1 h.
absl::StatusOr<absl::Duration> TerminateIdleOf(const google::protobuf::Duration& proto);

LeaseToken FromProto(const v1::LeaseToken& token);
// Texts are cut and blockers left out where there is more than an agent of ours would send.
RunError FromProto(const v1::RunError& error);
LockWait FromProto(const v1::LockWait& wait);

// Reads a declaration without session: for CheckGate.
absl::StatusOr<Declaration> FromProto(const v1::BuildDeclaration& proto);
absl::StatusOr<Declaration> FromProto(const v1::Hello& hello);

absl::Status InvalidField(absl::string_view field, absl::string_view why);
// Not longer than `limit` bytes, valid UTF-8 without control characters.
absl::Status CheckText(absl::string_view field, absl::string_view value, size_t limit);

// LINT_MODE_UNSPECIFIED, and what this release does not know, is kError.
LintMode FromProto(v1::LintMode mode);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_WIRE_FROM_PROTO_H_
