#include "engine/sql/analysis/families.h"

namespace lockstep::sql {

void AnalyzeCreateTrigger(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

void AnalyzeCreateRule(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

void AnalyzeDropTrigger(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

}  // namespace lockstep::sql
