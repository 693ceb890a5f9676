#include "engine/sql/analysis/families.h"

namespace lockstep::sql {

void AnalyzeCreateIndex(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

void AnalyzeDropIndex(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

}  // namespace lockstep::sql
