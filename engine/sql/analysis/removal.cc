#include "engine/sql/analysis/removal.h"

#include <algorithm>
#include <set>

namespace lockstep::sql {
namespace {

using model::Constraint;
using model::ConstraintKind;
using model::Name;
using model::Relation;
using model::RelationKind;

class Removal {
 public:
  Removal(bool cascade, StatementContext& context) : cascade_(cascade), context_(context) {}

  void Run(const std::vector<Name>& names) {
    for (const Name& name : names) Take(name);
    while (!open_.empty()) {
      const Name name = open_.back();
      open_.pop_back();
      if (const auto found = context_.db.relations.find(name);
          found != context_.db.relations.end()) {
        Follow(found->second);
      }
    }
    for (const Name& name : gone_) Claim(name);
    for (const Name& name : gone_) context_.db.Remove(name);
  }

 private:
  void Take(const Name& name) {
    if (gone_.insert(name).second) open_.push_back(name);
  }

  // Everything else that goes with `relation`.
  void Follow(const Relation& relation) {
    for (const auto& [name, other] : context_.db.relations) {
      if (other.owned_by.has_value() && other.owned_by->first == relation.name) Take(name);
      if (cascade_ && other.view_reads.contains(relation.name)) Take(name);
      if (cascade_ && relation.kind == RelationKind::kCompositeType &&
          other.of_type == relation.name) {
        Take(name);
      }
    }
    for (const Name& child : relation.children) {
      if (cascade_ || relation.kind == RelationKind::kPartitionedTable) Take(child);
    }
  }

  void Claim(const Name& name) {
    const auto found = context_.db.relations.find(name);
    if (found == context_.db.relations.end()) return;
    const Relation& relation = found->second;
    context_.Lock(relation, LockMode::kAccessExclusive);
    context_.LockIndexes(relation, LockMode::kAccessExclusive);
    context_.Touches(relation, "", Effect::kBreak);
    context_.StrengthenOn(relation, Phase::kContract, ContractKind::kRemove);
    for (const Constraint& constraint : relation.constraints) {
      if (constraint.kind == ConstraintKind::kForeignKey) ClaimPartner(constraint.references);
    }
    for (const auto& [other, constraint] : context_.db.ReferencesTo(name)) {
      ClaimPartner(other->name);
    }
    if (relation.is_partition) ClaimParents(relation);
    TouchSources(relation, context_);
  }

  // The other side of a foreign key: its triggers go.
  void ClaimPartner(const Name& name) {
    if (gone_.contains(name) || name.name.empty()) return;
    const Relation* partner = context_.Find(name);
    if (partner == nullptr || gone_.contains(partner->name)) return;
    context_.Lock(*partner, LockMode::kAccessExclusive);
    context_.Touches(*partner, "", Effect::kRead);
  }

  // The default partition too: what it may hold changes.
  void ClaimParents(const Relation& partition) {
    for (const Name& name : partition.parents) {
      const Relation* parent = context_.Find(name);
      if (parent == nullptr || gone_.contains(parent->name)) continue;
      context_.Lock(*parent, LockMode::kAccessExclusive);
      context_.Touches(*parent, "", Effect::kAlter);
      if (!parent->default_partition.has_value() || gone_.contains(*parent->default_partition)) {
        continue;
      }
      if (const Relation* rest = context_.Find(*parent->default_partition)) {
        context_.Lock(*rest, LockMode::kAccessExclusive);
      }
    }
  }

  const bool cascade_;
  StatementContext& context_;
  std::set<Name> gone_;
  std::vector<Name> open_;
};

}  // namespace

void TouchSources(const Relation& view, StatementContext& context) {
  for (const auto& [name, columns] : view.view_reads) {
    const Relation* source = context.Find(name);
    if (source == nullptr) continue;
    for (const std::string& column : columns) {
      if (!column.empty()) context.Touches(*source, column, Effect::kRead);
    }
  }
}

void RemoveRelations(const std::vector<Name>& names, bool cascade, StatementContext& context) {
  Removal(cascade, context).Run(names);
}

std::vector<Name> RelationsToDrop(Node drop_statement, StatementContext& context) {
  const bool guarded = drop_statement["missing_ok"].flag();
  std::vector<Name> names;
  bool any = false;
  for (const Node object : drop_statement["objects"].Items()) {
    any = true;
    const Name written = model::NameOf(object);
    if (guarded && context.IsKnownMissing(written)) continue;
    names.push_back(context.Resolve(written).name);
  }
  if (guarded) context.facts.guard = Guard::kIfExists;
  context.facts.no_op = guarded && any && names.empty();
  return names;
}

}  // namespace lockstep::sql
