#include "ctl/commands.h"
#include "ctl/upgrade_flow.h"

namespace lockstep::ctl {

absl::StatusOr<int> RunUpgrade(Context& context, const Arguments& arguments) {
  v1::PlanUpgradeRequest request;
  request.set_target(arguments.Number("--to").value_or(0));
  request.set_contracts(arguments.Has("--contracts"));
  return RunUpgradeFlow(context, arguments, request,
                        [](const v1::PlanUpgradeResponse&) { return absl::OkStatus(); });
}

}  // namespace lockstep::ctl
