#include "engine/sql/analysis/type_users.h"

#include <algorithm>
#include <string>
#include <utility>

#include "engine/sql/analysis/removal.h"

namespace lockstep::sql {
namespace {

using model::Name;
using model::Relation;
using model::RelationKind;

// The type that a column's or domain's type means, arrays of it included.
Name Meaning(const model::Type& type, const model::Database& database) {
  const model::TypeDefinition* definition = database.FindType({type.schema, type.name});
  return definition == nullptr ? Name{type.schema, type.name} : definition->name;
}

void RemoveColumn(Relation& relation, const std::string& column, StatementContext& context) {
  context.Touches(relation, column, Effect::kBreak);
  for (const model::Index& index : relation.indexes) {
    if (index.reads.contains(column)) {
      context.LockIndex(relation, index.name, LockMode::kAccessExclusive);
    }
  }
  std::erase_if(relation.columns, [&](const model::Column& c) { return c.name == column; });
  std::erase_if(relation.indexes,
                [&](const model::Index& index) { return index.reads.contains(column); });
  std::erase_if(relation.constraints, [&](const model::Constraint& constraint) {
    return std::find(constraint.columns.begin(), constraint.columns.end(), column) !=
           constraint.columns.end();
  });
}

// The columns of `relation` whose type is one of `types`.
std::vector<std::string> ColumnsOf(const Relation& relation, const std::set<Name>& types,
                                   const model::Database& database) {
  std::vector<std::string> columns;
  for (const model::Column& column : relation.columns) {
    if (types.contains(Meaning(column.type, database))) columns.push_back(column.name);
  }
  return columns;
}

}  // namespace

std::set<Name> WithDomainsOver(const Name& domain, const model::Database& database) {
  std::set<Name> found = {domain};
  // Every round finds a level; the last one finds nothing.
  for (size_t before = 0; before < found.size();) {
    before = found.size();
    for (const auto& [name, type] : database.types) {
      if (type.kind == model::TypeKind::kDomain && found.contains(Meaning(type.base, database))) {
        found.insert(name);
      }
    }
  }
  return found;
}

std::vector<const Relation*> TablesWithDomain(const Name& domain, const model::Database& database) {
  const std::set<Name> domains = WithDomainsOver(domain, database);
  std::vector<const Relation*> tables;
  for (const auto& [name, relation] : database.relations) {
    if (relation.kind != RelationKind::kTable && relation.kind != RelationKind::kMaterializedView) {
      continue;
    }
    if (!ColumnsOf(relation, domains, database).empty()) tables.push_back(&relation);
  }
  std::sort(tables.begin(), tables.end(),
            [](const Relation* a, const Relation* b) { return a->name < b->name; });
  return tables;
}

void RemoveTypes(const std::set<Name>& types, bool cascade, StatementContext& context) {
  std::set<Name> gone;
  for (const Name& type : types) gone.merge(WithDomainsOver(type, context.db));
  if (!cascade) gone = types;
  std::vector<Name> relations;
  for (auto& [name, relation] : context.db.relations) {
    const bool composite = relation.kind == RelationKind::kCompositeType && gone.contains(name);
    if (composite ||
        (cascade && !relation.of_type.name.empty() && gone.contains(relation.of_type))) {
      relations.push_back(name);
    }
    if (!cascade || composite) continue;
    const std::vector<std::string> columns = ColumnsOf(relation, gone, context.db);
    if (columns.empty()) continue;
    const bool view =
        relation.kind == RelationKind::kView || relation.kind == RelationKind::kMaterializedView;
    if (view) {
      relations.push_back(name);
      continue;
    }
    context.Lock(relation, LockMode::kAccessExclusive);
    context.StrengthenOn(relation, Phase::kContract, ContractKind::kRemove);
    for (const std::string& column : columns) {
      for (const Relation* reader : context.db.ViewsOf(name, column)) {
        relations.push_back(reader->name);
      }
      RemoveColumn(relation, column, context);
    }
  }
  std::sort(relations.begin(), relations.end());
  RemoveRelations(relations, cascade, context);
  for (const Name& name : gone) {
    const auto type = context.db.types.find(name);
    if (type != context.db.types.end()) context.db.types.erase(type);
  }
}

}  // namespace lockstep::sql
