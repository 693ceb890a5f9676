// Pins: builds that are kept deployable although none runs.
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "lockstep/v1/release.grpc.pb.h"
#include "lockstep/v1/status.grpc.pb.h"

#include "ctl/actor.h"
#include "ctl/build_flags.h"
#include "ctl/commands.h"
#include "ctl/decision_listing.h"
#include "ctl/errors.h"
#include "ctl/fleet_listing.h"
#include "ctl/output.h"
#include "ctl/sanitize.h"
#include "engine/base/status_macros.h"
#include "proto/convert/time.h"

namespace lockstep::ctl {
namespace {

constexpr absl::Duration kDefaultPin = absl::Hours(7 * 24);

absl::Status NeedReason() {
  return UsageError("--reason is missing", "say why: it is kept in the record");
}

absl::Status NeedBuild() {
  return UsageError("--build is missing", "`lockstep instances` shows them");
}

}  // namespace

absl::StatusOr<int> RunPins(Context& context, const Arguments& arguments) {
  ASSIGN_OR_RETURN(const v1::ListPinsResponse list,
                   ListAllPins(context.client, arguments.argument()));
  if (context.flags.json) {
    RETURN_IF_ERROR(PrintJsonList(context.console, list));
  } else if (list.pins().empty()) {
    context.console.Say("no build is pinned");
  } else {
    context.console.Data(PinsTable(list, absl::Now(), context.console.out_style(),
                                   context.console.options().out_width));
  }
  return kExitDone;
}

absl::StatusOr<int> RunPinsAdd(Context& context, const Arguments& arguments) {
  if (!arguments.Has("--build")) return NeedBuild();
  if (arguments.Text("--reason").empty()) return NeedReason();
  v1::PinBuildRequest request;
  request.set_service(arguments.argument());
  request.set_build(arguments.Text("--build"));
  request.set_reason(arguments.Text("--reason"));
  request.set_actor(Actor());
  *request.mutable_lasting() = convert::ToProto(arguments.Duration("--for").value_or(kDefaultPin));
  ASSIGN_OR_RETURN(const auto declared, DeclarationFromFiles(arguments, arguments.argument(),
                                                             /*unless_named=*/false));
  if (declared.has_value()) *request.mutable_declaration() = *declared;
  ASSIGN_OR_RETURN(const v1::PinBuildResponse response,
                   context.client.Call(&v1::ReleaseService::Stub::PinBuild, request));
  if (context.flags.json) {
    RETURN_IF_ERROR(PrintJson(context.console, response.pin()));
    return kExitDone;
  }
  const v1::Pin& pin = response.pin();
  context.console.Data(
      Sanitize(absl::StrCat(BuildName(pin.service(), pin.build()), " is pinned until ",
                            TimeText(convert::FromProto(pin.expires_at())), ": needs ", pin.needs(),
                            ", adapted to ", pin.adapted_to())) +
      "\n");
  return kExitDone;
}

absl::StatusOr<int> RunPinsRetire(Context& context, const Arguments& arguments) {
  if (!arguments.Has("--build")) return NeedBuild();
  if (arguments.Text("--reason").empty()) return NeedReason();
  v1::RetireBuildRequest request;
  request.set_service(arguments.argument());
  request.set_build(arguments.Text("--build"));
  request.set_reason(arguments.Text("--reason"));
  request.set_actor(Actor());
  ASSIGN_OR_RETURN(const v1::RetireBuildResponse response,
                   context.client.Call(&v1::ReleaseService::Stub::RetireBuild, request));
  if (context.flags.json) {
    RETURN_IF_ERROR(PrintJson(context.console, response));
    return kExitDone;
  }
  context.console.Data(absl::StrCat(Sanitize(BuildName(request.service(), request.build())),
                                    " is retired, ", Count(response.pins_ended(), "pin"),
                                    " ended\n"));
  if (response.still_counting().empty()) return kExitDone;
  v1::ListInstancesResponse list;
  *list.mutable_instances() = response.still_counting();
  context.console.Say(absl::StrCat(
      Count(list.instances_size(), "instance"),
      " of it count all the same, and end as instances do; `lockstep instances evict` is for "
      "those whose process is gone:\n",
      absl::StripTrailingAsciiWhitespace(
          InstancesTable(list, absl::Now(), context.console.err_style(), /*width=*/0))));
  return kExitDone;
}

}  // namespace lockstep::ctl
