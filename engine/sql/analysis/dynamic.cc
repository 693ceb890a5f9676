#include "engine/sql/analysis/call.h"
#include "engine/sql/analysis/families.h"

namespace lockstep::sql {

void AnalyzeUserCall(const model::Name& /*name*/, Node /*call*/, StatementContext& context) {
  NotAnalysed(context);
}

void AnalyzeDynamic(absl::string_view /*node_type*/, Node /*statement*/,
                    StatementContext& context) {
  NotAnalysed(context);
}

}  // namespace lockstep::sql
