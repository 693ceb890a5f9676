#include "engine/sql/analysis/families.h"

namespace lockstep::sql {

void AnalyzeAttachPartition(model::Relation& /*relation*/, Node /*command*/,
                            StatementContext& context) {
  NotAnalysed(context);
}

void AnalyzeDetachPartition(model::Relation& /*relation*/, Node /*command*/,
                            StatementContext& context) {
  NotAnalysed(context);
}

void AnalyzeInheritance(model::Relation& /*relation*/, Node /*command*/,
                        StatementContext& context) {
  NotAnalysed(context);
}

}  // namespace lockstep::sql
