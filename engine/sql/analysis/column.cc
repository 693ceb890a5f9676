#include "engine/sql/analysis/families.h"

namespace lockstep::sql {

void AnalyzeDropColumn(model::Relation& /*relation*/, Node /*command*/, StatementContext& context) {
  NotAnalysed(context);
}

void AnalyzeColumnDefault(model::Relation& /*relation*/, Node /*command*/,
                          StatementContext& context) {
  NotAnalysed(context);
}

void AnalyzeSetNotNull(model::Relation& /*relation*/, Node /*command*/, Node /*statement*/,
                       StatementContext& context) {
  NotAnalysed(context);
}

void AnalyzeDropNotNull(model::Relation& /*relation*/, Node /*command*/,
                        StatementContext& context) {
  NotAnalysed(context);
}

void AnalyzeGeneratedColumn(model::Relation& /*relation*/, Node /*command*/,
                            StatementContext& context) {
  NotAnalysed(context);
}

}  // namespace lockstep::sql
