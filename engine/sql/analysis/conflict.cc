#include "engine/sql/analysis/analyzer.h"

namespace lockstep::sql {

bool Conflict(const FileAnalysis& /*a*/, const FileAnalysis& /*b*/) { return true; }

std::optional<std::vector<std::string>> TouchedNames(const FileAnalysis& /*file*/) {
  return std::nullopt;
}

}  // namespace lockstep::sql
