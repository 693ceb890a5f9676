#include "engine/sql/analysis/definition.h"

namespace lockstep::sql {

model::Column& DefineColumn(model::Relation& relation, Node column_def,
                            StatementContext& /*context*/) {
  relation.columns.push_back({.name = std::string(column_def["colname"].text())});
  return relation.columns.back();
}

model::Constraint* DefineConstraint(model::Relation& /*relation*/, Node /*constraint*/,
                                    absl::string_view /*column*/, StatementContext& /*context*/) {
  return nullptr;
}

model::Index& DefineIndex(model::Relation& relation, Node index_stmt,
                          StatementContext& /*context*/) {
  relation.indexes.push_back({.name = std::string(index_stmt["idxname"].text())});
  return relation.indexes.back();
}

std::string ChooseName(const model::Relation& relation, const std::vector<std::string>& /*columns*/,
                       absl::string_view suffix) {
  return relation.name.name + "_" + std::string(suffix);
}

void ReportStyle(Node /*column_def*/, bool /*key*/, StatementContext& /*context*/) {}

}  // namespace lockstep::sql
