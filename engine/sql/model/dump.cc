#include "engine/sql/model/dump.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace lockstep::sql::model {
namespace {

using Lines = std::vector<std::string>;

constexpr std::array<absl::string_view, 7> kRelationKinds = {
    "table",    "partitioned table", "view",          "materialized view",
    "sequence", "foreign table",     "composite type"};
constexpr std::array<absl::string_view, 5> kTypeKinds = {"base", "domain", "enum", "composite",
                                                         "range"};
constexpr std::array<absl::string_view, 6> kConstraintKinds = {
    "check", "foreign key", "primary key", "unique", "exclusion", "not null"};
constexpr std::array<absl::string_view, 3> kVolatilities = {"immutable", "stable", "volatile"};

template <size_t n, typename Kind>
absl::string_view Of(const std::array<absl::string_view, n>& names, Kind kind) {
  return names[static_cast<size_t>(kind)];
}

std::string Full(const Name& name) { return absl::StrCat(name.schema, ".", name.name); }

std::string Full(const Type& type) {
  return absl::StrCat(
      type.schema, ".", type.name,
      type.modifiers.empty() ? "" : absl::StrCat("(", absl::StrJoin(type.modifiers, ","), ")"),
      type.array ? "[]" : "",
      type.collation.empty() ? "" : absl::StrCat(" collate ", type.collation));
}

// " word" where it holds.
std::string If(bool holds, absl::string_view word) {
  return holds ? absl::StrCat(" ", word) : std::string();
}

// " word(a,b)" where there is something to name; the order does not count.
template <typename Items>
std::string Named(absl::string_view word, const Items& items) {
  std::vector<std::string> sorted(items.begin(), items.end());
  std::sort(sorted.begin(), sorted.end());
  return If(!sorted.empty(), absl::StrCat(word, "(", absl::StrJoin(sorted, ","), ")"));
}

Lines Names(const std::vector<Name>& names) {
  Lines text;
  for (const Name& name : names) text.push_back(Full(name));
  return text;
}

std::string ColumnLine(const Column& column) {
  return absl::StrCat(" column ", column.name, " ", Full(column.type),
                      If(column.not_null, "not null"), If(column.has_default, "default"),
                      If(column.generated == Generated::kStored, "stored"),
                      If(column.generated == Generated::kVirtual, "virtual"),
                      If(column.identity == Identity::kAlways, "identity always"),
                      If(column.identity == Identity::kByDefault, "identity by default"),
                      Named("reads", column.reads));
}

std::string ConstraintLine(const Constraint& constraint) {
  const bool key = constraint.kind != ConstraintKind::kCheck;
  return absl::StrCat(" constraint ", constraint.name, " ", Of(kConstraintKinds, constraint.kind),
                      key ? absl::StrCat(" (", absl::StrJoin(constraint.columns, ","), ")")
                          : Named("reads", constraint.columns),
                      If(!constraint.valid, "not valid"), If(!constraint.enforced, "not enforced"),
                      Named("proves", constraint.proves_not_null),
                      If(!constraint.references.name.empty(),
                         absl::StrCat("references ", Full(constraint.references), "(",
                                      absl::StrJoin(constraint.referenced_columns, ","), ")")),
                      If(!constraint.index.empty(), absl::StrCat("index ", constraint.index)));
}

std::string IndexLine(const Index& index) {
  return absl::StrCat(" index ", index.name, " ", index.method, " (",
                      absl::StrJoin(index.columns, ","), ")", Named("reads", index.reads),
                      If(index.unique, "unique"), If(index.primary, "primary"),
                      If(!index.valid, "invalid"), If(index.partial, "partial"),
                      If(index.has_expressions, "expressions"), If(index.deferrable, "deferrable"),
                      If(!index.constraint.empty(), absl::StrCat("of ", index.constraint)));
}

// What hangs on a relation, sorted; its columns have an order of their own.
Lines Parts(const Relation& relation) {
  Lines lines;
  for (const Constraint& constraint : relation.constraints) {
    lines.push_back(ConstraintLine(constraint));
  }
  for (const Index& index : relation.indexes) lines.push_back(IndexLine(index));
  for (const Trigger& trigger : relation.triggers) {
    lines.push_back(absl::StrCat(
        " trigger ", trigger.name, Named("columns", trigger.columns),
        If(!trigger.function.name.empty(), absl::StrCat("runs ", Full(trigger.function))),
        If(!trigger.enabled, "disabled")));
  }
  for (const Policy& policy : relation.policies) {
    lines.push_back(absl::StrCat(" policy ", policy.name, Named("columns", policy.columns),
                                 If(!policy.permissive, "restrictive")));
  }
  for (const std::string& rule : relation.rules) lines.push_back(absl::StrCat(" rule ", rule));
  for (const auto& [source, columns] : relation.view_reads) {
    lines.push_back(absl::StrCat(" source ", Full(source), Named("columns", columns)));
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::string RelationText(const Relation& relation) {
  std::string head = absl::StrCat(
      Of(kRelationKinds, relation.kind), " ", Full(relation.name), If(!relation.complete, "stub"),
      If(relation.temporary, "temporary"), If(relation.unlogged, "unlogged"),
      If(relation.row_security, "row security"), If(relation.force_row_security, "forced"),
      If(relation.is_partition, "partition"), Named("parents", Names(relation.parents)),
      Named("children", Names(relation.children)));
  if (!relation.partition_key.empty()) {
    absl::StrAppend(&head, " key(", absl::StrJoin(relation.partition_key, ","), ")");
  }
  if (relation.default_partition.has_value()) {
    absl::StrAppend(&head, " default partition ", Full(*relation.default_partition));
  }
  if (!relation.of_type.name.empty()) absl::StrAppend(&head, " of ", Full(relation.of_type));
  if (relation.owned_by.has_value()) {
    absl::StrAppend(&head, " owned by ", Full(relation.owned_by->first), ".",
                    relation.owned_by->second);
  }
  absl::StrAppend(&head, If(!relation.access_method.empty(), relation.access_method),
                  If(!relation.tablespace.empty(), relation.tablespace), "\n");
  for (const Column& column : relation.columns) absl::StrAppend(&head, ColumnLine(column), "\n");
  for (const std::string& line : Parts(relation)) absl::StrAppend(&head, line, "\n");
  return head;
}

std::string TypeText(const TypeDefinition& type) {
  std::string text = absl::StrCat(
      "type ", Full(type.name), " ", Of(kTypeKinds, type.kind),
      type.labels.empty() ? "" : absl::StrCat(" (", absl::StrJoin(type.labels, ","), ")"),
      type.base.known() ? absl::StrCat(" over ", Full(type.base)) : "",
      If(type.not_null, "not null"), "\n");
  for (const TypeDefinition::DomainConstraint& constraint : type.constraints) {
    absl::StrAppend(&text, " constraint ", constraint.name, If(!constraint.valid, "not valid"),
                    "\n");
  }
  return text;
}

std::string FunctionText(const Function& function) {
  Lines arguments;
  for (size_t i = 0; i < function.arguments.size(); ++i) {
    const std::string name = i < function.argument_names.size() ? function.argument_names[i] : "";
    arguments.push_back(absl::StrCat(name, name.empty() ? "" : " ", Full(function.arguments[i])));
  }
  return absl::StrCat("function ", Full(function.name), "(", absl::StrJoin(arguments, ", "), ") ",
                      std::string(1, function.kind), If(function.returns_set, "set of"),
                      If(function.result.known(), Full(function.result)), " ",
                      Of(kVolatilities, function.volatility), " ", function.language, " defaults ",
                      function.defaults, " body ", function.body.size(), " bytes\n");
}

}  // namespace

std::string DumpText(const Database& database) {
  Lines objects;
  for (const auto& [name, relation] : database.relations) objects.push_back(RelationText(relation));
  for (const auto& [name, type] : database.types) objects.push_back(TypeText(type));
  for (const auto& [name, overloads] : database.functions) {
    for (const Function& function : overloads) objects.push_back(FunctionText(function));
  }
  for (const auto& [name, publication] : database.publications) {
    const std::vector<Name> tables(publication.tables.begin(), publication.tables.end());
    objects.push_back(absl::StrCat("publication ", name, If(publication.all_tables, "of all"),
                                   Named("tables", Names(tables)), "\n"));
  }
  std::sort(objects.begin(), objects.end());
  return absl::StrCat("schemas", Named("", database.schemas), "\nextensions",
                      Named("", database.extensions), "\n", absl::StrJoin(objects, ""));
}

}  // namespace lockstep::sql::model
