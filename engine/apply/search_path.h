// The search_path that a migration runs with.
#ifndef LOCKSTEP_ENGINE_APPLY_SEARCH_PATH_H_
#define LOCKSTEP_ENGINE_APPLY_SEARCH_PATH_H_

#include <string>

#include "absl/strings/string_view.h"

namespace lockstep::apply {

// Returns `configured` without "$user" (a schema named like the role would capture unqualified
// names) and with pg_temp last (unless it is named, PostgreSQL searches it first, and a temporary
// table would hide a real one). "public, pg_temp" for an empty one. Pure.
std::string SafeSearchPath(absl::string_view configured);

}  // namespace lockstep::apply

#endif  // LOCKSTEP_ENGINE_APPLY_SEARCH_PATH_H_
