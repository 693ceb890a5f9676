// What is said about builds, overrides and decisions, as values and as messages. Reading one checks
// every field, and fails with INVALID_ARGUMENT (INVALID_FIELD) naming it.
#ifndef LOCKSTEP_COORDINATOR_WIRE_BUILD_WIRE_H_
#define LOCKSTEP_COORDINATOR_WIRE_BUILD_WIRE_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lockstep/v1/admin.pb.h"
#include "lockstep/v1/build.pb.h"

#include "coordinator/status/builds.h"
#include "coordinator/store/audit_store.h"

namespace lockstep::coordinator {

// How long a pin and an override last.
inline constexpr absl::Duration kMinPin = absl::Minutes(1);
inline constexpr absl::Duration kMaxPin = absl::Hours(365 * 24);
inline constexpr absl::Duration kMinOverride = absl::Minutes(1);
inline constexpr absl::Duration kMaxOverride = absl::Hours(24);
inline constexpr absl::Duration kDefaultOverride = absl::Hours(1);

absl::StatusOr<DeployQuestion> FromProto(const v1::CanDeployRequest& request);
absl::StatusOr<PinRequest> FromProto(const v1::PinBuildRequest& request);
// The token and who decides are empty where nothing is decided yet (`validate_only`).
absl::StatusOr<OverrideRequest> FromProto(const v1::OverrideRequest& request);

// Service and build of a request, both required.
absl::Status CheckBuildName(const std::string& service, const std::string& build);
// Who decides and why, both required.
absl::StatusOr<Decider> ReadDecider(const std::string& actor, const std::string& reason);

v1::CanDeployResponse ToProto(const DeployAnswer& answer, absl::Duration validity);
v1::OverrideResponse ToProto(const OverridePreview& preview, absl::Duration validity);
v1::AuditEvent ToProto(const AuditRow& row);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_WIRE_BUILD_WIRE_H_
