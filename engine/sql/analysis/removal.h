// What goes with a relation when it is dropped. Internal to engine/sql/analysis.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_REMOVAL_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_REMOVAL_H_

#include <vector>

#include "engine/sql/analysis/context.h"
#include "engine/sql/model/database.h"

namespace lockstep::sql {

// Drops `names` (as the catalog has them) with what always goes along: partitions and sequences
// that belong to columns; with `cascade` also views, inheriting tables and the foreign keys of
// others. Claims the locks on all of them and on the other side of every foreign key, says that
// they are gone (a contract unless they are new) and takes them out of the catalog. Reports
// nothing.
void RemoveRelations(const std::vector<model::Name>& names, bool cascade,
                     StatementContext& context);

// The columns that `view` reads until it is dropped or replaced: who changes one of them has to
// know which comes first.
void TouchSources(const model::Relation& view, StatementContext& context);

// The objects of a DropStmt that are relations: what exists or may exist. A guarded statement that
// finds none of them is marked as doing nothing.
std::vector<model::Name> RelationsToDrop(Node drop_statement, StatementContext& context);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_REMOVAL_H_
