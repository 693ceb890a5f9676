#include "absl/strings/str_cat.h"
#include "lockstep/v1/release.grpc.pb.h"

#include "ctl/chain_compare.h"
#include "ctl/commands.h"
#include "ctl/errors.h"
#include "ctl/findings_view.h"
#include "ctl/listing.h"
#include "ctl/local_chain.h"
#include "ctl/output.h"
#include "ctl/plan_view.h"
#include "ctl/sanitize.h"
#include "engine/base/status_macros.h"
#include "engine/chain/directory.h"

namespace lockstep::ctl {
namespace {

void Print(Console& console, const v1::PlanUpgradeResponse& plan, bool sql) {
  if (sql) {
    console.Data(PlanSql(plan));
    console.Say(PlanSummary(plan));
  } else {
    console.Data(absl::StrCat(PlanTable(plan, console.out_style(), console.options().out_width),
                              plan.migrations().empty() ? "" : "\n", PlanSummary(plan), "\n"));
    for (const std::string& table :
         {LocksTable(plan, console.out_style(), console.options().out_width),
          FindingsTable(plan, console.out_style(), console.options().out_width)}) {
      if (!table.empty()) console.Data(absl::StrCat("\n", table));
    }
    const std::string waiting = ContractsWaiting(LeftWaiting(plan));
    if (!waiting.empty()) console.Data(absl::StrCat(waiting, "\n"));
  }
  for (const std::string& warning : PlanWarnings(plan)) console.Say(warning);
}

// A directory that lacks published versions is an old checkout, and what a person reads there is
// not what runs. It is a note only: a plan is about the published chain.
void SayUnknown(Context& context, const std::string& directory, int head) {
  const auto local = chain::LoadChainSum(ChainSumPath(directory));
  if (!local.ok() || local->head() >= head || !context.console.talks()) return;
  const auto list = ListAllMigrations(context.client);
  if (!list.ok()) return;
  context.console.Say(
      absl::StrCat("note: ", Sanitize(UnknownVersions(directory, local->head(), *list))));
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
    SayUnknown(context, MigrationsDirectory(arguments), plan.head());
  }
  const bool pending = HasWork(plan);
  return pending && arguments.Has("--detailed-exitcode") ? kExitChanges : kExitDone;
}

}  // namespace lockstep::ctl
