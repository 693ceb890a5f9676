#include "engine/sql/analysis/families.h"

namespace lockstep::sql {

void AnalyzeAddConstraint(model::Relation& /*relation*/, Node /*command*/,
                          StatementContext& context) {
  NotAnalysed(context);
}

void AnalyzeValidateConstraint(model::Relation& /*relation*/, Node /*command*/,
                               StatementContext& context) {
  NotAnalysed(context);
}

void AnalyzeDropConstraint(model::Relation& /*relation*/, Node /*command*/,
                           StatementContext& context) {
  NotAnalysed(context);
}

void AnalyzeAlterConstraint(model::Relation& /*relation*/, Node /*command*/,
                            StatementContext& context) {
  NotAnalysed(context);
}

}  // namespace lockstep::sql
