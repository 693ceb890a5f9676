#include "ctl/commands.h"
#include "ctl/direct_run.h"
#include "ctl/direct_upgrade.h"
#include "ctl/errors.h"
#include "ctl/findings_view.h"
#include "ctl/upgrade_flow.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {

absl::StatusOr<int> RunUpgrade(Context& context, const Arguments& arguments) {
  RETURN_IF_ERROR(LintModeOf(arguments).status());
  RETURN_IF_ERROR(CheckDirectFlags(arguments));
  if (arguments.Has("--direct")) return RunDirectUpgrade(context, arguments);
  v1::PlanUpgradeRequest request;
  request.set_target(arguments.Number("--to").value_or(0));
  request.set_contracts(arguments.Has("--contracts"));
  RemoteUpgrade target(context);
  if (arguments.Has("--sql")) {
    ASSIGN_OR_RETURN(const v1::PlanUpgradeResponse plan, target.Plan(request));
    return PrintPlanSql(context, plan);
  }
  return RunUpgradeFlow(context, arguments, target, request,
                        [&](const v1::PlanUpgradeResponse& plan) {
                          return CheckFindings(plan, *LintModeOf(arguments));
                        });
}

}  // namespace lockstep::ctl
