#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lockstep/v1/status.grpc.pb.h"

#include "ctl/blockers_view.h"
#include "ctl/commands.h"
#include "ctl/errors.h"
#include "ctl/output.h"
#include "engine/base/status_macros.h"
#include "engine/chain/migration.h"

namespace lockstep::ctl {

absl::StatusOr<int> RunBlockers(Context& context, const Arguments& arguments) {
  v1::ListBlockersRequest request;
  if (const std::string& given = arguments.argument(); !given.empty()) {
    int32_t version = 0;
    if (!absl::SimpleAtoi(given, &version) || version < 1 || version > chain::kMaxVersion) {
      return UsageError(absl::StrCat("blockers takes a version number, not \"", given, "\""));
    }
    request.set_version(version);
  }
  ASSIGN_OR_RETURN(const v1::ListBlockersResponse list,
                   context.client.Call(&v1::StatusService::Stub::ListBlockers, request));
  if (context.flags.json) {
    RETURN_IF_ERROR(PrintJsonList(context.console, list));
    return kExitDone;
  }
  if (list.contracts().empty()) {
    context.console.Say("no contract waits");
    return kExitDone;
  }
  std::string text;
  for (const v1::ContractState& contract : list.contracts()) {
    absl::StrAppend(&text, text.empty() ? "" : "\n",
                    ContractText(contract, context.console.out_style(),
                                 context.console.options().out_width,
                                 context.flags.format == "wide"));
  }
  context.console.Data(text);
  return kExitDone;
}

}  // namespace lockstep::ctl
