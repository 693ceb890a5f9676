#include "engine/sql/analysis/families.h"

namespace lockstep::sql {

void AnalyzeCreateTableAs(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

void AnalyzeTruncate(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

void AnalyzeLockTable(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

void AnalyzeMoveAll(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

}  // namespace lockstep::sql
