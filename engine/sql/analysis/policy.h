// Policies of row security, where another family meets them. Internal to engine/sql/analysis.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_POLICY_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_POLICY_H_

#include <string>

#include "engine/sql/analysis/context.h"
#include "engine/sql/model/database.h"

namespace lockstep::sql {

// What dropping policy `name` of `table` means to those who read it; takes it out of the catalog.
void DropPolicy(model::Relation& table, const std::string& name, StatementContext& context);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_POLICY_H_
