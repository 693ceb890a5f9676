// `upgrade --direct`: the flags and the talk around ctl/direct.
#ifndef LOCKSTEP_CTL_DIRECT_UPGRADE_H_
#define LOCKSTEP_CTL_DIRECT_UPGRADE_H_

#include "absl/status/statusor.h"

#include "ctl/arguments.h"
#include "ctl/context.h"

namespace lockstep::ctl {

// Publishes the migrations directory to the database, upgrades it, and says how it went; with --sql
// prints what it would run and changes nothing. Returns the exit code, or the error to print.
absl::StatusOr<int> RunDirectUpgrade(Context& context, const Arguments& arguments);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_DIRECT_UPGRADE_H_
