#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lockstep/v1/status.grpc.pb.h"

#include "ctl/commands.h"
#include "ctl/errors.h"
#include "ctl/instance_view.h"
#include "ctl/plan_view.h"
#include "ctl/upgrade_flow.h"
#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"
#include "engine/chain/migration.h"

namespace lockstep::ctl {
namespace {

// The instances that the contract may concern. Which of them it does concern only the coordinator
// knows: a declaration of what the service uses can set it apart.
std::vector<base::Blocker> NotAdapted(const v1::ClusterStatus& status, int32_t contract) {
  std::vector<base::Blocker> blockers;
  for (const v1::ServiceStatus& service : status.services()) {
    for (const v1::InstanceStatus& instance : service.instances()) {
      if (instance.adapted_to() >= contract || HealthOf(instance) == Health::kRefused) continue;
      const std::string seen = instance.has_last_seen()
                                   ? absl::StrCat("heard from ", LastSeen(instance), " ago")
                                   : "not connected";
      blockers.push_back(
          {"session",
           absl::StrCat(service.service(), "@", instance.build(), "  ", instance.instance()),
           absl::StrCat("adapted to ", instance.adapted_to(), ", ", seen)});
    }
  }
  return blockers;
}

// A contract that is left waiting although contracts were asked for concerns somebody who lives.
absl::Status StillNeeded(Context& context, int32_t contract) {
  ASSIGN_OR_RETURN(
      const v1::GetStatusResponse response,
      context.client.Call(&v1::StatusService::Stub::GetStatus, v1::GetStatusRequest()));
  base::ErrorInfo info{.reason = "BLOCKED",
                       .metadata = {{"version", absl::StrCat(contract)}},
                       .hint = absl::StrCat("deploy builds that are adapted to ", contract,
                                            ", then `lockstep contract ", contract, "`"),
                       .blockers = NotAdapted(response.status(), contract)};
  return base::MakeError(
      absl::StatusCode::kFailedPrecondition,
      absl::StrCat("contract ", contract, " is blocked: live instances still need the old shape"),
      std::move(info));
}

// Only N may run; whatever else the plan would run has to be asked for.
absl::Status CheckOnly(Context& context, const v1::PlanUpgradeResponse& plan, int32_t contract) {
  const std::vector<int32_t> versions = ToRun(plan);
  if (versions.size() == 1 && versions.front() == contract) return absl::OkStatus();
  const std::vector<int32_t> waiting = LeftWaiting(plan);
  if (std::find(waiting.begin(), waiting.end(), contract) != waiting.end()) {
    return StillNeeded(context, contract);
  }
  if (versions.empty()) {
    return base::MakeError(absl::StatusCode::kFailedPrecondition, "NOT_WAITING",
                           absl::StrCat(contract, " is no contract that waits"),
                           {{"version", absl::StrCat(contract)}}, "`lockstep history` lists all");
  }
  return base::MakeError(absl::StatusCode::kFailedPrecondition, "NOT_ALONE",
                         absl::StrCat("contract ", contract, " cannot run alone: ",
                                      absl::StrJoin(versions, ", "), " would run"),
                         {{"version", absl::StrCat(contract)}},
                         absl::StrCat("`lockstep upgrade --to ", contract, " --contracts`"));
}

}  // namespace

absl::StatusOr<int> RunContract(Context& context, const Arguments& arguments) {
  int32_t version = 0;
  if (!absl::SimpleAtoi(arguments.argument(), &version) || version < 1 ||
      version > chain::kMaxVersion) {
    return UsageError(
        absl::StrCat("contract takes a version number, not \"", arguments.argument(), "\""));
  }
  v1::PlanUpgradeRequest request;
  request.set_target(version);
  request.set_contracts(true);
  RemoteUpgrade target(context);
  return RunUpgradeFlow(
      context, arguments, target, request,
      [&](const v1::PlanUpgradeResponse& plan) { return CheckOnly(context, plan, version); });
}

}  // namespace lockstep::ctl
