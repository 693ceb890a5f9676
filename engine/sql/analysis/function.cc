#include "engine/sql/analysis/families.h"

namespace lockstep::sql {

void AnalyzeCreateFunction(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

void AnalyzeAlterFunction(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

void AnalyzeDropFunction(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

}  // namespace lockstep::sql
