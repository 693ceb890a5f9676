// Whether a build would start, before it is deployed.
#include "lockstep/v1/release.grpc.pb.h"

#include "ctl/build_flags.h"
#include "ctl/commands.h"
#include "ctl/deploy_view.h"
#include "ctl/errors.h"
#include "ctl/output.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {
namespace {

absl::StatusOr<v1::CanDeployRequest> ReadRequest(const Arguments& arguments) {
  v1::CanDeployRequest request;
  request.set_service(arguments.argument());
  request.set_build(arguments.Text("--build"));
  ASSIGN_OR_RETURN(const auto declared,
                   DeclarationFromFiles(arguments, arguments.argument(),
                                        /*unless_named=*/!arguments.Has("--build")));
  if (declared.has_value()) {
    *request.mutable_declaration() = *declared;
  } else if (!arguments.Has("--build")) {
    return UsageError("which build?",
                      "--build-file lockstep.yaml --chain-sum chain.sum: what it declares; or "
                      "--build B of one that runs, ran lately or is pinned");
  }
  return request;
}

}  // namespace

absl::StatusOr<int> RunCanDeploy(Context& context, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const v1::CanDeployRequest request, ReadRequest(arguments));
  ASSIGN_OR_RETURN(const v1::CanDeployResponse response,
                   context.client.Call(&v1::ReleaseService::Stub::CanDeploy, request));
  const absl::Status outcome = DeployOutcome(response);
  if (context.flags.json) {
    RETURN_IF_ERROR(PrintJson(context.console, response));
    if (!outcome.ok()) return kExitBlocked;
  } else {
    RETURN_IF_ERROR(outcome);
    context.console.Data(DeployText(response, arguments.Has("--rollback")));
  }
  return response.deployability() == v1::DEPLOYABILITY_NOW ? kExitDone : kExitChanges;
}

}  // namespace lockstep::ctl
