// Dumps of a schema that are the same on all servers.
#ifndef LOCKSTEP_TESTS_SCHEMA_NOT_NULL_NAMES_H_
#define LOCKSTEP_TESTS_SCHEMA_NOT_NULL_NAMES_H_

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace lockstep::testing {

// Since 18 a NOT NULL is also a constraint with a name in the catalog. The text of a migration
// names none, and the column says it as well: without these lines.
inline std::string WithoutNotNullNames(absl::string_view dump) {
  std::vector<absl::string_view> lines = absl::StrSplit(dump, '\n');
  std::erase_if(lines, [](absl::string_view line) {
    return absl::StartsWith(line, " constraint ") &&
           absl::StrContains(line, "_not_null not null (");
  });
  return absl::StrJoin(lines, "\n");
}

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SCHEMA_NOT_NULL_NAMES_H_
