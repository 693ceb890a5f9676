// Where the source tree and the built programs are.
#ifndef LOCKSTEP_TESTS_SUPPORT_REPO_PATHS_H_
#define LOCKSTEP_TESTS_SUPPORT_REPO_PATHS_H_

#include <string>

#include "absl/strings/string_view.h"

namespace lockstep::testing {

// The absolute path of `relative` in the source tree: SourcePath("migrations").
std::string SourcePath(absl::string_view relative);

// The absolute path of the built program `name`: ProgramPath("lockstep-agent"). Where
// LOCKSTEP_TEST_PROGRAMS names a directory, e.g. of an installed package, programs come from there.
std::string ProgramPath(absl::string_view name);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SUPPORT_REPO_PATHS_H_
