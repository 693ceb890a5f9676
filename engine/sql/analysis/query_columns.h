// The columns that a query gives, as PostgreSQL names them. Internal to engine/sql/analysis.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_QUERY_COLUMNS_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_QUERY_COLUMNS_H_

#include <optional>
#include <vector>

#include "engine/sql/model/database.h"
#include "engine/sql/tree.h"

namespace lockstep::sql {

// The output columns of `select`, the body of a SelectStmt. Types are those of plain columns and
// casts; others are left unknown. Absent when a star stands for what is not known.
std::optional<std::vector<model::Column>> ColumnsOfQuery(Node select,
                                                         const model::Database& database);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_QUERY_COLUMNS_H_
