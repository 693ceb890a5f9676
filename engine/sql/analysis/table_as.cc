// CREATE TABLE AS and CREATE MATERIALIZED VIEW.

#include <utility>

#include "engine/sql/analysis/families.h"
#include "engine/sql/analysis/new_table.h"

namespace lockstep::sql {

using model::Relation;
using model::RelationKind;

void CreateFromQuery(Node into, Node /*query*/, RelationKind kind, bool guarded,
                     StatementContext& context) {
  const Node range = into["rel"];
  Relation made = NewRelation(range, kind, guarded, context);
  if (context.db.relations.contains(made.name)) {
    context.facts.no_op |= guarded;  // Otherwise PostgreSQL refuses it.
    return;
  }
  made.tablespace = std::string(into["tableSpaceName"].text());
  made.access_method = std::string(into["accessMethod"].text());
  made.complete = false;
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
