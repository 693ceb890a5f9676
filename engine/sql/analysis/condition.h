// What a WHERE clause leaves out.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_CONDITION_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_CONDITION_H_

#include "absl/strings/string_view.h"

#include "engine/sql/model/database.h"
#include "engine/sql/tree.h"

namespace lockstep::sql {

// Whether `condition` can be seen to hold for every row of `target`, which the statement may call
// `alias`: it is absent, folds to true (1 = 1, NOT false, x OR true), or tests that a column is not
// null which never is. Deep nesting counts as a real condition.
bool HoldsForEveryRow(Node condition, const model::Relation& target, absl::string_view alias);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_CONDITION_H_
