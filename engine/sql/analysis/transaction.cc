#include "engine/sql/analysis/families.h"
#include "engine/sql/analysis/file_rules.h"

namespace lockstep::sql {

void AnalyzeTransaction(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

void StripTransaction(const FileInput& /*input*/, FileAnalysis* /*analysis*/) {}

}  // namespace lockstep::sql
