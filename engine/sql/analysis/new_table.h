// What CREATE TABLE and CREATE TABLE AS share. Internal to engine/sql/analysis.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_NEW_TABLE_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_NEW_TABLE_H_

#include "engine/sql/analysis/context.h"
#include "engine/sql/model/database.h"
#include "engine/sql/tree.h"

namespace lockstep::sql {

// A relation as `range` (the body of a RangeVar) asks for it, not yet in the catalog. One that a
// guard may find in a catalog that nobody has read may be in use, with other columns.
model::Relation NewRelation(Node range, model::RelationKind kind, bool guarded,
                            StatementContext& context);

// Reports unlogged tables, and temporary ones that outlive the transaction.
void ReportPersistence(Node range, bool drop_on_commit, const model::Relation& relation,
                       StatementContext& context);

// SELECT INTO, CREATE TABLE AS, CREATE MATERIALIZED VIEW: makes the relation of an IntoClause from
// the columns of `query`, which somebody else has analysed.
void CreateFromQuery(Node into, Node query, model::RelationKind kind, bool guarded,
                     StatementContext& context);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_NEW_TABLE_H_
