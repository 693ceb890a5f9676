// Connection strings, in libpq's key=value or URL form.
#ifndef LOCKSTEP_ENGINE_POSTGRES_CONNINFO_H_
#define LOCKSTEP_ENGINE_POSTGRES_CONNINFO_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace lockstep::postgres {

// Returns what `conninfo` names, by libpq keyword.
// INVALID_ARGUMENT (BAD_CONNINFO) when it cannot be read, or when it is a URL in which an unescaped
// @ or / of the password would pass for host, port or database. The message says where, but repeats
// nothing of the string, because what is misread is often the password.
absl::StatusOr<std::map<std::string, std::string>> ParseConninfo(const std::string& conninfo);

// Returns `conninfo` as key=value pairs, with `keyword` set to `value` where it does not name it
// itself. Fails as ParseConninfo does.
absl::StatusOr<std::string> WithDefault(const std::string& conninfo, const std::string& keyword,
                                        const std::string& value);

// Returns `conninfo` as key=value pairs with application_name, connect_timeout, keepalives and
// target_session_attrs=read-write filled in where it does not name them itself.
// Fails as ParseConninfo does.
absl::StatusOr<std::string> CompleteConninfo(const std::string& conninfo,
                                             absl::string_view application_name,
                                             absl::Duration connect_timeout);

}  // namespace lockstep::postgres

#endif  // LOCKSTEP_ENGINE_POSTGRES_CONNINFO_H_
