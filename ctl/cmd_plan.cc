#include "absl/strings/str_cat.h"
#include "lockstep/v1/release.grpc.pb.h"

#include "ctl/commands.h"
#include "ctl/errors.h"
#include "ctl/output.h"
#include "ctl/plan_view.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {
namespace {

void Print(Console& console, const v1::PlanUpgradeResponse& plan, bool sql) {
  if (sql) {
    console.Data(PlanSql(plan));
    console.Say(PlanSummary(plan));
  } else {
    console.Data(absl::StrCat(PlanTable(plan, console.out_style(), console.options().out_width),
                              plan.migrations().empty() ? "" : "\n", PlanSummary(plan), "\n"));
    const std::string waiting = ContractsWaiting(LeftWaiting(plan));
    if (!waiting.empty()) console.Data(absl::StrCat(waiting, "\n"));
  }
  for (const std::string& warning : PlanWarnings(plan)) console.Say(warning);
}

}  // namespace

absl::StatusOr<int> RunPlan(Context& context, const Arguments& arguments) {
  v1::PlanUpgradeRequest request;
  request.set_target(arguments.Number("--to").value_or(0));
  request.set_contracts(arguments.Has("--contracts"));
  ASSIGN_OR_RETURN(const v1::PlanUpgradeResponse plan,
                   context.client.Call(&v1::ReleaseService::Stub::PlanUpgrade, request));
  if (context.flags.json) {
    RETURN_IF_ERROR(PrintJson(context.console, plan));
  } else {
    Print(context.console, plan, arguments.Has("--sql"));
  }
  const bool pending = !ToRun(plan).empty();
  return pending && arguments.Has("--detailed-exitcode") ? kExitChanges : kExitDone;
}

}  // namespace lockstep::ctl
