// DROP of what no other family knows: schemas, sequences, extensions, publications, and what few
// clients name.

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/families.h"
#include "engine/sql/analysis/removal.h"
#include "engine/sql/analysis/type_users.h"

namespace lockstep::sql {
namespace {

using model::Name;
using model::Relation;
using model::RelationKind;

bool Cascades(Node statement) { return statement["behavior"].text() == "DROP_CASCADE"; }

// CASCADE takes the default of the column that it belongs to.
void DropDefault(const Relation& sequence, StatementContext& context) {
  if (!sequence.owned_by.has_value()) return;
  Relation* table = context.Find(sequence.owned_by->first);
  if (table == nullptr) return;
  context.Lock(*table, LockMode::kAccessExclusive);
  context.Touches(*table, sequence.owned_by->second, Effect::kBreak);
  if (model::Column* column = table->FindColumn(sequence.owned_by->second)) {
    column->has_default = false;
  }
}

void DropSequence(Node statement, StatementContext& context) {
  const std::vector<Name> names = RelationsToDrop(statement, context);
  for (const Name& name : names) {
    Relation& sequence = context.Resolve(name);
    if (!sequence.complete) sequence.kind = RelationKind::kSequence;
    if (Cascades(statement)) DropDefault(sequence, context);
  }
  RemoveRelations(names, Cascades(statement), context);
}

// Everything in the schema goes; without CASCADE there is nothing, or PostgreSQL refuses.
void DropContents(const std::string& schema, StatementContext& context) {
  std::vector<Name> relations;
  for (const auto& [name, relation] : context.db.relations) {
    if (name.schema == schema) relations.push_back(name);
  }
  std::sort(relations.begin(), relations.end());
  RemoveRelations(relations, /*cascade=*/true, context);
  std::set<Name> types;
  for (const auto& [name, type] : context.db.types) {
    if (name.schema == schema) types.insert(name);
  }
  RemoveTypes(types, /*cascade=*/true, context);
  absl::erase_if(context.db.functions,
                 [&](const auto& entry) { return entry.first.schema == schema; });
}

// Whether the catalog tells that a guarded DROP of `name` finds nothing.
bool IsMissing(absl::string_view kind, const std::string& name, const model::Database& database) {
  if (!database.complete) return false;
  if (kind == "OBJECT_SCHEMA") return !database.schemas.contains(name);
  if (kind == "OBJECT_EXTENSION") return !database.extensions.contains(name);
  return kind == "OBJECT_PUBLICATION" && !database.publications.contains(name);
}

void Remove(bool live, ContractKind kind, StatementContext& context) {
  if (live) return context.Strengthen(Phase::kContract, kind);
  context.Strengthen(Phase::kExpand);
}

void DropSchema(const std::string& name, bool cascade, StatementContext& context) {
  const bool live = !context.db.new_schemas.contains(name);
  context.TouchesObject(ObjectClass::kSchema, {.name = name}, Effect::kBreak, live);
  Remove(live, ContractKind::kRemove, context);
  if (cascade) DropContents(name, context);
  context.db.schemas.erase(name);
  context.db.new_schemas.erase(name);
}

// Columns of the extension's types go with CASCADE; which types are its own nobody knows, except
// that they are neither built in nor anybody's.
void ClaimForeignColumns(StatementContext& context) {
  for (const auto& [name, relation] : context.db.relations) {
    for (const model::Column& column : relation.columns) {
      if (!column.type.known() || column.type.schema == "pg_catalog" ||
          context.db.FindType({column.type.schema, column.type.name}) != nullptr) {
        continue;
      }
      context.Lock(relation, LockMode::kAccessExclusive);
      context.Touches(relation, column.name, Effect::kBreak);
    }
  }
}

void DropExtension(const std::string& name, bool cascade, StatementContext& context) {
  context.TouchesObject(ObjectClass::kExtension, {.name = name}, Effect::kBreak);
  context.Strengthen(Phase::kContract, ContractKind::kRemove);
  Finding& finding =
      context.Report(Rule::kDropExtension, Node(),
                     absl::StrCat("the functions and types of extension ", name, " go with it"));
  finding.object = name;
  finding.hint = "drop it once no running version and no table uses them";
  if (cascade) ClaimForeignColumns(context);
  context.db.extensions.erase(name);
}

void DropPublication(const std::string& name, StatementContext& context) {
  const auto found = context.db.publications.find(name);
  const bool live = found == context.db.publications.end() || !found->second.is_new;
  context.TouchesObject(ObjectClass::kPublication, {.name = name}, Effect::kBreak, live);
  Remove(live, ContractKind::kReshape, context);
  if (found != context.db.publications.end()) context.db.publications.erase(found);
  if (!live) return;
  Finding& finding =
      context.Report(Rule::kReplicationChange, Node(),
                     absl::StrCat("subscribers of publication ", name, " stop with an error"));
  finding.object = name;
  finding.hint = "drop their subscriptions first";
}

void DropOther(absl::string_view kind, Node object, StatementContext& context) {
  const Node names = object.As("ObjectWithArgs")["objname"];
  const Name written = model::NameOf(names ? names : object);
  // Statistics change plans only.
  if (kind == "OBJECT_STATISTIC_EXT") {
    const auto known = context.db.FindStatistics(written);
    if (known.has_value()) {
      const Name table = context.db.statistics.at(*known);
      context.Lock(context.Resolve(table), LockMode::kShareUpdateExclusive);
      context.db.statistics.erase(*known);
    }
    return context.TouchesObject(ObjectClass::kOther,
                                 known.value_or(context.db.NameForNew(written)), Effect::kAlter);
  }
  const Name name = context.db.NameForNew(written);
  context.TouchesObject(ObjectClass::kOther, name, Effect::kBreak);
  context.Strengthen(Phase::kContract, ContractKind::kRemove);
}

}  // namespace

void AnalyzeDropObject(Node statement, StatementContext& context) {
  const absl::string_view kind = statement["removeType"].text();
  if (kind == "OBJECT_SEQUENCE") return DropSequence(statement, context);
  const bool guarded = statement["missing_ok"].flag();
  if (guarded) context.facts.guard = Guard::kIfExists;
  bool any = false;
  for (const Node object : statement["objects"].Items()) {
    const std::string name = model::NameOf(object).name;
    if (guarded && IsMissing(kind, name, context.db)) continue;
    any = true;
    if (kind == "OBJECT_SCHEMA") {
      DropSchema(name, Cascades(statement), context);
    } else if (kind == "OBJECT_EXTENSION") {
      DropExtension(name, Cascades(statement), context);
    } else if (kind == "OBJECT_PUBLICATION") {
      DropPublication(name, context);
    } else {
      DropOther(kind, object, context);
    }
  }
  context.facts.no_op = guarded && !any;
}

}  // namespace lockstep::sql
