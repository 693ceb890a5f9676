#include "engine/sql/analysis/file_rules.h"

namespace lockstep::sql {

void CheckText(const FileInput& /*input*/, FileAnalysis* /*analysis*/) {}

}  // namespace lockstep::sql
