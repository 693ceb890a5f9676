#include "engine/sql/analysis/definition.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/expression.h"
#include "engine/sql/tokens.h"

namespace lockstep::sql {
namespace {

using model::Column;
using model::Constraint;
using model::ConstraintKind;
using model::Index;
using model::Relation;

// From here on NOT NULL is a constraint with a name.
constexpr int kNamedNotNullVersion = 180000;

std::vector<std::string> Texts(Node list) {
  std::vector<std::string> texts;
  for (const Node item : list.Items()) texts.emplace_back(item.text());
  return texts;
}

// "a > 0" of `CONSTRAINT c CHECK (a > 0)`, which starts at `start`; "" when it is not there.
std::string CheckText(absl::string_view statement, size_t start) {
  if (start >= statement.size()) return "";
  const absl::string_view text = statement.substr(start);
  const bool named = absl::StartsWithIgnoreCase(text, "constraint");
  if (!named && !absl::StartsWithIgnoreCase(text, "check")) return "";
  size_t open = 0;  // Past the opening parenthesis.
  int depth = 0;
  for (const Token& token : Tokenize(text)) {
    const absl::string_view part = TextOf(text, token);
    if (part == "(" && depth++ == 0) open = token.offset + token.size;
    if (part == ")" && --depth == 0) return std::string(text.substr(open, token.offset - open));
  }
  return "";
}

// A sequence that feeds a serial or identity column.
void DefineSequence(const Relation& table, const Column& column, StatementContext& context) {
  Relation sequence;
  sequence.kind = model::RelationKind::kSequence;
  sequence.is_new = true;
  sequence.temporary = table.temporary;
  sequence.owned_by = {table.name, column.name};
  sequence.name.schema = table.name.schema;
  sequence.name.name = ChooseName(table, {column.name}, "seq");
  const std::string first = sequence.name.name;
  for (int number = 1; context.db.relations.contains(sequence.name); ++number) {
    sequence.name.name = absl::StrCat(first, number);
  }
  context.db.Add(std::move(sequence));
}

const Constraint* PrimaryKeyOf(const Relation& relation) {
  for (const Constraint& constraint : relation.constraints) {
    if (constraint.kind == ConstraintKind::kPrimaryKey) return &constraint;
  }
  return nullptr;
}

Constraint CheckOf(const Relation& relation, Node node, const StatementContext& context) {
  Constraint check{.kind = ConstraintKind::kCheck};
  const std::set<std::string> columns = ColumnsIn(node["raw_expr"]);
  check.columns.assign(columns.begin(), columns.end());
  check.proves_not_null = ProvesNotNull(node["raw_expr"]);
  check.expression = CheckText(context.text, context.OffsetOf(node));
  check.name = ChooseName(
      relation, check.columns.size() == 1 ? check.columns : std::vector<std::string>(), "check");
  return check;
}

Constraint ForeignKeyOf(const Relation& relation, Node node, absl::string_view column,
                        StatementContext& context) {
  Constraint key{.kind = ConstraintKind::kForeignKey};
  key.columns = Texts(node["fk_attrs"]);
  if (key.columns.empty() && !column.empty()) key.columns.emplace_back(column);
  const model::Name written = model::NameOf(node["pktable"]);
  const Relation* partner = context.Find(written);
  key.references = partner != nullptr ? partner->name : context.db.NameForNew(written);
  if (key.references == relation.name) partner = &relation;  // Not in the catalog yet.
  key.referenced_columns = Texts(node["pk_attrs"]);
  if (key.referenced_columns.empty() && partner != nullptr) {
    if (const Constraint* primary = PrimaryKeyOf(*partner)) {
      key.referenced_columns = primary->columns;
    }
  }
  key.name = ChooseName(relation, key.columns, "fkey");
  return key;
}

// A constraint that takes over an index: the index gets its name.
Constraint AdoptIndex(Relation& relation, Node node, Constraint constraint) {
  const std::string name(node["indexname"].text());
  constraint.name = node["conname"] ? std::string(node["conname"].text()) : name;
  constraint.index = constraint.name;
  Index* index = relation.FindIndex(name);
  if (index == nullptr) {
    relation.indexes.push_back({.name = name, .unique = true, .method = "btree"});
    index = &relation.indexes.back();
  }
  index->name = constraint.name;
  index->constraint = constraint.name;
  index->primary = constraint.kind == ConstraintKind::kPrimaryKey;
  index->deferrable = node["deferrable"].flag();
  constraint.columns = index->columns;
  return constraint;
}

// PRIMARY KEY, UNIQUE and EXCLUDE, with their index.
Constraint IndexedOf(Relation& relation, Node node, absl::string_view column, ConstraintKind kind) {
  Constraint constraint{.kind = kind};
  if (node["indexname"]) return AdoptIndex(relation, node, std::move(constraint));
  constraint.columns = KeyColumns(node, column);
  Index index{.columns = constraint.columns};
  index.unique = kind != ConstraintKind::kExclusion;
  index.primary = kind == ConstraintKind::kPrimaryKey;
  index.deferrable = node["deferrable"].flag();
  index.partial = node["where_clause"].present();
  index.method = node["access_method"] ? std::string(node["access_method"].text()) : "btree";
  index.reads = ColumnsIn(node["where_clause"]);
  for (const std::string& part : Texts(node["including"])) index.reads.insert(part);
  std::vector<std::string> named;
  for (const std::string& key : constraint.columns) {
    index.has_expressions |= key.empty();
    if (!key.empty()) index.reads.insert(key);
    named.push_back(key.empty() ? "expr" : key);
  }
  for (const Node item : node["exclusions"].Items()) index.reads.merge(ColumnsIn(item));
  if (kind == ConstraintKind::kPrimaryKey) {
    constraint.name = ChooseName(relation, {}, "pkey");
  } else {
    constraint.name = ChooseName(relation, named, index.unique ? "key" : "excl");
  }
  if (node["conname"]) constraint.name = std::string(node["conname"].text());
  constraint.index = constraint.name;
  index.name = constraint.name;
  index.constraint = constraint.name;
  relation.indexes.push_back(std::move(index));
  return constraint;
}

// What changes the column instead of adding a constraint; false when `node` is nothing like that.
bool ChangesColumn(Relation& relation, Node node, absl::string_view column_name,
                   StatementContext& context) {
  const absl::string_view type = node["contype"].text();
  Column* column = relation.FindColumn(column_name);
  if (column == nullptr) return absl::StartsWith(type, "CONSTR_ATTR");
  if (type == "CONSTR_NOTNULL") {
    DefineNotNull(relation, *column, node["conname"].text(), context);
  } else if (type == "CONSTR_DEFAULT") {
    column->has_default = !IsNull(node["raw_expr"]);
  } else if (type == "CONSTR_IDENTITY") {
    DefineNotNull(relation, *column, "", context);
    column->has_default = true;
    column->identity = node["generated_when"].text() == "a" ? model::Identity::kAlways
                                                            : model::Identity::kByDefault;
    DefineSequence(relation, *column, context);
  } else if (type == "CONSTR_GENERATED") {
    column->has_default = true;
    column->generated = node["generated_kind"].text() == "v" ? model::Generated::kVirtual
                                                             : model::Generated::kStored;
    const std::set<std::string> reads = ColumnsIn(node["raw_expr"]);
    column->reads.assign(reads.begin(), reads.end());
  } else if (type == "CONSTR_ATTR_DEFERRABLE") {
    // Belongs to the constraint before it.
    if (!relation.constraints.empty()) {
      if (Index* index = relation.FindIndex(relation.constraints.back().index)) {
        index->deferrable = true;
      }
    }
  } else {
    return type == "CONSTR_NULL" || absl::StartsWith(type, "CONSTR_ATTR");
  }
  return true;
}

}  // namespace

const Constraint* DefineNotNull(Relation& relation, Column& column, absl::string_view name,
                                StatementContext& context) {
  if (column.not_null) return nullptr;
  column.not_null = true;
  if (context.db.server_version < kNamedNotNullVersion) return nullptr;
  for (Constraint& constraint : relation.constraints) {
    if (constraint.kind != ConstraintKind::kNotNull || constraint.columns[0] != column.name)
      continue;
    constraint.valid = true;  // It was there and not known to hold.
    return &constraint;
  }
  Constraint constraint{.kind = ConstraintKind::kNotNull, .columns = {column.name}};
  constraint.name =
      name.empty() ? ChooseName(relation, constraint.columns, "not_null") : std::string(name);
  relation.constraints.push_back(std::move(constraint));
  return &relation.constraints.back();
}

std::vector<std::string> KeyColumns(Node constraint, absl::string_view column) {
  std::vector<std::string> columns = Texts(constraint["keys"]);
  for (const Node item : constraint["exclusions"].Items()) {
    columns.emplace_back(item.At(0).As("IndexElem")["name"].text());
  }
  if (columns.empty() && !column.empty()) columns.emplace_back(column);
  return columns;
}

model::Type ColumnType(Node type_name, Node collate, const model::Database& db) {
  model::Type type = model::TypeOf(type_name);
  if (type.schema != "pg_catalog") {
    const model::TypeDefinition* definition = db.FindType({type.schema, type.name});
    if (definition != nullptr) type.schema = definition->name.schema;
  }
  const std::vector<Node> names = collate["collname"].Items();
  if (!names.empty() && names.back().text() != "default") {
    type.collation = std::string(names.back().text());
  }
  return type;
}

Column& DefineColumn(Relation& relation, Node column_def, StatementContext& context) {
  Column column{.name = std::string(column_def["colname"].text())};
  column.type = ColumnType(column_def["typeName"], column_def["collClause"], context.db);
  const bool big = column.type.Is("bigserial");
  const bool small = column.type.Is("smallserial");
  const bool serial = big || small || column.type.Is("serial");
  if (serial) column.type.name = big ? "int8" : small ? "int2" : "int4";
  column.has_default = serial;
  const size_t at = relation.columns.size();
  relation.columns.push_back(std::move(column));
  if (serial) {
    DefineNotNull(relation, relation.columns[at], "", context);
    DefineSequence(relation, relation.columns[at], context);
  }
  const std::string name = relation.columns[at].name;
  for (const Node item : column_def["constraints"].Items()) {
    DefineConstraint(relation, item.As("Constraint"), name, context);
  }
  return relation.columns[at];
}

Constraint* DefineConstraint(Relation& relation, Node node, absl::string_view column,
                             StatementContext& context) {
  if (ChangesColumn(relation, node, column, context)) return nullptr;
  const absl::string_view type = node["contype"].text();
  Constraint constraint;
  if (type == "CONSTR_CHECK") {
    constraint = CheckOf(relation, node, context);
  } else if (type == "CONSTR_FOREIGN") {
    constraint = ForeignKeyOf(relation, node, column, context);
  } else if (type == "CONSTR_PRIMARY") {
    constraint = IndexedOf(relation, node, column, ConstraintKind::kPrimaryKey);
  } else if (type == "CONSTR_UNIQUE") {
    constraint = IndexedOf(relation, node, column, ConstraintKind::kUnique);
  } else if (type == "CONSTR_EXCLUSION") {
    constraint = IndexedOf(relation, node, column, ConstraintKind::kExclusion);
  } else {
    return nullptr;
  }
  if (node["conname"]) constraint.name = std::string(node["conname"].text());
  // A table that is being created has no rows that could violate it.
  constraint.valid = !node["skip_validation"].flag() || context.facts.node == "CreateStmt";
  if (constraint.kind == ConstraintKind::kPrimaryKey) {
    for (const std::string& key : constraint.columns) {
      Column* found = relation.FindColumn(key);
      if (found != nullptr) DefineNotNull(relation, *found, "", context);
    }
  }
  relation.constraints.push_back(std::move(constraint));
  context.db.Note(relation);
  return &relation.constraints.back();
}

Index& DefineIndex(Relation& relation, Node index_stmt, StatementContext& context) {
  Index index{.unique = index_stmt["unique"].flag(),
              .partial = index_stmt["whereClause"].present(),
              .method = std::string(index_stmt["accessMethod"].text())};
  std::vector<std::string> named;
  for (const Node item : index_stmt["indexParams"].Items()) {
    const Node element = item.As("IndexElem");
    index.columns.emplace_back(element["name"].text());
    if (element["expr"]) {
      index.has_expressions = true;
      index.reads.merge(ColumnsIn(element["expr"]));
      named.push_back(IndexColumnName(element["expr"]));
    } else {
      index.reads.emplace(element["name"].text());
      named.emplace_back(element["name"].text());
    }
  }
  for (const Node item : index_stmt["indexIncludingParams"].Items()) {
    index.reads.emplace(item.As("IndexElem")["name"].text());
    named.emplace_back(item.As("IndexElem")["name"].text());  // As PostgreSQL makes names.
  }
  index.reads.merge(ColumnsIn(index_stmt["whereClause"]));
  index.name = index_stmt["idxname"] ? std::string(index_stmt["idxname"].text())
                                     : ChooseName(relation, named, "idx");
  relation.indexes.push_back(std::move(index));
  context.db.Note(relation);
  return relation.indexes.back();
}

}  // namespace lockstep::sql
