#include <string>

#include "absl/strings/str_cat.h"
#include "lockstep/v1/status.grpc.pb.h"

#include "ctl/commands.h"
#include "ctl/errors.h"
#include "ctl/output.h"
#include "ctl/status_view.h"
#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {
namespace {

absl::Status NoSuchService(const std::string& name) {
  return base::MakeError(absl::StatusCode::kNotFound, "SERVICE_NOT_FOUND",
                         absl::StrCat("no instance of ", name, " is registered"),
                         {{"service", name}}, "`lockstep status` lists the services");
}

// `response` cut down to the service that was asked for.
v1::GetStatusResponse Only(v1::GetStatusResponse response, const v1::ServiceStatus& service) {
  const v1::ServiceStatus kept = service;
  response.mutable_status()->clear_services();
  *response.mutable_status()->add_services() = kept;
  return response;
}

}  // namespace

absl::StatusOr<int> RunStatus(Context& context, const Arguments& arguments) {
  ASSIGN_OR_RETURN(
      const v1::GetStatusResponse response,
      context.client.Call(&v1::StatusService::Stub::GetStatus, v1::GetStatusRequest()));
  const v1::ClusterStatus& status = response.status();
  const v1::ServiceStatus* service = nullptr;
  if (!arguments.argument().empty()) {
    service = FindService(status, arguments.argument());
    if (service == nullptr) return NoSuchService(arguments.argument());
  }
  if (context.flags.json) {
    RETURN_IF_ERROR(
        PrintJson(context.console, service == nullptr ? response : Only(response, *service)));
    return kExitDone;
  }
  const Style& style = context.console.out_style();
  const int width = context.console.options().out_width;
  context.console.Data(service == nullptr ? StatusText(status, style, width)
                                          : ServiceText(status, *service, style, width));
  return kExitDone;
}

}  // namespace lockstep::ctl
