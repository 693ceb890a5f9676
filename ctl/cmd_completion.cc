#include "absl/strings/str_cat.h"

#include "ctl/commands.h"
#include "ctl/completion.h"
#include "ctl/errors.h"

namespace lockstep::ctl {

absl::StatusOr<int> RunCompletion(Context& context, const Arguments& arguments) {
  const std::string& shell = arguments.argument();
  if (shell == "bash") {
    context.console.Data(BashCompletion());
  } else if (shell == "zsh") {
    context.console.Data(ZshCompletion());
  } else if (shell == "fish") {
    context.console.Data(FishCompletion());
  } else {
    return UsageError(absl::StrCat("no completion for \"", shell, "\""), "bash, zsh or fish");
  }
  return kExitDone;
}

}  // namespace lockstep::ctl
