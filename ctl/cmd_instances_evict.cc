// A person's word that an instance is gone: shown, confirmed, recorded, waited for.
#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "lockstep/v1/admin.grpc.pb.h"
#include "lockstep/v1/status.grpc.pb.h"

#include "ctl/actor.h"
#include "ctl/commands.h"
#include "ctl/confirm.h"
#include "ctl/errors.h"
#include "ctl/fleet_listing.h"
#include "ctl/instance_view.h"
#include "ctl/output.h"
#include "ctl/progress.h"
#include "ctl/sanitize.h"
#include "ctl/watch.h"
#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"
#include "proto/convert/time.h"

namespace lockstep::ctl {
namespace {

absl::Status CheckFlags(const Arguments& arguments) {
  if (arguments.Has("--wait") && arguments.Has("--no-wait")) {
    return UsageError("--wait and --no-wait exclude each other");
  }
  if (arguments.Has("--dry-run")) return absl::OkStatus();
  if (!arguments.Has("--attest")) {
    return UsageError("nothing is evicted without --attest",
                      "--attest --reason TEXT when you know that the process is gone; --dry-run "
                      "shows what would end");
  }
  if (arguments.Text("--reason").empty()) {
    return UsageError("--attest needs --reason", "say how you know: it is kept in the record");
  }
  return absl::OkStatus();
}

std::string TableOf(const v1::ListInstancesResponse& list, const Style& style) {
  return std::string(
      absl::StripTrailingAsciiWhitespace(InstancesTable(list, absl::Now(), style, /*width=*/0)));
}

void Show(Context& context, const v1::EvictInstanceResponse& plan) {
  v1::ListInstancesResponse list;
  *list.mutable_instances() = plan.evicted();
  const Style style = context.console.err_style();
  context.console.Say(absl::StrCat("to end:\n", TableOf(list, style)));
  if (plan.staying_size() == 0) return;
  *list.mutable_instances() = plan.staying();
  context.console.Say(absl::StrCat("to stay:\n", TableOf(list, style)));
}

// Why the session is still there; "" when it is not.
std::string WhyStillThere(const v1::ClusterStatus& status, const std::set<std::string>& sessions,
                          absl::Duration quiet) {
  for (const v1::ServiceStatus& service : status.services()) {
    for (const v1::InstanceStatus& instance : service.instances()) {
      if (!sessions.contains(instance.session_id())) continue;
      if (instance.connected()) {
        return absl::StrCat(instance.instance(), " is connected again and counts");
      }
      if (instance.database_connections() > 0) {
        return absl::StrCat(instance.instance(), " has ", instance.database_connections(),
                            " database connections: it ends ", AgeText(quiet),
                            " after they are gone");
      }
      return absl::StrCat("waiting until no database connection of ", instance.instance(),
                          " was seen for ", AgeText(quiet));
    }
  }
  return "";
}

bool IsBack(const v1::ClusterStatus& status, const std::set<std::string>& sessions) {
  for (const v1::ServiceStatus& service : status.services()) {
    for (const v1::InstanceStatus& instance : service.instances()) {
      if (sessions.contains(instance.session_id()) && instance.connected()) return true;
    }
  }
  return false;
}

// Follows until the sessions are gone, or one of them is back.
absl::Status Await(Context& context, const std::set<std::string>& sessions, absl::Duration quiet) {
  Progress progress(context.console);
  std::string why;
  bool back = false;
  WatchHooks<v1::WatchStatusResponse> hooks;
  hooks.on_event = [&](const v1::WatchStatusResponse& event) {
    why = WhyStillThere(event.status(), sessions, quiet);
    back = IsBack(event.status(), sessions);
    if (why.empty() || back) return true;
    progress.Show(why, why);
    return false;
  };
  const absl::Status watched =
      Watch(context.client, &v1::StatusService::Stub::WatchStatus, v1::WatchStatusRequest(), hooks);
  progress.Clear();
  if (!watched.ok()) {
    context.console.Say("the statement is recorded; the session ends without this command");
    return watched;
  }
  if (!back) return absl::OkStatus();
  return base::MakeError(absl::StatusCode::kFailedPrecondition, kReasonBlocked, why, {{"why", why}},
                         "it is not gone: the statement is void");
}

}  // namespace

absl::StatusOr<int> RunInstancesEvict(Context& context, const Arguments& arguments) {
  RETURN_IF_ERROR(CheckFlags(arguments));
  v1::EvictInstanceRequest request;
  request.set_service(arguments.list()[0]);
  request.set_instance(arguments.list()[1]);
  request.set_validate_only(true);
  ASSIGN_OR_RETURN(v1::EvictInstanceResponse response,
                   context.client.Call(&v1::AdminService::Stub::EvictInstance, request));
  Show(context, response);
  if (arguments.Has("--dry-run")) {
    if (context.flags.json) RETURN_IF_ERROR(PrintJson(context.console, response));
    context.console.Say("nothing was changed");
    return kExitDone;
  }
  if (!arguments.Has("--yes")) {
    RETURN_IF_ERROR(Confirm(context, "Is its process gone for certain?"));
  }
  // What was shown is what is meant.
  std::set<std::string> sessions;
  for (const v1::InstanceStatus& instance : response.evicted()) {
    request.add_session_ids(instance.session_id());
    sessions.insert(instance.session_id());
  }
  request.set_validate_only(false);
  request.set_attest(true);
  request.set_reason(arguments.Text("--reason"));
  request.set_actor(Actor());
  ASSIGN_OR_RETURN(response, context.client.Call(&v1::AdminService::Stub::EvictInstance, request));
  if (!arguments.Has("--no-wait")) {
    RETURN_IF_ERROR(Await(context, sessions, convert::FromProto(response.quiet())));
  }
  if (context.flags.json) {
    RETURN_IF_ERROR(PrintJson(context.console, response));
    return kExitDone;
  }
  const std::string name = Sanitize(absl::StrCat(request.service(), "@", request.instance()));
  context.console.Data(arguments.Has("--no-wait") ? absl::StrCat(name, " is attested gone\n")
                                                  : absl::StrCat(name, " is evicted\n"));
  return kExitDone;
}

}  // namespace lockstep::ctl
