// Columns, constraints and indexes from the nodes that define them, as CREATE TABLE and ALTER TABLE
// share them. They change the model only: what it costs and whom it hurts is the families' to say.
#ifndef LOCKSTEP_ENGINE_SQL_ANALYSIS_DEFINITION_H_
#define LOCKSTEP_ENGINE_SQL_ANALYSIS_DEFINITION_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "engine/sql/analysis/context.h"
#include "engine/sql/model/database.h"
#include "engine/sql/tree.h"

namespace lockstep::sql {

// Adds a column (the body of a ColumnDef) with its inline constraints, their indexes and its
// sequence, under the names that PostgreSQL chooses where none is given. A serial column gets the
// integer type that it stands for.
model::Column& DefineColumn(model::Relation& relation, Node column_def, StatementContext& context);

// Adds a constraint (the body of a Constraint): a table constraint, or with `column` an inline one.
// NOT NULL, DEFAULT, IDENTITY and GENERATED change the column. Returns nullptr for those and for
// what adds no constraint (CONSTR_ATTR_*). The result is valid until the next constraint is added.
model::Constraint* DefineConstraint(model::Relation& relation, Node constraint,
                                    absl::string_view column, StatementContext& context);

// Makes a column NOT NULL; since 18 by a constraint of that name ("": the one that PostgreSQL
// chooses), or by one that was there and was not valid, which is returned: until the next is added.
// Null before 18, and when it was NOT NULL.
const model::Constraint* DefineNotNull(model::Relation& relation, model::Column& column,
                                       absl::string_view name, StatementContext& context);

// Adds an index (the body of an IndexStmt) under its name or the one that PostgreSQL chooses.
model::Index& DefineIndex(model::Relation& relation, Node index_stmt, StatementContext& context);

// The type that a column of `type_name` (the body of a TypeName) gets: TypeOf, with the schema of a
// user's type when the catalog has it, and with the collation of `collate` (a CollateClause body,
// or absent).
model::Type ColumnType(Node type_name, Node collate, const model::Database& db);

// "users_email_key": table, columns and suffix as PostgreSQL's ChooseIndexName and
// ChooseConstraintName make a name (63 bytes, a number appended while it is taken in `relation`).
std::string ChooseName(const model::Relation& relation, const std::vector<std::string>& columns,
                       absl::string_view suffix);

// The name that PostgreSQL gives an expression in the name of an index: "lower" of lower(email);
// "expr" when it has none.
std::string IndexColumnName(Node expression);

// The columns that CONSTR_UNIQUE, CONSTR_PRIMARY or CONSTR_EXCLUSION names; "" for an expression.
std::vector<std::string> KeyColumns(Node constraint, absl::string_view column);

// Info rules about the types of a new column (prefer-bigint-key, prefer-timestamptz, prefer-text,
// prefer-identity, avoid-type). `key` for a column of the primary key.
void ReportStyle(Node column_def, bool key, StatementContext& context);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_ANALYSIS_DEFINITION_H_
