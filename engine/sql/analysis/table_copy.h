// What a new table takes over from another one. They change the model only. Internal to
// engine/sql/analysis.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_TABLE_COPY_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_TABLE_COPY_H_

#include <cstdint>

#include "engine/sql/model/database.h"

namespace lockstep::sql {

// INHERITS: columns and CHECKs, and the link between the two.
void CopyInherited(model::Relation& parent, model::Relation& child);

// PARTITION OF: columns, constraints and indexes, and the link between the two.
void CopyToPartition(model::Relation& parent, model::Relation& partition);

// The indexes of a partitioned table that a partition lacks, under names of its own, with their
// constraints. Returns how many there were.
int CopyMissingIndexes(const model::Relation& parent, model::Relation& partition);

// LIKE: `options` are the bits of a TableLikeClause.
void CopyLike(const model::Relation& source, int64_t options, model::Relation& relation);

// OF: the columns of a composite type.
void CopyColumns(const model::Relation& source, model::Relation& relation);

// Whether `a` can serve where `b` is asked for: same method, keys and uniqueness, as far as the
// model knows them.
bool SameIndex(const model::Index& a, const model::Index& b);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_TABLE_COPY_H_
