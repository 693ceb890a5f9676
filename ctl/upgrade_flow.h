// What `upgrade` and `contract` have in common: plan, ask, start, follow, say how it ended.
#ifndef LOCKSTEP_CTL_UPGRADE_FLOW_H_
#define LOCKSTEP_CTL_UPGRADE_FLOW_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lockstep/v1/release.pb.h"

#include "ctl/arguments.h"
#include "ctl/context.h"
#include "ctl/upgrade_target.h"

namespace lockstep::ctl {

// Runs the upgrade that `request` asks `target` for, with the flags of `arguments` (--yes,
// --no-wait,
// --reason, --request-id). `check` sees the plan before anybody is asked or anything is started;
// its error ends the command. Returns the exit code, or the error to print.
absl::StatusOr<int> RunUpgradeFlow(
    Context& context, const Arguments& arguments, UpgradeTarget& target,
    const v1::PlanUpgradeRequest& request,
    absl::FunctionRef<absl::Status(const v1::PlanUpgradeResponse&)> check);

// Prints the SQL of the plan, or the plan as JSON; for --sql. Returns the exit code.
absl::StatusOr<int> PrintPlanSql(Context& context, const v1::PlanUpgradeResponse& plan);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_UPGRADE_FLOW_H_
