// Connection strings, in libpq's key=value or URL form.
#ifndef LOCKSTEP_ENGINE_POSTGRES_CONNINFO_H_
#define LOCKSTEP_ENGINE_POSTGRES_CONNINFO_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace lockstep::postgres {

// Returns `conninfo` as key=value pairs with application_name, connect_timeout, keepalives and
// target_session_attrs=read-write filled in where it does not name them itself.
// INVALID_ARGUMENT (BAD_CONNINFO) with libpq's reason when it cannot be read.
absl::StatusOr<std::string> CompleteConninfo(const std::string& conninfo,
                                             absl::string_view application_name,
                                             absl::Duration connect_timeout);

}  // namespace lockstep::postgres

#endif  // LOCKSTEP_ENGINE_POSTGRES_CONNINFO_H_
