// The coordinator's values as messages, and messages as values. Messages come from outside: reading
// one checks every field, and fails with INVALID_ARGUMENT (INVALID_FIELD) naming it.
#ifndef LOCKSTEP_COORDINATOR_WIRE_TO_PROTO_H_
#define LOCKSTEP_COORDINATOR_WIRE_TO_PROTO_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lockstep/v1/agent.pb.h"
#include "lockstep/v1/migration.pb.h"
#include "lockstep/v1/operation.pb.h"
#include "lockstep/v1/release.pb.h"
#include "lockstep/v1/status.pb.h"

#include "coordinator/operation/operations.h"
#include "coordinator/status/cluster_state.h"

namespace lockstep::coordinator {

// Limits of texts from outside, in bytes.
inline constexpr size_t kMaxActor = 128;
inline constexpr size_t kMaxReason = 1024;
inline constexpr size_t kMaxRequestId = 128;

v1::Phase ToProto(sql::Phase phase);
v1::Gate ToProto(const Verdict& verdict, absl::Duration validity);
v1::LeaseToken ToProto(const LeaseToken& token);
v1::RunError ToProto(const RunError& error);
v1::Migration ToProto(const MigrationRow& row);
v1::Operation ToProto(const OperationView& view);
v1::ClusterStatus ToProto(const ClusterState& state, absl::Duration validity);
v1::PlanUpgradeResponse ToProto(const PlannedUpgrade& planned);

// The request as the operations take it; the limits of its texts are checked.
absl::StatusOr<UpgradeRequest> FromProto(const v1::StartUpgradeRequest& request);

LeaseToken FromProto(const v1::LeaseToken& token);
RunError FromProto(const v1::RunError& error);

// Reads a declaration without session: for CheckGate.
absl::StatusOr<Declaration> FromProto(const v1::BuildDeclaration& proto);
absl::StatusOr<Declaration> FromProto(const v1::Hello& hello);

absl::Status InvalidField(absl::string_view field, absl::string_view why);
// Not longer than `limit` bytes, valid UTF-8 without control characters.
absl::Status CheckText(absl::string_view field, absl::string_view value, size_t limit);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_WIRE_TO_PROTO_H_
