#include "engine/sql/analysis/partition.h"

namespace lockstep::sql {

bool ProvesBound(const model::Relation& /*parent*/, Node /*bound*/,
                 const model::Relation& /*partition*/) {
  return false;
}

bool ExcludesBound(const model::Relation& /*parent*/, Node /*bound*/,
                   const model::Relation& /*rest*/) {
  return false;
}

}  // namespace lockstep::sql
