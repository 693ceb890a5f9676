// Completion scripts, made from the command table. Pure.
#ifndef LOCKSTEP_CTL_COMPLETION_H_
#define LOCKSTEP_CTL_COMPLETION_H_

#include <string>

namespace lockstep::ctl {

// For `eval "$(lockstep completion bash)"`. Completes commands, then the flags of the command; for
// the values of flags and for arguments the shell's own file names.
std::string BashCompletion();
std::string ZshCompletion();   // For a file _lockstep in $fpath, or `source <(...)`.
std::string FishCompletion();  // For ~/.config/fish/completions/lockstep.fish.

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_COMPLETION_H_
