// What a query reads and calls. Internal to engine/sql/analysis.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_QUERY_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_QUERY_H_

#include "engine/sql/analysis/context.h"
#include "engine/sql/tree.h"

namespace lockstep::sql {

// Locks what `statement` reads (the body of a SELECT or of a data statement), judges the functions
// that it calls, and analyses the data statements in its WITH clauses.
void AnalyzeQuery(Node statement, StatementContext& context);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_QUERY_H_
