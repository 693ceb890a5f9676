#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lockstep/v1/release.grpc.pb.h"

#include "ctl/actor.h"
#include "ctl/blockers_view.h"
#include "ctl/commands.h"
#include "ctl/confirm.h"
#include "ctl/errors.h"
#include "ctl/follow.h"
#include "ctl/output.h"
#include "ctl/sanitize.h"
#include "engine/base/ids.h"
#include "engine/base/status_macros.h"
#include "engine/chain/migration.h"
#include "proto/convert/time.h"

namespace lockstep::ctl {
namespace {

absl::StatusOr<v1::StartContractRequest> ReadRequest(const Arguments& arguments) {
  int32_t version = 0;
  if (!absl::SimpleAtoi(arguments.argument(), &version) || version < 1 ||
      version > chain::kMaxVersion) {
    return UsageError(
        absl::StrCat("contract takes a version number, not \"", arguments.argument(), "\""));
  }
  if (arguments.Has("--wait") && arguments.Has("--no-wait")) {
    return UsageError("--wait and --no-wait exclude each other");
  }
  if (arguments.Has("--deadline") && !arguments.Has("--when-drained") && !arguments.Has("--soak")) {
    return UsageError("--deadline goes with --when-drained or --soak: nothing else waits");
  }
  if (arguments.Has("--accept-unknown") && arguments.Text("--accept-unknown").empty()) {
    return UsageError("--accept-unknown takes the reason why those clients do no harm");
  }
  v1::StartContractRequest request;
  const std::string given = arguments.Text("--request-id");
  request.set_request_id(given.empty() ? base::NewUuid() : given);
  request.set_version(version);
  request.set_when_drained(arguments.Has("--when-drained"));
  request.set_accept_unknown(arguments.Text("--accept-unknown"));
  request.set_actor(Actor());
  request.set_reason(arguments.Text("--reason"));
  const auto set = [&](const char* flag, auto mutable_field) {
    if (const auto duration = arguments.Duration(flag); duration.has_value()) {
      *(request.*mutable_field)() = convert::ToProto(*duration);
    }
  };
  set("--deadline", &v1::StartContractRequest::mutable_deadline);
  set("--soak", &v1::StartContractRequest::mutable_soak);
  set("--terminate-idle-blockers", &v1::StartContractRequest::mutable_terminate_idle_blockers);
  return request;
}

// What it removes and who is in its way, before anybody is asked.
void Show(Context& context, const v1::ContractState& contract) {
  Console& console = context.console;
  if (!console.talks()) return;
  if (console.options().can_ask) {
    console.Error(ContractText(contract, console.err_style(), console.options().err_width,
                               /*wide=*/false));
  } else {
    console.Say(ContractSummary(contract));
  }
}

absl::Status Finish(Context& context, const v1::Operation& operation) {
  if (context.flags.json) RETURN_IF_ERROR(PrintJson(context.console, operation));
  RETURN_IF_ERROR(OutcomeOf(operation, std::nullopt));
  if (!context.flags.json) context.console.Data(EndText(operation));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int> RunContract(Context& context, const Arguments& arguments) {
  ASSIGN_OR_RETURN(v1::StartContractRequest request, ReadRequest(arguments));
  request.set_validate_only(true);
  ASSIGN_OR_RETURN(const v1::StartContractResponse checked,
                   context.client.Call(&v1::ReleaseService::Stub::StartContract, request));
  Show(context, checked.operation().contract());
  if (!arguments.Has("--yes")) {
    RETURN_IF_ERROR(Confirm(context, request.when_drained() ? "Let the fleet drain for it?"
                                                            : "Run it?"));
  }
  request.set_validate_only(false);
  context.console.Detail(absl::StrCat("request id ", Sanitize(request.request_id())));
  ASSIGN_OR_RETURN(v1::StartContractResponse started,
                   context.client.Call(&v1::ReleaseService::Stub::StartContract, request));
  v1::Operation operation = std::move(*started.mutable_operation());
  context.console.Detail(absl::StrCat("started ", Sanitize(operation.operation_id())));
  if (arguments.Has("--no-wait")) {
    if (context.flags.json) {
      RETURN_IF_ERROR(PrintJson(context.console, operation));
    } else {
      context.console.Data(absl::StrCat(Sanitize(operation.operation_id()), "\n"));
    }
    return kExitDone;
  }
  if (!HasEnded(operation)) {
    ASSIGN_OR_RETURN(operation, Follow(context, operation.operation_id()));
  }
  RETURN_IF_ERROR(Finish(context, operation));
  return kExitDone;
}

}  // namespace lockstep::ctl
