#include "engine/sql/analysis/families.h"

namespace lockstep::sql {

void AnalyzeCreateSchema(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

void AnalyzeSequence(absl::string_view /*node_type*/, Node /*statement*/,
                     StatementContext& context) {
  NotAnalysed(context);
}

void AnalyzeExtension(absl::string_view /*node_type*/, Node /*statement*/,
                      StatementContext& context) {
  NotAnalysed(context);
}

void AnalyzeOtherObject(absl::string_view /*node_type*/, Node /*statement*/,
                        StatementContext& context) {
  NotAnalysed(context);
}

void AnalyzeDropObject(Node /*statement*/, StatementContext& context) { NotAnalysed(context); }

}  // namespace lockstep::sql
