#include "engine/sql/analysis/file_rules.h"

namespace lockstep::sql {

std::vector<Part> PartsOf(const FileInput& /*input*/, const FileAnalysis& /*analysis*/) {
  return {};
}

}  // namespace lockstep::sql
