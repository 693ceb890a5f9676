#include "ctl/direct_upgrade.h"

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"

#include "ctl/actor.h"
#include "ctl/database_flag.h"
#include "ctl/direct/direct.h"
#include "ctl/direct/offline_plan.h"
#include "ctl/direct_run.h"
#include "ctl/errors.h"
#include "ctl/findings_view.h"
#include "ctl/follow.h"
#include "ctl/local_chain.h"
#include "ctl/output.h"
#include "ctl/plan_view.h"
#include "ctl/progress.h"
#include "ctl/sanitize.h"
#include "ctl/upgrade_flow.h"
#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"
#include "proto/convert/time.h"

namespace lockstep::ctl {
namespace {

class DirectUpgrade : public UpgradeTarget {
 public:
  DirectUpgrade(Context& context, Direct& direct) : context_(context), direct_(direct) {}

  absl::StatusOr<v1::PlanUpgradeResponse> Plan(const v1::PlanUpgradeRequest& request) override {
    ASSIGN_OR_RETURN(plan_, direct_.Plan(request));
    return plan_;
  }

  // This process leads since before the plan was made: where nothing was to do, nothing is, and no
  // operation is left behind to say so.
  absl::StatusOr<v1::Operation> Start(const v1::StartUpgradeRequest& request) override {
    if (HasWork(plan_)) return direct_.Start(request);
    v1::Operation operation;
    operation.set_kind(v1::OPERATION_KIND_UPGRADE);
    operation.set_state(v1::OPERATION_STATE_SUCCEEDED);
    operation.set_target(plan_.target());
    operation.set_start_version(plan_.applied());
    operation.set_applied(plan_.applied());
    operation.set_actor(request.actor());
    operation.set_reason(request.reason());
    for (const int32_t version : LeftWaiting(plan_)) operation.add_contracts_waiting(version);
    return operation;
  }

  absl::StatusOr<v1::Operation> Follow(const std::string& operation_id) override {
    Progress progress(context_.console);
    return direct_.Follow(operation_id, [&](const v1::Operation& operation, absl::Duration pause) {
      ShowProgress(progress, operation);
      return RestDirect(context_, pause);
    });
  }

  bool detachable() const override { return false; }

 private:
  Context& context_;
  Direct& direct_;
  v1::PlanUpgradeResponse plan_;
};

// Finishes what a leader that died left behind: nothing else can start before it has ended.
absl::Status FinishOthers(Context& context, Direct& direct) {
  ASSIGN_OR_RETURN(const auto unfinished, direct.Unfinished());
  if (!unfinished.has_value()) return absl::OkStatus();
  const std::string& id = unfinished->operation_id();
  // Somebody has stopped it on purpose.
  if (unfinished->state() == v1::OPERATION_STATE_PAUSED) {
    return base::MakeError(absl::StatusCode::kFailedPrecondition, "BLOCKED",
                           absl::StrCat("operation ", id, " is paused, nothing else can start"),
                           {{"operation_id", id}},
                           absl::StrCat("start a coordinator, then `lockstep operations resume ",
                                        id, "` or cancel it"));
  }
  context.console.Say(
      absl::StrCat("finishing ", Sanitize(id), ", which was left running by a leader before"));
  DirectUpgrade target(context, direct);
  ASSIGN_OR_RETURN(const v1::Operation operation, target.Follow(id));
  context.console.Say(absl::StrCat(Sanitize(id), " ", StateWord(operation.state())));
  return absl::OkStatus();
}

absl::StatusOr<int> PrintSql(Context& context, const Arguments& arguments,
                             const chain::Chain& local) {
  ASSIGN_OR_RETURN(const std::string database, FindDatabase(arguments));
  ASSIGN_OR_RETURN(const v1::PlanUpgradeResponse plan,
                   PlanOffline(database, local, arguments.Number("--to").value_or(0),
                               arguments.Has("--contracts")));
  return PrintPlanSql(context, plan);
}

}  // namespace

absl::StatusOr<int> RunDirectUpgrade(Context& context, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const chain::Chain local, LoadCheckedChain(MigrationsDirectory(arguments)));
  const int32_t wanted = arguments.Number("--to").value_or(0);
  // An older directory than the database's must not run what it does not know.
  const int32_t target = wanted == 0 ? local.head() : wanted;
  if (target > local.head()) {
    return UsageError(absl::StrCat("--to ", target, ": the directory ends at ", local.head()));
  }
  if (arguments.Has("--sql")) return PrintSql(context, arguments, local);
  if (target == 0) {
    context.console.Say("nothing to do: there is no migration in the directory");
    return kExitDone;
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<Direct> direct, OpenDirect(context, arguments));
  RETURN_IF_ERROR(FinishOthers(context, *direct));
  RETURN_IF_ERROR(PublishDirect(context, *direct, local, *LintModeOf(arguments)));
  v1::PlanUpgradeRequest request;
  request.set_target(target);
  request.set_contracts(arguments.Has("--contracts"));
  DirectUpgrade upgrade(context, *direct);
  return RunUpgradeFlow(context, arguments, upgrade, request,
                        [](const v1::PlanUpgradeResponse&) { return absl::OkStatus(); });
}

}  // namespace lockstep::ctl
