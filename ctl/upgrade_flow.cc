#include "ctl/upgrade_flow.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"

#include "ctl/actor.h"
#include "ctl/confirm.h"
#include "ctl/errors.h"
#include "ctl/follow.h"
#include "ctl/output.h"
#include "ctl/plan_view.h"
#include "ctl/sanitize.h"
#include "engine/base/error_info.h"
#include "engine/base/ids.h"
#include "engine/base/status_macros.h"
#include "proto/convert/time.h"

namespace lockstep::ctl {
namespace {

void ShowPlan(Console& console, const v1::PlanUpgradeResponse& plan) {
  if (!console.talks()) return;
  // The table belongs to the question; a log needs the summary only.
  if (console.options().can_ask && HasWork(plan)) {
    console.Error(PlanTable(plan, console.err_style(), console.options().err_width));
  }
  // With nothing to do the result says it.
  if (HasWork(plan)) console.Say(PlanSummary(plan));
  for (const std::string& warning : PlanWarnings(plan)) console.Say(warning);
}

absl::StatusOr<v1::Operation> Start(Context& context, const Arguments& arguments,
                                    UpgradeTarget& target, const v1::PlanUpgradeRequest& planned,
                                    const v1::PlanUpgradeResponse& plan) {
  v1::StartUpgradeRequest request;
  const std::string given = arguments.Text("--request-id");
  request.set_request_id(given.empty() ? base::NewUuid() : given);
  request.set_target(planned.target());
  request.set_contracts(planned.contracts());
  request.set_plan_digest(plan.plan_digest());
  request.set_actor(Actor());
  request.set_reason(arguments.Text("--reason"));
  if (absl::Duration idle;
      ParseTimeSpan(arguments.Text("--terminate-idle-blockers"), &idle)) {
    *request.mutable_terminate_idle_blockers() = convert::ToProto(idle);
  }
  context.console.Detail(absl::StrCat("request id ", Sanitize(request.request_id())));
  ASSIGN_OR_RETURN(v1::Operation operation, target.Start(request));
  context.console.Detail(absl::StrCat("started ", Sanitize(operation.operation_id())));
  return operation;
}

// Whether the version that failed ran inside a transaction, as far as the plan knows it.
std::optional<bool> Transactional(const v1::PlanUpgradeResponse& plan, int32_t version) {
  for (const auto& migration : plan.migrations()) {
    if (migration.ref().version() == version) return migration.transactional();
  }
  return std::nullopt;
}

// "applied 16 (16 migrations in 1.2 s)".
std::string Success(const v1::Operation& operation, const v1::PlanUpgradeResponse& plan) {
  if (!HasWork(plan)) return absl::StrCat("up to date at ", operation.applied());
  const absl::Duration took =
      convert::FromProto(operation.ended_at()) - convert::FromProto(operation.created_at());
  // An operation that a repeated request id found again may have begun before this plan.
  // One that waited for a backfill ran more than the plan could tell.
  const auto count = static_cast<int64_t>(ToRun(plan).size());
  const v1::PlannedMigration* const blocked = BlockedStep(plan);
  const bool all = operation.start_version() == plan.applied() && blocked == nullptr;
  const std::string migrations = all ? absl::StrCat(Count(count, "migration"), " ") : "";
  return absl::StrCat("applied ", operation.applied(), " (", migrations, "in ", DurationText(took),
                      ")");
}

absl::Status Finish(Context& context, const v1::Operation& operation,
                    const v1::PlanUpgradeResponse& plan) {
  if (context.flags.json) RETURN_IF_ERROR(PrintJson(context.console, operation));
  RETURN_IF_ERROR(OutcomeOf(operation, Transactional(plan, operation.error().version())));
  if (context.flags.json) return absl::OkStatus();
  context.console.Data(absl::StrCat(Success(operation, plan), "\n"));
  const std::string waiting = ContractsWaiting(
      {operation.contracts_waiting().begin(), operation.contracts_waiting().end()});
  if (!waiting.empty()) context.console.Data(absl::StrCat(waiting, "\n"));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int> PrintPlanSql(Context& context, const v1::PlanUpgradeResponse& plan) {
  if (context.flags.json) {
    RETURN_IF_ERROR(PrintJson(context.console, plan));
  } else {
    context.console.Data(PlanSql(plan));
    context.console.Say(PlanSummary(plan));
  }
  return kExitDone;
}

absl::StatusOr<int> RunUpgradeFlow(
    Context& context, const Arguments& arguments, UpgradeTarget& target,
    const v1::PlanUpgradeRequest& request,
    absl::FunctionRef<absl::Status(const v1::PlanUpgradeResponse&)> check) {
  if (arguments.Has("--wait") && arguments.Has("--no-wait")) {
    return UsageError("--wait and --no-wait exclude each other");
  }
  if (arguments.Has("--no-wait") && !target.detachable()) {
    return UsageError("--direct works in this process, so --no-wait cannot be");
  }
  ASSIGN_OR_RETURN(const v1::PlanUpgradeResponse plan, target.Plan(request));
  RETURN_IF_ERROR(CheckBlocked(plan));
  RETURN_IF_ERROR(check(plan));
  ShowPlan(context.console, plan);
  if (HasWork(plan) && !arguments.Has("--yes")) {
    RETURN_IF_ERROR(Confirm(context, "Start it?"));
  }
  // Started also when there is nothing to do: the coordinator is the judge, and a repeated request
  // id finds its operation.
  ASSIGN_OR_RETURN(v1::Operation operation, Start(context, arguments, target, request, plan));
  if (arguments.Has("--no-wait")) {
    if (context.flags.json) {
      RETURN_IF_ERROR(PrintJson(context.console, operation));
    } else {
      context.console.Data(absl::StrCat(Sanitize(operation.operation_id()), "\n"));
    }
    return kExitDone;
  }
  if (!HasEnded(operation)) {
    ASSIGN_OR_RETURN(operation, target.Follow(operation.operation_id()));
  }
  RETURN_IF_ERROR(Finish(context, operation, plan));
  return kExitDone;
}

}  // namespace lockstep::ctl
