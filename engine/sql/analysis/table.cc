// CREATE TABLE and CREATE FOREIGN TABLE.

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/call.h"
#include "engine/sql/analysis/definition.h"
#include "engine/sql/analysis/families.h"
#include "engine/sql/analysis/new_table.h"
#include "engine/sql/analysis/partition.h"
#include "engine/sql/analysis/table_copy.h"

namespace lockstep::sql {
namespace {

using model::Column;
using model::Constraint;
using model::ConstraintKind;
using model::Name;
using model::Relation;
using model::RelationKind;

// ---- IF NOT EXISTS.

// The type that a column gets: serial is an integer.
model::Type StoredType(Node type_name) {
  model::Type type = model::TypeOf(type_name);
  if (type.name == "serial") type.name = "int4";
  if (type.name == "bigserial") type.name = "int8";
  if (type.name == "smallserial") type.name = "int2";
  return type;
}

bool SameType(const model::Type& a, const model::Type& b) {
  if (!a.known() || !b.known()) return true;
  return a.name == b.name && a.modifiers == b.modifiers && a.array == b.array;
}

// Whether the columns that the statement lists are those of `existing`. Of a table that it copies
// or inherits from nothing is compared.
bool SameShape(const Relation& existing, Node statement) {
  if (statement["inhRelations"] || statement["ofTypename"]) return true;
  size_t listed = 0;
  for (const Node element : statement["tableElts"].Items()) {
    if (element.type() == "TableLikeClause") return true;
    const Node definition = element.As("ColumnDef");
    if (!definition) continue;
    const Column* column = existing.FindColumn(definition["colname"].text());
    if (column == nullptr || !SameType(column->type, StoredType(definition["typeName"]))) {
      return false;
    }
    ++listed;
  }
  return listed == existing.columns.size();
}

// A guarded statement that finds its table: PostgreSQL does not even lock it.
void SkipExisting(const Relation& existing, Node statement, StatementContext& context) {
  context.facts.no_op = true;
  if (existing.is_new || !existing.complete || SameShape(existing, statement)) return;
  // Its author counts on a table that is not there.
  context.Strengthen(Phase::kExpand);
  context
      .ReportOn(existing, Rule::kMisleadingIfNotExists, statement["relation"],
                absl::StrCat("table ", existing.name.text(),
                             " exists with other columns and stays as it is"))
      .hint = absl::StrCat("leave IF NOT EXISTS out, or bring ", existing.name.text(),
                           " to the wanted shape with ALTER TABLE");
}

// ---- Parts of the definition.

void CopySources(Node statement, Relation& relation, StatementContext& context) {
  const bool partition = static_cast<bool>(statement["partbound"]);
  for (const Node range : statement["inhRelations"].Items()) {
    Relation& parent = context.Resolve(range);
    context.Touches(parent, "", partition ? Effect::kAlter : Effect::kRead);
    if (!partition) {
      context.Lock(parent, LockMode::kShareUpdateExclusive);
      CopyInherited(parent, relation);
      continue;
    }
    if (parent.kind == RelationKind::kTable && !parent.complete) {
      parent.kind = RelationKind::kPartitionedTable;  // It has to be one.
    }
    context.Lock(parent, LockMode::kAccessExclusive);
    CopyToPartition(parent, relation);
  }
  if (const Node type = statement["ofTypename"]) {
    relation.of_type = model::NameOf(type);
    if (const Relation* composite = context.Find(relation.of_type)) {
      relation.of_type = composite->name;
      context.Lock(*composite, LockMode::kAccessShare);
      CopyColumns(*composite, relation);
    } else {
      relation.complete = false;
    }
  }
}

void DefineLike(Node clause, Relation& relation, StatementContext& context) {
  const Relation& source = context.Resolve(clause["relation"]);
  context.Lock(source, LockMode::kAccessShare);
  context.Touches(source, "", Effect::kRead);
  CopyLike(source, clause["options"].number(), relation);
}

// A column, or what is added to one that was copied.
void DefineElementColumn(Node definition, bool key, Relation& relation, StatementContext& context) {
  const std::string name(definition["colname"].text());
  if (relation.FindColumn(name) == nullptr) {
    DefineColumn(relation, definition, context);
    ReportStyle(definition, key, context);
    return;
  }
  for (const Node constraint : definition["constraints"].Items()) {
    DefineConstraint(relation, constraint.As("Constraint"), name, context);
  }
}

// The columns of a primary key that is written as a table constraint.
std::vector<std::string> KeyOf(const std::vector<Node>& elements) {
  std::vector<std::string> key;
  for (const Node element : elements) {
    const Node constraint = element.As("Constraint");
    if (constraint["contype"].text() != "CONSTR_PRIMARY") continue;
    for (const Node column : constraint["keys"].Items()) key.emplace_back(column.text());
  }
  return key;
}

bool IsInlineKey(Node definition) {
  for (const Node constraint : definition["constraints"].Items()) {
    if (constraint.body()["contype"].text() == "CONSTR_PRIMARY") return true;
  }
  return false;
}

void DefineElements(Node statement, Relation& relation, StatementContext& context) {
  std::vector<Node> elements = statement["tableElts"].Items();
  const std::vector<Node> constraints = statement["constraints"].Items();
  elements.insert(elements.end(), constraints.begin(), constraints.end());
  const std::vector<std::string> key = KeyOf(elements);
  for (const Node element : elements) {
    if (const Node definition = element.As("ColumnDef")) {
      const bool in_key =
          IsInlineKey(definition) ||
          std::find(key.begin(), key.end(), definition["colname"].text()) != key.end();
      DefineElementColumn(definition, in_key, relation, context);
    } else if (const Node like = element.As("TableLikeClause")) {
      DefineLike(like, relation, context);
    }
  }
  // Constraints come last: they may name columns that stand below them.
  for (const Node element : elements) {
    if (const Node constraint = element.As("Constraint")) {
      DefineConstraint(relation, constraint, "", context);
    }
  }
  for (const Node parameter : statement["partspec"]["partParams"].Items()) {
    relation.partition_key.emplace_back(parameter.body()["name"].text());
  }
}

// ---- What it costs others.

// The tables that its foreign keys reference get triggers.
void ClaimPartners(const Relation& relation, StatementContext& context) {
  for (const Constraint& constraint : relation.constraints) {
    if (constraint.kind != ConstraintKind::kForeignKey || constraint.references == relation.name) {
      continue;
    }
    const Relation& partner = context.Resolve(constraint.references);
    context.Lock(partner, LockMode::kShareRowExclusive);
    context.Touches(partner, "", Effect::kRead);
    if (partner.kind != RelationKind::kPartitionedTable) continue;
    for (const Relation* partition : context.db.Descendants(partner)) {
      context.Lock(*partition, LockMode::kShareRowExclusive);
    }
  }
}

void ClaimParent(Node statement, Relation& relation, StatementContext& context) {
  const Node bound = statement["partbound"];
  if (!bound || relation.parents.empty()) return;
  Relation& parent = context.Resolve(relation.parents.front());
  const std::string name = parent.name.text();
  ClaimNewPartition(parent, context);
  context
      .ReportOn(parent, Rule::kCreatePartitionOfLocksParent, statement["relation"],
                absl::StrCat("PARTITION OF stops all reads and writes of ", name,
                             " until the migration commits"))
      .hint = absl::StrCat("CREATE TABLE ", relation.name.text(), " (LIKE ", name,
                           " INCLUDING ALL), then ALTER TABLE ", name, " ATTACH PARTITION ",
                           relation.name.text(), " FOR VALUES ...");
  if (bound["is_default"].flag()) {
    parent.default_partition = relation.name;
  } else {
    ClaimDefaultPartition(parent, bound, statement["relation"], context);
  }
}

void ReportTable(Node statement, const Relation& relation, StatementContext& context) {
  ReportPersistence(statement["relation"], statement["oncommit"].text() == "ONCOMMIT_DROP",
                    relation, context);
  const bool has_key = std::any_of(
      relation.constraints.begin(), relation.constraints.end(),
      [](const Constraint& constraint) { return constraint.kind == ConstraintKind::kPrimaryKey; });
  if (!has_key && !relation.temporary && relation.complete && !relation.is_partition &&
      relation.IsTable()) {
    context.Report(Rule::kCreateTableNoPrimaryKey, statement["relation"],
                   absl::StrCat("table ", relation.name.text(), " has no primary key"));
  }
}

void CreateTable(Node statement, RelationKind kind, StatementContext& context) {
  const bool guarded = statement["if_not_exists"].flag();
  Relation made = NewRelation(statement["relation"], kind, guarded, context);
  if (kind == RelationKind::kTable && statement["partspec"]) {
    made.kind = RelationKind::kPartitionedTable;
  }
  made.tablespace = std::string(statement["tablespacename"].text());
  made.access_method = std::string(statement["accessMethod"].text());
  if (guarded) context.facts.guard = Guard::kIfNotExists;
  if (const auto existing = context.db.relations.find(made.name);
      existing != context.db.relations.end()) {
    if (guarded) return SkipExisting(existing->second, statement, context);
    // PostgreSQL refuses it; what is there stays as it is.
    return context.Strengthen(Phase::kExpand);
  }
  Relation& relation = context.db.Add(std::move(made));
  context.Strengthen(Phase::kExpand);
  context.Touches(relation, "", Effect::kCreate);
  CopySources(statement, relation, context);
  DefineElements(statement, relation, context);
  LockNamedSequences(statement["tableElts"], context);
  ClaimPartners(relation, context);
  ClaimParent(statement, relation, context);
  ReportTable(statement, relation, context);
}

}  // namespace

void AnalyzeCreateTable(Node statement, StatementContext& context) {
  CreateTable(statement, RelationKind::kTable, context);
}

void AnalyzeCreateForeignTable(Node statement, StatementContext& context) {
  CreateTable(statement["base"], RelationKind::kForeignTable, context);
}

}  // namespace lockstep::sql
