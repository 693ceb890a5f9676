#include "tests/support/repo_paths.h"

#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace lockstep::testing {

std::string SourcePath(absl::string_view relative) {
  return absl::StrCat(LOCKSTEP_SOURCE_DIR, "/", relative);
}

std::string ProgramPath(absl::string_view name) {
  const char* const directory = std::getenv("LOCKSTEP_TEST_PROGRAMS");
  if (directory != nullptr && *directory != '\0') return absl::StrCat(directory, "/", name);
  return absl::StrCat(LOCKSTEP_BINARY_DIR, "/bin/", name);
}

}  // namespace lockstep::testing
