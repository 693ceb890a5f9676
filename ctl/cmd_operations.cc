#include "absl/strings/str_cat.h"
#include "lockstep/v1/operation.grpc.pb.h"

#include "ctl/actor.h"
#include "ctl/commands.h"
#include "ctl/errors.h"
#include "ctl/listing.h"
#include "ctl/output.h"
#include "ctl/sanitize.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {
namespace {

absl::StatusOr<int> Print(Context& context, const v1::Operation& operation) {
  if (context.flags.json) {
    RETURN_IF_ERROR(PrintJson(context.console, operation));
  } else {
    context.console.Data(OperationText(operation, context.console.out_style()));
  }
  return kExitDone;
}

}  // namespace

absl::StatusOr<int> RunOperationsList(Context& context, const Arguments& arguments) {
  v1::ListOperationsRequest request;
  request.set_page_size(kMaxOperations);
  request.set_active_only(arguments.Has("--active"));
  ASSIGN_OR_RETURN(const v1::ListOperationsResponse response,
                   context.client.Call(&v1::OperationService::Stub::ListOperations, request));
  if (context.flags.json) {
    RETURN_IF_ERROR(PrintJsonList(context.console, response));
    return kExitDone;
  }
  if (response.operations().empty()) {
    context.console.Say("no operations");
    return kExitDone;
  }
  context.console.Data(
      OperationsTable(response, context.console.out_style(), context.console.options().out_width));
  if (!response.next_page_token().empty()) {
    context.console.Say(absl::StrCat("older ones than these ", kMaxOperations, " are left out"));
  }
  return kExitDone;
}

absl::StatusOr<int> RunOperationsGet(Context& context, const Arguments& arguments) {
  v1::GetOperationRequest request;
  request.set_operation_id(arguments.argument());
  ASSIGN_OR_RETURN(const v1::GetOperationResponse response,
                   context.client.Call(&v1::OperationService::Stub::GetOperation, request));
  return Print(context, response.operation());
}

absl::StatusOr<int> RunOperationsCancel(Context& context, const Arguments& arguments) {
  v1::CancelOperationRequest request;
  request.set_operation_id(arguments.argument());
  request.set_reason(arguments.Text("--reason"));
  request.set_actor(Actor());
  ASSIGN_OR_RETURN(const v1::CancelOperationResponse response,
                   context.client.Call(&v1::OperationService::Stub::CancelOperation, request));
  const v1::Operation& operation = response.operation();
  if (context.flags.json) return Print(context, operation);
  context.console.Data(
      absl::StrCat(Sanitize(operation.operation_id()), " is ", StateWord(operation.state()), "\n"));
  return kExitDone;
}

}  // namespace lockstep::ctl
