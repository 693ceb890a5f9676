// What the commands of ALTER TABLE share. Internal to engine/sql/analysis.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_ALTER_TABLE_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_ALTER_TABLE_H_

#include <vector>

#include "engine/sql/analysis/context.h"
#include "engine/sql/model/database.h"
#include "engine/sql/tree.h"

namespace lockstep::sql {

// What one command is applied to. The tables are locked by AnalyzeAlterTable as the whole statement
// needs it; a command adds the work that it does under that lock.
struct AlterTarget {
  model::Relation& relation;
  // Partitions and children that the command reaches.
  std::vector<model::Relation*> below;

  // Both.
  std::vector<model::Relation*> All() const;
};

// All rows are read where they are, under the lock that is held anyway.
void ScanRows(const AlterTarget& target, StatementContext& context);
void ScanRows(const model::Relation& relation, StatementContext& context);
// The heap is written anew, and all indexes with it.
void RewriteRows(const AlterTarget& target, StatementContext& context);
void RewriteRows(const model::Relation& relation, StatementContext& context);

// `DROP COLUMN IF EXISTS c` and its kin: true when the catalog says that `found` is all there is,
// and it is nothing. Marks the command as one that does nothing.
bool SkipsMissing(const model::Relation& relation, bool found, Node command,
                  StatementContext& context);

// table_option.cc: ALTER INDEX, and ALTER TABLE of an index.
void AnalyzeAlterIndex(const model::Name& written, Node statement, StatementContext& context);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_ALTER_TABLE_H_
