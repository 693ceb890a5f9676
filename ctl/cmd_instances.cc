#include "absl/strings/str_cat.h"
#include "lockstep/v1/status.grpc.pb.h"

#include "ctl/commands.h"
#include "ctl/errors.h"
#include "ctl/fleet_listing.h"
#include "ctl/output.h"
#include "ctl/sanitize.h"
#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {

absl::StatusOr<int> RunInstances(Context& context, const Arguments& arguments) {
  v1::ListInstancesRequest request;
  request.set_service(arguments.argument());
  const int32_t contract = arguments.Number("--concerned-by").value_or(0);
  request.set_concerned_by(contract);
  ASSIGN_OR_RETURN(const v1::ListInstancesResponse list, ListAllInstances(context.client, request));
  if (context.flags.json) {
    RETURN_IF_ERROR(PrintJsonList(context.console, list));
  } else if (list.instances().empty()) {
    const std::string of =
        arguments.argument().empty() ? "" : absl::StrCat(" of ", Sanitize(arguments.argument()));
    context.console.Say(contract == 0
                            ? absl::StrCat("no instance", of, " is registered")
                            : absl::StrCat("contract ", contract, " concerns no instance", of));
  } else {
    const auto table = contract == 0 ? InstancesTable : ConcernedTable;
    context.console.Data(
        table(list, absl::Now(), context.console.out_style(), context.console.options().out_width));
  }
  return kExitDone;
}

absl::StatusOr<int> RunInstancesGet(Context& context, const Arguments& arguments) {
  const std::string& id = arguments.argument();
  v1::ListInstancesRequest request;
  request.set_instance(id);
  ASSIGN_OR_RETURN(const v1::ListInstancesResponse list, ListAllInstances(context.client, request));
  if (list.instances().empty()) {
    return base::MakeError(absl::StatusCode::kNotFound, "INSTANCE_NOT_FOUND",
                           absl::StrCat("no instance ", id, " is registered"), {{"instance", id}},
                           "`lockstep instances` lists them");
  }
  if (context.flags.json) {
    // One is the usual case and printed as such; several of one name are a list.
    RETURN_IF_ERROR(list.instances_size() == 1 ? PrintJson(context.console, list.instances(0))
                                               : PrintJsonList(context.console, list));
    return kExitDone;
  }
  const absl::Time now = absl::Now();
  for (int i = 0; i < list.instances_size(); ++i) {
    context.console.Data(absl::StrCat(
        i == 0 ? "" : "\n", InstanceText(list.instances(i), now, context.console.out_style())));
  }
  return kExitDone;
}

}  // namespace lockstep::ctl
