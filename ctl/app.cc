#include "ctl/app.h"

#include <cstdlib>
#include <filesystem>
#include <grpc/support/log.h>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "ctl/address_book.h"
#include "ctl/arguments.h"
#include "ctl/client.h"
#include "ctl/command.h"
#include "ctl/console.h"
#include "ctl/context.h"
#include "ctl/dev/state.h"
#include "ctl/errors.h"
#include "ctl/help.h"
#include "ctl/interrupt.h"
#include "engine/base/log.h"

namespace lockstep::ctl {
namespace {

int Fail(Console& console, const absl::Status& status) {
  const ConsoleOptions& options = console.options();
  console.Error(options.json ? RenderErrorJson(status)
                             : RenderError(status, console.err_style(), options.verbose));
  return ExitCodeOf(status);
}

// Libraries keep silent: what matters of theirs is in the errors that they return.
void SilenceLibraries() {
  gpr_set_log_function([](gpr_log_func_args*) {});
  base::InitLogging({.level = base::LogLevel::kOff});
}

// A coordinator that `lockstep dev` runs for the project we are in.
std::optional<std::string> RunningDev() {
  std::error_code error;
  const std::string here = std::filesystem::current_path(error).string();
  return error ? std::nullopt : dev::FindAddress(here);
}

int Run(const ParsedLine& line, Console& console) {
  Interrupt interrupt;
  const auto candidates = ResolveCandidates(
      line.globals,
      {.address = std::getenv("LOCKSTEP_ADDRESS"), .context = std::getenv("LOCKSTEP_CONTEXT")},
      AddressBookPath(), RunningDev());
  Client client({.candidates = candidates.ok() ? *candidates : std::vector<Candidate>(),
                 .unresolved = candidates.status(),
                 .timeout = line.globals.timeout},
                &interrupt);
  Context context{line.globals, console, interrupt, client};
  const absl::StatusOr<int> code = line.command->run(context, line.arguments);
  const bool written = console.Flush();
  if (!code.ok()) return Fail(console, code.status());
  if (!written) return Fail(console, absl::UnknownError("cannot write to standard output"));
  return *code;
}

}  // namespace

int Main(int argc, char** argv) {
  const ParsedLine line = ParseLine(std::vector<std::string>(argv + 1, argv + argc));
  Console console = Console::Detect(line.globals);
  if (!line.status.ok()) return Fail(console, line.status);
  SilenceLibraries();
  if (line.command != nullptr && !line.help) return Run(line, console);
  console.Data(line.command != nullptr ? CommandHelp(*line.command)
               : line.group.empty()    ? ProgramHelp()
                                       : GroupHelp(line.group));
  return console.Flush() ? kExitDone : kExitFailed;
}

}  // namespace lockstep::ctl
