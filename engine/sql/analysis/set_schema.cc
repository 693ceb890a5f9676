// ALTER ... SET SCHEMA.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/families.h"
#include "engine/sql/analysis/renaming.h"

namespace lockstep::sql {
namespace {

using model::Name;
using model::Relation;

// Sequences of its columns move along.
void MoveSequences(const Name& table, const std::string& schema, StatementContext& context) {
  std::vector<Name> sequences;
  for (const auto& [name, other] : context.db.relations) {
    if (other.owned_by.has_value() && other.owned_by->first == table) sequences.push_back(name);
  }
  for (const Name& name : sequences) {
    const Relation& sequence = context.Resolve(name);
    context.Lock(sequence, LockMode::kAccessExclusive);
    context.Touches(sequence, "", Effect::kBreak);
    context.db.Rename(name, {schema, name.name});
  }
}

void MoveTable(Node statement, const std::string& schema, StatementContext& context) {
  const Name written = model::NameOf(statement["relation"]);
  if (statement["missing_ok"].flag() && context.IsKnownMissing(written)) {
    context.facts.no_op = true;
    return;
  }
  Relation& relation = context.Resolve(written);
  if (relation.name.schema == schema) {  // PostgreSQL does nothing, under the same lock.
    context.Lock(relation, LockMode::kAccessExclusive);
    return;
  }
  MoveSequences(relation.name, schema, context);
  MoveRelation(relation, {schema, relation.name.name}, "moves", statement["relation"], context);
}

}  // namespace

void AnalyzeSetSchema(Node statement, StatementContext& context) {
  if (statement["missing_ok"].flag()) context.facts.guard = Guard::kIfExists;
  const std::string schema(statement["newschema"].text());
  if (statement["relation"]) return MoveTable(statement, schema, context);
  const Node object = statement["object"];
  if (const Node with_arguments = object.As("ObjectWithArgs")) {
    return MoveFunction(with_arguments, schema, "", context);
  }
  const absl::string_view type = statement["objectType"].text();
  const Name written = model::NameOf(object);
  if (type == "OBJECT_TYPE" || type == "OBJECT_DOMAIN") {
    const model::TypeDefinition* known = context.db.FindType(written);
    const Name from = known == nullptr ? context.db.NameForNew(written) : known->name;
    const Name to{schema, from.name};
    ReportRenamed(ObjectClass::kType, from, to, known != nullptr && known->is_new, Node(), context);
    return MoveType(from, to, context);
  }
  if (type == "OBJECT_STATISTIC_EXT") {
    if (const auto known = context.db.FindStatistics(written)) {
      MoveStatistics(*known, {schema, known->name}, context);
    }
    return context.TouchesObject(ObjectClass::kOther, written, Effect::kAlter);
  }
  ReportRenamed(type == "OBJECT_EXTENSION" ? ObjectClass::kExtension : ObjectClass::kOther, written,
                {schema, written.name}, /*is_new=*/false, Node(), context);
}

}  // namespace lockstep::sql
