// Following an operation again, holding it, letting it go on, also after it has ended.
#include "absl/strings/str_cat.h"
#include "lockstep/v1/operation.grpc.pb.h"

#include "ctl/actor.h"
#include "ctl/commands.h"
#include "ctl/errors.h"
#include "ctl/follow.h"
#include "ctl/output.h"
#include "ctl/sanitize.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {
namespace {

template <class Request>
Request Asking(const Arguments& arguments) {
  Request request;
  request.set_operation_id(arguments.argument());
  request.set_reason(arguments.Text("--reason"));
  request.set_actor(Actor());
  return request;
}

absl::StatusOr<int> Print(Context& context, const v1::Operation& operation) {
  if (context.flags.json) {
    RETURN_IF_ERROR(PrintJson(context.console, operation));
    return kExitDone;
  }
  context.console.Data(
      absl::StrCat(Sanitize(operation.operation_id()), " is ", StateWord(operation.state()), "\n"));
  if (operation.state() == v1::OPERATION_STATE_PAUSED && operation.has_running()) {
    context.console.Say(
        absl::StrCat("version ", operation.running().version(), " was running and commits first"));
  }
  return kExitDone;
}

}  // namespace

absl::StatusOr<int> RunOperationsWatch(Context& context, const Arguments& arguments) {
  // A typing mistake is answered at once, not after a watch that has no end.
  v1::GetOperationRequest request;
  request.set_operation_id(arguments.argument());
  ASSIGN_OR_RETURN(const v1::GetOperationResponse response,
                   context.client.Call(&v1::OperationService::Stub::GetOperation, request));
  v1::Operation operation = response.operation();
  absl::Status printed;
  const auto print = [&](const v1::Operation& state) {
    if (context.flags.json) printed.Update(PrintJsonLine(context.console, state));
  };
  if (HasEnded(operation)) {
    print(operation);
  } else {
    ASSIGN_OR_RETURN(operation, Follow(context, arguments.argument(), print));
  }
  RETURN_IF_ERROR(printed);
  RETURN_IF_ERROR(OutcomeOf(operation, std::nullopt));
  if (!context.flags.json) context.console.Data(EndText(operation));
  return kExitDone;
}

absl::StatusOr<int> RunOperationsPause(Context& context, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const v1::PauseOperationResponse response,
                   context.client.Call(&v1::OperationService::Stub::PauseOperation,
                                       Asking<v1::PauseOperationRequest>(arguments)));
  return Print(context, response.operation());
}

absl::StatusOr<int> RunOperationsResume(Context& context, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const v1::ResumeOperationResponse response,
                   context.client.Call(&v1::OperationService::Stub::ResumeOperation,
                                       Asking<v1::ResumeOperationRequest>(arguments)));
  return Print(context, response.operation());
}

absl::StatusOr<int> RunOperationsRetry(Context& context, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const v1::RetryOperationResponse response,
                   context.client.Call(&v1::OperationService::Stub::RetryOperation,
                                       Asking<v1::RetryOperationRequest>(arguments)));
  ASSIGN_OR_RETURN(const int code, Print(context, response.operation()));
  if (!HasEnded(response.operation())) {
    context.console.Say(absl::StrCat("`lockstep operations watch ",
                                     Sanitize(response.operation().operation_id()),
                                     "` follows it"));
  }
  return code;
}

}  // namespace lockstep::ctl
