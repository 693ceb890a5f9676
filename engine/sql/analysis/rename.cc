#include "engine/sql/analysis/families.h"

namespace lockstep::sql {

void AnalyzeRename(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

void AnalyzeSetSchema(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

}  // namespace lockstep::sql
