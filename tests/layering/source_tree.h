// The sources of the repository as text, for tests that judge their form.
#ifndef LOCKSTEP_TESTS_LAYERING_SOURCE_TREE_H_
#define LOCKSTEP_TESTS_LAYERING_SOURCE_TREE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace lockstep::testing {

struct Source {
  std::string path;  // Relative to the root: "engine/base/log.cc".
  std::vector<std::string> lines;
};

// Splits `text`, with comments and literals blanked out, so that prose, SQL and a "{" are not taken
// for C++. The names in #include lines stay.
Source MakeSource(std::string path, absl::string_view text);

// All .h and .cc files below `root` in engine, proto, coordinator, agent and ctl, sorted by path.
std::vector<Source> LoadSources(const std::string& root);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_LAYERING_SOURCE_TREE_H_
