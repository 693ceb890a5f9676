#include "engine/sql/analysis/file_rules.h"

namespace lockstep::sql {

void CheckFile(const FileInput& /*input*/, const model::Database& /*after*/,
               FileAnalysis* /*analysis*/) {}

}  // namespace lockstep::sql
