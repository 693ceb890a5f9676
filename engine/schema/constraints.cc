// Indexes and constraints.
#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "engine/base/status_macros.h"
#include "engine/schema/reader.h"
#include "engine/sql/analysis/expression.h"

namespace lockstep::schema {
namespace {

using sql::model::Constraint;
using sql::model::ConstraintKind;
using sql::model::Index;
using sql::model::Relation;

ConstraintKind KindOf(char contype) {
  switch (contype) {
    case 'f':
      return ConstraintKind::kForeignKey;
    case 'p':
      return ConstraintKind::kPrimaryKey;
    case 'u':
      return ConstraintKind::kUnique;
    case 'x':
      return ConstraintKind::kExclusion;
    case 'n':
      return ConstraintKind::kNotNull;
    default:
      return ConstraintKind::kCheck;
  }
}

// "(a > 0)" of "CHECK ((a > 0)) NO INHERIT NOT VALID".
std::string CheckExpression(absl::string_view definition) {
  for (bool cut = true; cut;) {
    cut = false;
    for (const absl::string_view tail : {" NOT VALID", " NOT ENFORCED", " NO INHERIT"}) {
      cut |= absl::ConsumeSuffix(&definition, tail);
    }
  }
  if (!absl::ConsumePrefix(&definition, "CHECK (") || !absl::ConsumeSuffix(&definition, ")")) {
    return "";
  }
  return std::string(definition);
}

// Columns that expressions and predicates of indexes read.
absl::Status ReadIndexExpressions(Reader& reader) {
  ASSIGN_OR_RETURN(const postgres::Result result,
                   reader.Query("SELECT i.indexrelid, d.refobjsubid"
                                " FROM pg_catalog.pg_index i"
                                " JOIN pg_catalog.pg_class c ON c.oid = i.indrelid"
                                " JOIN pg_catalog.pg_depend d"
                                "   ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass"
                                "   AND d.objid = i.indexrelid"
                                "   AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass"
                                "   AND d.refobjid = i.indrelid AND d.refobjsubid > 0"
                                " WHERE c.relnamespace = ANY ($1::pg_catalog.oid[])"
                                "   AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)"));
  for (const postgres::Row& row : result.rows) {
    const auto found = reader.indexes.find(row.Long(0));
    if (found == reader.indexes.end()) continue;
    const auto& [table, name] = found->second;
    Index* const index = reader.Find(table)->FindIndex(name);
    for (std::string& column : reader.AttributesOf(table, row.Text(1))) {
      index->reads.insert(std::move(column));
    }
  }
  return absl::OkStatus();
}

Constraint ConstraintOf(Reader& reader, const postgres::Row& row) {
  Constraint constraint;
  constraint.name = row.Text(1);
  constraint.kind = KindOf(row.Text(2).empty() ? 'c' : row.Text(2)[0]);
  constraint.columns = reader.AttributesOf(row.Long(0), row.Text(3));
  constraint.valid = row.Bool(4);
  constraint.enforced = row.Bool(5);
  if (const auto index = reader.indexes.find(row.Long(6));
      index != reader.indexes.end() && constraint.kind != ConstraintKind::kForeignKey) {
    constraint.index = index->second.second;
  }
  if (const Relation* other = reader.Find(row.Long(7))) {
    constraint.references = other->name;
    constraint.referenced_columns = reader.AttributesOf(row.Long(7), row.Text(8));
  }
  if (constraint.kind == ConstraintKind::kCheck) {
    constraint.expression = CheckExpression(row.Text(9));
    const sql::ParsedExpression parsed = sql::ParseExpression(constraint.expression);
    constraint.proves_not_null = sql::ProvesNotNull(parsed.node);
  }
  return constraint;
}

// A constraint beside its table: an index knows which one it belongs to; NOT NULL that is not valid
// (18) is no promise about the rows.
void Connect(const Constraint& constraint, Relation* relation) {
  if (!constraint.index.empty()) {
    Index* const index = relation->FindIndex(constraint.index);
    if (index != nullptr) index->constraint = constraint.name;
  }
  if (constraint.kind == ConstraintKind::kNotNull && !constraint.valid) {
    for (const std::string& name : constraint.columns) {
      if (sql::model::Column* column = relation->FindColumn(name)) column->not_null = false;
    }
  }
}

}  // namespace

absl::Status ReadIndexes(Reader& reader) {
  ASSIGN_OR_RETURN(
      const postgres::Result result,
      reader.Query("SELECT i.indrelid, i.indexrelid, x.relname, i.indkey::pg_catalog.text,"
                   "   i.indnkeyatts, i.indisunique, i.indisprimary, i.indisvalid,"
                   "   i.indpred IS NOT NULL, i.indexprs IS NOT NULL, NOT i.indimmediate, a.amname"
                   " FROM pg_catalog.pg_index i"
                   " JOIN pg_catalog.pg_class c ON c.oid = i.indrelid"
                   " JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid"
                   " JOIN pg_catalog.pg_am a ON a.oid = x.relam"
                   " WHERE c.relnamespace = ANY ($1::pg_catalog.oid[])"
                   "   AND c.relkind IN ('r', 'p', 'm', 'f')"
                   " ORDER BY i.indrelid, i.indexrelid"));
  bool expressions = false;
  for (const postgres::Row& row : result.rows) {
    Relation* const relation = reader.Find(row.Long(0));
    if (relation == nullptr) continue;
    Index index{.name = row.Text(2), .columns = reader.AttributesOf(row.Long(0), row.Text(3))};
    index.reads = {index.columns.begin(), index.columns.end()};
    index.reads.erase("");
    index.columns.resize(static_cast<size_t>(row.Int(4)));
    index.unique = row.Bool(5);
    index.primary = row.Bool(6);
    index.valid = row.Bool(7);
    index.partial = row.Bool(8);
    index.has_expressions = row.Bool(9);
    index.deferrable = row.Bool(10);
    index.method = row.Text(11);
    expressions |= index.partial || index.has_expressions;
    reader.indexes[row.Long(1)] = {row.Long(0), index.name};
    relation->indexes.push_back(std::move(index));
  }
  return expressions ? ReadIndexExpressions(reader) : absl::OkStatus();
}

absl::Status ReadConstraints(Reader& reader) {
  ASSIGN_OR_RETURN(
      const postgres::Result result,
      reader.Query(absl::StrCat(
          "SELECT k.conrelid, k.conname, k.contype, pg_catalog.array_to_string(k.conkey, ' '),"
          "   k.convalidated, ",
          reader.db.server_version >= 180000 ? "k.conenforced" : "true",
          ",  k.conindid, k.confrelid, pg_catalog.array_to_string(k.confkey, ' '),"
          "   CASE WHEN k.contype = 'c' THEN pg_catalog.pg_get_constraintdef(k.oid) END"
          " FROM pg_catalog.pg_constraint k"
          " WHERE k.connamespace = ANY ($1::pg_catalog.oid[]) AND k.conrelid <> 0"
          "   AND k.contype IN ('c', 'f', 'p', 'u', 'x', 'n')"
          " ORDER BY k.conrelid, k.oid")));
  for (const postgres::Row& row : result.rows) {
    Relation* const relation = reader.Find(row.Long(0));
    if (relation == nullptr) continue;
    Constraint constraint = ConstraintOf(reader, row);
    Connect(constraint, relation);
    relation->constraints.push_back(std::move(constraint));
  }
  return absl::OkStatus();
}

}  // namespace lockstep::schema
