// The database of commands that speak to PostgreSQL themselves.
#ifndef LOCKSTEP_CTL_DATABASE_FLAG_H_
#define LOCKSTEP_CTL_DATABASE_FLAG_H_

#include <string>

#include "absl/status/statusor.h"

#include "ctl/arguments.h"

namespace lockstep::ctl {

// What --database says, the contents of the file that --database-file names, or LOCKSTEP_DATABASE,
// in this order; "" when none of them is given. A file is the way to keep a password out of the
// list of processes. A USAGE error for both flags; what base::ReadFile returns.
absl::StatusOr<std::string> FindDatabase(const Arguments& arguments);

// The same, but a USAGE error when none is given.
absl::StatusOr<std::string> RequireDatabase(const Arguments& arguments);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_DATABASE_FLAG_H_
