#include <string>

#include "absl/strings/str_cat.h"
#include "lockstep/v1/operation.grpc.pb.h"
#include "lockstep/v1/status.grpc.pb.h"

#include "ctl/commands.h"
#include "ctl/errors.h"
#include "ctl/follow.h"
#include "ctl/output.h"
#include "ctl/progress.h"
#include "ctl/sanitize.h"
#include "ctl/wait_for.h"
#include "ctl/watch.h"
#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {
namespace {

absl::StatusOr<int> WaitOperation(Context& context, const std::string& operation_id) {
  // A typing mistake is answered at once, not after a watch that has no end.
  v1::GetOperationRequest request;
  request.set_operation_id(operation_id);
  ASSIGN_OR_RETURN(const v1::GetOperationResponse response,
                   context.client.Call(&v1::OperationService::Stub::GetOperation, request));
  v1::Operation operation = response.operation();
  if (!HasEnded(operation)) {
    ASSIGN_OR_RETURN(operation, Follow(context, operation_id));
  }
  if (context.flags.json) RETURN_IF_ERROR(PrintJson(context.console, operation));
  RETURN_IF_ERROR(OutcomeOf(operation, std::nullopt));
  if (context.flags.json) return kExitDone;
  context.console.Data(EndText(operation));
  return kExitDone;
}

absl::Status Refused(const WaitTarget& target, const WaitVerdict& verdict) {
  return base::MakeError(
      absl::StatusCode::kFailedPrecondition, kReasonGateRefused, verdict.text,
      {{"service", target.name}},
      verdict.hint.empty() ? absl::StrCat("`lockstep status ", target.name, "`") : verdict.hint);
}

// The last reason is what a person wants to read when the time is over.
absl::Status WithReason(const absl::Status& status, const std::string& why) {
  if (base::ReasonOf(status) != kReasonTimeout || why.empty()) return status;
  return base::MakeError(status.code(), kReasonTimeout,
                         absl::StrCat(std::string(status.message()), "; ", why),
                         {{"waiting", why}});
}

absl::StatusOr<int> WaitStatus(Context& context, const WaitTarget& target) {
  Progress progress(context.console);
  v1::ClusterStatus status;
  WaitVerdict verdict;
  WatchHooks<v1::WatchStatusResponse> hooks;
  // Who names a time means to wait for the coordinator as well.
  if (context.flags.timeout.has_value()) {
    hooks.first_outage = hooks.later_outage = absl::InfiniteDuration();
  }
  hooks.on_event = [&](const v1::WatchStatusResponse& event) {
    status = event.status();
    verdict = target.kind == WaitTarget::Kind::kVersion ? CheckVersion(status, target.version)
                                                        : CheckServiceGate(status, target.name);
    if (verdict.kind != WaitVerdict::Kind::kNotYet) return true;
    progress.Show(verdict.text, verdict.text);
    return false;
  };
  hooks.on_outage = [&](const absl::Status& outage) {
    verdict.text = std::string(outage.message());
    progress.Show(verdict.text, absl::StrCat("reconnecting: ", verdict.text));
  };
  const absl::Status watched =
      Watch(context.client, &v1::StatusService::Stub::WatchStatus, v1::WatchStatusRequest(), hooks);
  progress.Clear();
  if (!watched.ok()) return WithReason(watched, verdict.text);
  if (context.flags.json) {
    v1::WatchStatusResponse last;
    *last.mutable_status() = status;
    RETURN_IF_ERROR(PrintJson(context.console, last));
  }
  if (verdict.kind == WaitVerdict::Kind::kRefused) return Refused(target, verdict);
  if (!context.flags.json) context.console.Data(absl::StrCat(Sanitize(verdict.text), "\n"));
  return kExitDone;
}

}  // namespace

absl::StatusOr<int> RunWait(Context& context, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const WaitTarget target, ParseWaitTarget(arguments.Text("--for")));
  return target.kind == WaitTarget::Kind::kOperation ? WaitOperation(context, target.name)
                                                     : WaitStatus(context, target);
}

}  // namespace lockstep::ctl
