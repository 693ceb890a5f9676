// What an expression reads and proves.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_EXPRESSION_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_EXPRESSION_H_

#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "engine/sql/tree.h"

namespace lockstep::sql {

// An expression given as text (as pg_get_expr prints it). `node` lives as long as `tree`; absent
// when the text cannot be parsed.
struct ParsedExpression {
  Tree tree;
  Node node;
};
ParsedExpression ParseExpression(absl::string_view text);

// NULL, also under casts.
bool IsNull(Node expression);

// The last part of every column reference in there: "email" of u.email. "*" is left out.
std::set<std::string> ColumnsIn(Node expression);

// The columns that cannot be NULL where the expression is true, as SET NOT NULL recognises it: an
// IS NOT NULL test of the bare column, alone or in an AND. Source: NotNullImpliedByRelConstraints
// in PostgreSQL's tablecmds.c.
std::vector<std::string> ProvesNotNull(Node expression);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_EXPRESSION_H_
