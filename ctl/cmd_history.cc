#include "absl/strings/str_cat.h"
#include "lockstep/v1/status.grpc.pb.h"

#include "ctl/commands.h"
#include "ctl/errors.h"
#include "ctl/listing.h"
#include "ctl/output.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {

absl::StatusOr<int> RunHistory(Context& context, const Arguments&) {
  ASSIGN_OR_RETURN(const v1::ListMigrationsResponse list, ListAllMigrations(context.client));
  if (context.flags.json) {
    RETURN_IF_ERROR(PrintJsonList(context.console, list));
    return kExitDone;
  }
  if (list.migrations().empty()) {
    context.console.Say("nothing is published");
    return kExitDone;
  }
  context.console.Data(
      HistoryTable(list, context.console.out_style(), context.console.options().out_width));
  return kExitDone;
}

}  // namespace lockstep::ctl
