// CREATE TABLE AS and CREATE MATERIALIZED VIEW.

#include <string>
#include <utility>
#include <vector>

#include "engine/sql/analysis/families.h"
#include "engine/sql/analysis/new_table.h"
#include "engine/sql/analysis/query_columns.h"
#include "engine/sql/analysis/query_reads.h"

namespace lockstep::sql {

using model::Relation;
using model::RelationKind;

void CreateFromQuery(Node into, Node query, RelationKind kind, bool guarded,
                     StatementContext& context) {
  const Node range = into["rel"];
  Relation made = NewRelation(range, kind, guarded, context);
  if (context.db.relations.contains(made.name)) {
    context.facts.no_op |= guarded;  // Otherwise PostgreSQL refuses it.
    return;
  }
  made.tablespace = std::string(into["tableSpaceName"].text());
  made.access_method = std::string(into["accessMethod"].text());
  auto columns = ColumnsOfQuery(query.As("SelectStmt"), context.db);
  made.complete &= columns.has_value();
  if (columns.has_value()) {
    const std::vector<Node> names = into["colNames"].Items();
    for (size_t i = 0; i < names.size() && i < columns->size(); ++i) {
      (*columns)[i].name = std::string(names[i].text());
    }
    made.columns = *std::move(columns);
  }
  // A table keeps nothing of where its rows came from.
  if (kind == RelationKind::kMaterializedView) {
    made.view_reads = ReadsOf(query, context).columns;
  }
  const Relation& relation = context.db.Add(std::move(made));
  context.Strengthen(Phase::kExpand);
  context.Touches(relation, "", Effect::kCreate);
  ReportPersistence(range, into["onCommit"].text() == "ONCOMMIT_DROP", relation, context);
}

void AnalyzeCreateTableAs(Node statement, StatementContext& context) {
  const bool guarded = statement["if_not_exists"].flag();
  if (guarded) context.facts.guard = Guard::kIfNotExists;
  context.Inside(statement["query"]);
  CreateFromQuery(statement["into"], statement["query"],
                  statement["objtype"].text() == "OBJECT_MATVIEW" ? RelationKind::kMaterializedView
                                                                  : RelationKind::kTable,
                  guarded, context);
}

}  // namespace lockstep::sql
