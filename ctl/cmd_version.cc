#include "absl/strings/str_cat.h"

#include "ctl/commands.h"
#include "ctl/errors.h"

namespace lockstep::ctl {

absl::StatusOr<int> RunVersion(Context& context, const Arguments&) {
  context.console.Data(context.flags.json
                           ? absl::StrCat("{\"version\": \"", LOCKSTEP_VERSION, "\"}\n")
                           : absl::StrCat("lockstep ", LOCKSTEP_VERSION, "\n"));
  return kExitDone;
}

}  // namespace lockstep::ctl
