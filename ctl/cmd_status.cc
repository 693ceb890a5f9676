#include <string>

#include "absl/strings/str_cat.h"
#include "lockstep/v1/status.grpc.pb.h"

#include "ctl/commands.h"
#include "ctl/errors.h"
#include "ctl/fleet_view.h"
#include "ctl/output.h"
#include "ctl/progress.h"
#include "ctl/sanitize.h"
#include "ctl/screen.h"
#include "ctl/status_view.h"
#include "ctl/watch.h"
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

// What one state of the cluster looks like.
std::string TextOf(Context& context, const v1::ClusterStatus& status, const std::string& name) {
  const Style& style = context.console.out_style();
  const int width = context.console.options().out_width;
  if (name.empty()) return StatusText(status, style, width);
  const v1::ServiceStatus* const service = FindService(status, name);
  // It may come: a watch goes on.
  if (service == nullptr)
    return absl::StrCat("no instance of ", Sanitize(name), " is registered\n");
  return ServiceText(status, *service, style, width);
}

absl::Status Show(Context& context, Screen& screen, const v1::ClusterStatus& status,
                  const std::string& name) {
  if (!context.flags.json) {
    return screen.Show(TextOf(context, status, name))
               ? absl::OkStatus()
               : absl::UnknownError("cannot write to standard output");
  }
  v1::GetStatusResponse response;
  *response.mutable_status() = status;
  if (!name.empty()) {
    const v1::ServiceStatus* const service = FindService(status, name);
    response = Only(response, service == nullptr ? v1::ServiceStatus() : *service);
    if (service == nullptr) response.mutable_status()->clear_services();
  }
  return PrintJsonLine(context.console, response);
}

absl::StatusOr<int> WatchIt(Context& context, const std::string& name) {
  Screen screen(context.console);
  Progress progress(context.console);
  absl::Status shown;
  WatchHooks<v1::WatchStatusResponse> hooks;
  hooks.on_event = [&](const v1::WatchStatusResponse& event) {
    progress.Clear();
    shown = Show(context, screen, event.status(), name);
    return !shown.ok();
  };
  hooks.on_outage = [&](const absl::Status& status) {
    progress.Show("outage", absl::StrCat("reconnecting: ", std::string(status.message())));
  };
  const absl::Status watched =
      Watch(context.client, &v1::StatusService::Stub::WatchStatus, v1::WatchStatusRequest(), hooks);
  progress.Clear();
  RETURN_IF_ERROR(shown);
  // Ctrl-C is how a person ends this: nothing to report.
  if (context.interrupt.raised()) return ExitCodeOf(watched);
  return watched;
}

}  // namespace

absl::StatusOr<int> RunStatus(Context& context, const Arguments& arguments) {
  if (arguments.Has("--watch")) return WatchIt(context, arguments.argument());
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
  context.console.Data(TextOf(context, status, arguments.argument()));
  return kExitDone;
}

}  // namespace lockstep::ctl
