// What inline and table constraints share. Internal to engine/sql/analysis.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_CONSTRAINT_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_CONSTRAINT_H_

#include <string>

#include "engine/sql/analysis/alter_table.h"
#include "engine/sql/analysis/context.h"
#include "engine/sql/tree.h"

namespace lockstep::sql {

// The other side of a new foreign key (the body of its Constraint): locked SHARE ROW EXCLUSIVE with
// all of its partitions, and read when rows are checked.
void LockPartner(const model::Relation& relation, Node foreign_key, bool checks,
                 StatementContext& context);

// fk-cascade-action.
void ReportCascade(const model::Relation& relation, Node foreign_key, StatementContext& context);

// add-constraint-on-live-writers.
void ReportLiveWriters(const model::Relation& relation, Node at, StatementContext& context);

// column.cc. Claims the scan that SET NOT NULL of `column` needs: none where it is NOT NULL already
// or a valid CHECK proves it. Whether any table is read.
bool ScansForNotNull(const AlterTarget& target, const std::string& column,
                     StatementContext& context);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_CONSTRAINT_H_
