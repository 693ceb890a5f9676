// Asking a person.
#ifndef LOCKSTEP_CTL_CONFIRM_H_
#define LOCKSTEP_CTL_CONFIRM_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "ctl/context.h"

namespace lockstep::ctl {

// Asks `question` on standard error and reads one line. OK for y and yes; CANCELLED (NOT_CONFIRMED)
// for everything else, the end of input too; CANCELLED (INTERRUPTED). OK at once where nobody can
// be asked: scripts that upgrade are meant to upgrade.
absl::Status Confirm(Context& context, absl::string_view question);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_CONFIRM_H_
