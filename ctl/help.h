// --help and the answers to a mistyped line, rendered from the command table. Pure functions.
#ifndef LOCKSTEP_CTL_HELP_H_
#define LOCKSTEP_CTL_HELP_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "ctl/command.h"

namespace lockstep::ctl {

// The whole program: what it is, its commands, the global flags, the environment, the exit codes.
std::string ProgramHelp();

// The commands of a group, e.g. "operations".
std::string GroupHelp(absl::string_view group);

std::string CommandHelp(const Command& command);

// "lockstep upgrade [--to N] [--yes]".
std::string UsageOf(const Command& command);

// The error for a word that nothing took: an unknown command (`command` is null; `group` says
// where), an unknown flag, or an argument too many; with the nearest known word when one is near.
absl::Status UnexpectedWord(absl::string_view word, const Command* command,
                            absl::string_view group);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_HELP_H_
