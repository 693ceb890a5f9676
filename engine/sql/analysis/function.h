// Aggregates, which the grammar defines beside operators and collations. Internal to
// engine/sql/analysis.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_FUNCTION_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_FUNCTION_H_

#include "engine/sql/analysis/context.h"
#include "engine/sql/tree.h"

namespace lockstep::sql {

// CREATE [OR REPLACE] AGGREGATE: the body of a DefineStmt.
void AnalyzeCreateAggregate(Node statement, StatementContext& context);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_FUNCTION_H_
