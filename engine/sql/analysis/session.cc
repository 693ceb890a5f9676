#include "engine/sql/analysis/families.h"

namespace lockstep::sql {

void AnalyzeSession(absl::string_view /*node_type*/, Node /*statement*/,
                    StatementContext& context) {
  NotAnalysed(context);
}

}  // namespace lockstep::sql
