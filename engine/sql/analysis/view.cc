#include "engine/sql/analysis/families.h"

namespace lockstep::sql {

void AnalyzeCreateView(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

void AnalyzeRefresh(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

void AnalyzeDropView(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

}  // namespace lockstep::sql
