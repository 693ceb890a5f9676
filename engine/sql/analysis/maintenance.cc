#include "engine/sql/analysis/families.h"

namespace lockstep::sql {

void AnalyzeCluster(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

void AnalyzeVacuum(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

void AnalyzeReindex(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

void AnalyzeStatistics(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

void AnalyzeComment(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

}  // namespace lockstep::sql
