// A human exception: first the look, with a token over what was seen, then the act with that token.
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lockstep/v1/admin.grpc.pb.h"

#include "ctl/actor.h"
#include "ctl/commands.h"
#include "ctl/decision_listing.h"
#include "ctl/errors.h"
#include "ctl/output.h"
#include "ctl/sanitize.h"
#include "engine/base/status_macros.h"
#include "engine/chain/migration.h"
#include "proto/convert/time.h"

namespace lockstep::ctl {
namespace {

std::string AffectedBy(const v1::OverrideResponse& look) {
  std::string text;
  if (look.sessions_size() > 0) text = Count(look.sessions_size(), "instance");
  if (look.pins_size() > 0) {
    absl::StrAppend(&text, text.empty() ? "" : " and ", Count(look.pins_size(), "pin"));
  }
  return text;
}

absl::StatusOr<int> Look(Context& context, const Arguments& arguments,
                         v1::OverrideRequest request) {
  request.set_validate_only(true);
  ASSIGN_OR_RETURN(const v1::OverrideResponse look,
                   context.client.Call(&v1::AdminService::Stub::Override, request));
  if (context.flags.json) {
    RETURN_IF_ERROR(PrintJson(context.console, look));
    return kExitDone;
  }
  context.console.Data(absl::StrCat("contract ", request.contract(), " would break ",
                                    AffectedBy(look), ":\n",
                                    OverrideText(look, absl::Now(), context.console.out_style(),
                                                 context.console.options().out_width)));
  const std::string lasting =
      arguments.Has("--for") ? absl::StrCat(" --for ", arguments.Text("--for")) : "";
  context.console.Say(
      absl::StrCat("nothing was changed; to break exactly these:\n  lockstep "
                   "override contract ",
                   request.contract(), Sanitize(lasting), " --confirm ",
                   Sanitize(look.confirmation_token()), " --reason TEXT"));
  return kExitDone;
}

}  // namespace

absl::StatusOr<int> RunOverrideContract(Context& context, const Arguments& arguments) {
  int32_t version = 0;
  if (!absl::SimpleAtoi(arguments.argument(), &version) || version < 1 ||
      version > chain::kMaxVersion) {
    return UsageError(absl::StrCat("override contract takes a version number, not \"",
                                   arguments.argument(), "\""));
  }
  v1::OverrideRequest request;
  request.set_contract(version);
  if (const auto lasting = arguments.Duration("--for"); lasting.has_value()) {
    *request.mutable_lasting() = convert::ToProto(*lasting);
  }
  if (!arguments.Has("--confirm")) return Look(context, arguments, request);
  if (arguments.Text("--reason").empty()) {
    return UsageError("--confirm needs --reason", "say why: it is kept in the record");
  }
  request.set_confirmation_token(arguments.Text("--confirm"));
  request.set_reason(arguments.Text("--reason"));
  request.set_actor(Actor());
  ASSIGN_OR_RETURN(const v1::OverrideResponse made,
                   context.client.Call(&v1::AdminService::Stub::Override, request));
  if (context.flags.json) {
    RETURN_IF_ERROR(PrintJson(context.console, made));
    return kExitDone;
  }
  context.console.Data(absl::StrCat(Sanitize(made.override_id()), ": contract ", version,
                                    " may run for ", AgeText(convert::FromProto(made.lasting())),
                                    ", whatever it breaks of what was shown\n"));
  context.console.Say(absl::StrCat("`lockstep contract ", version, "` runs it"));
  return kExitDone;
}

}  // namespace lockstep::ctl
