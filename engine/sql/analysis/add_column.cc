#include "engine/sql/analysis/families.h"

namespace lockstep::sql {

void AnalyzeAddColumn(model::Relation& /*relation*/, Node /*command*/, StatementContext& context) {
  NotAnalysed(context);
}

}  // namespace lockstep::sql
