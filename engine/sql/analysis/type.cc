#include "engine/sql/analysis/families.h"

namespace lockstep::sql {

void AnalyzeCreateType(absl::string_view /*node_type*/, Node /*statement*/,
                       StatementContext& context) {
  NotAnalysed(context);
}

void AnalyzeAlterEnum(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

void AnalyzeAlterDomain(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

void AnalyzeAlterCompositeType(Node /*alter_table_statement*/, StatementContext& context) {
  NotAnalysed(context);
}

void AnalyzeDropType(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

}  // namespace lockstep::sql
