// Partitions as CREATE TABLE and ALTER TABLE share them. Internal to engine/sql/analysis.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_PARTITION_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_PARTITION_H_

#include "engine/sql/analysis/context.h"
#include "engine/sql/model/database.h"
#include "engine/sql/tree.h"

namespace lockstep::sql {

// Whether the CHECKs and NOT NULLs of `partition` prove that all of its rows lie within `bound`
// (the body of a PartitionBoundSpec) of `parent`. Decides comparisons of one key column with
// constants; everything else is no.
bool ProvesBound(const model::Relation& parent, Node bound, const model::Relation& partition);

// Whether a CHECK of the default partition `rest` proves that none of its rows lies within `bound`.
bool ExcludesBound(const model::Relation& parent, Node bound, const model::Relation& rest);

// What a new partition, created or attached, does to the indexes of `parent` and to the tables that
// refer to it: their foreign keys get to refer to the partition as well.
void ClaimNewPartition(const model::Relation& parent, StatementContext& context);

// What a new partition with `bound` does to the default partition of `parent`: its lock, and the
// scan that a CHECK can avoid.
void ClaimDefaultPartition(const model::Relation& parent, Node bound, Node at,
                           StatementContext& context);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_PARTITION_H_
