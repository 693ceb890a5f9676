#include "absl/strings/str_cat.h"
#include "lockstep/v1/release.grpc.pb.h"

#include "ctl/errors.h"
#include "ctl/follow.h"
#include "ctl/upgrade_target.h"
#include "engine/base/error_info.h"

namespace lockstep::ctl {
namespace {

// A call that was cut off may have reached the coordinator.
absl::Status PerhapsStarted(const absl::Status& status) {
  const std::string reason = base::ReasonOf(status);
  if (reason != kReasonInterrupted && reason != kReasonTerminated && reason != kReasonTimeout) {
    return status;
  }
  return base::MakeError(status.code(), reason,
                         absl::StrCat(status.message(), " while the upgrade was started"), {},
                         "`lockstep operations list --active` shows whether it was");
}

}  // namespace

absl::StatusOr<v1::PlanUpgradeResponse> RemoteUpgrade::Plan(const v1::PlanUpgradeRequest& request) {
  return context_.client.Call(&v1::ReleaseService::Stub::PlanUpgrade, request);
}

absl::StatusOr<v1::Operation> RemoteUpgrade::Start(const v1::StartUpgradeRequest& request) {
  const absl::StatusOr<v1::StartUpgradeResponse> response =
      context_.client.Call(&v1::ReleaseService::Stub::StartUpgrade, request);
  if (!response.ok()) return PerhapsStarted(response.status());
  return response->operation();
}

absl::StatusOr<v1::Operation> RemoteUpgrade::Follow(const std::string& operation_id) {
  return ctl::Follow(context_, operation_id);
}

}  // namespace lockstep::ctl
