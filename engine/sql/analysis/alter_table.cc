#include "engine/sql/analysis/families.h"

namespace lockstep::sql {

void AnalyzeAlterTable(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

}  // namespace lockstep::sql
