#include "engine/sql/model/database.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "engine/base/status_macros.h"

namespace lockstep::sql::model {
namespace {

constexpr char kPublic[] = "public";

template <typename Items>
auto* FindNamed(Items& items, absl::string_view name) {
  const auto found =
      std::find_if(items.begin(), items.end(), [&](const auto& item) { return item.name == name; });
  return found == items.end() ? nullptr : &*found;
}

// The entry of `map` that `written` means.
template <typename Map>
auto* Resolve(Map& map, const Name& written, const std::vector<std::string>& search_path) {
  if (!written.schema.empty()) {
    const auto found = map.find(written);
    return found == map.end() ? nullptr : &found->second;
  }
  for (const std::string& schema : search_path) {
    const auto found = map.find(Name{schema, written.name});
    if (found != map.end()) return &found->second;
  }
  // Added under a bare name, because no schema was known.
  const auto found = map.find(written);
  return found == map.end() ? nullptr : &found->second;
}

template <typename Map, typename Key>
const auto* FindIn(const Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

bool References(const Constraint& constraint, const Name& target) {
  return constraint.kind == ConstraintKind::kForeignKey && constraint.references == target;
}

void Replace(std::vector<Name>* names, const Name& from, const Name& to) {
  std::replace(names->begin(), names->end(), from, to);
}

}  // namespace

std::string Name::text() const {
  return schema.empty() || schema == kPublic ? name : absl::StrCat(schema, ".", name);
}

Name NameOf(Node node) {
  if (const Node range = node.As("RangeVar")) return NameOf(range);
  if (const Node type = node.As("TypeName")) return NameOf(type);
  if (node["relname"]) {
    return {.schema = std::string(node["schemaname"].text()),
            .name = std::string(node["relname"].text())};
  }
  const Node names = node["names"] ? node["names"] : node;
  const std::vector<Node> parts = names.Items();
  if (parts.empty()) return {.name = std::string(node.text())};
  Name name{.name = std::string(parts.back().text())};
  if (parts.size() > 1) name.schema = std::string(parts[parts.size() - 2].text());
  return name;
}

const Column* Relation::FindColumn(absl::string_view column) const {
  return FindNamed(columns, column);
}
Column* Relation::FindColumn(absl::string_view column) { return FindNamed(columns, column); }
const Constraint* Relation::FindConstraint(absl::string_view constraint) const {
  return FindNamed(constraints, constraint);
}
Constraint* Relation::FindConstraint(absl::string_view constraint) {
  return FindNamed(constraints, constraint);
}
const Index* Relation::FindIndex(absl::string_view index) const {
  return FindNamed(indexes, index);
}
Index* Relation::FindIndex(absl::string_view index) { return FindNamed(indexes, index); }

TypeDefinition::DomainConstraint* TypeDefinition::FindConstraint(absl::string_view constraint) {
  return FindNamed(constraints, constraint);
}
const TypeDefinition::DomainConstraint* TypeDefinition::FindConstraint(
    absl::string_view constraint) const {
  return FindNamed(constraints, constraint);
}

Relation* Database::FindRelation(const Name& written) {
  return Resolve(relations, written, search_path);
}

const Relation* Database::FindRelation(const Name& written) const {
  return Resolve(relations, written, search_path);
}

std::pair<Relation*, Index*> Database::FindIndex(const Name& written) {
  std::pair<Relation*, Index*> best = {nullptr, nullptr};
  size_t best_rank = search_path.size() + 1;
  const auto has_it = [&](const Relation& relation) {
    return (written.schema.empty() || relation.name.schema == written.schema) &&
           relation.FindIndex(written.name) != nullptr;
  };
  for (Relation* relation : Among(FindIn(by_index_, written.name), has_it)) {
    const size_t rank = written.schema.empty()
                            ? static_cast<size_t>(std::find(search_path.begin(), search_path.end(),
                                                            relation->name.schema) -
                                                  search_path.begin())
                            : 0;
    if (rank < best_rank) {
      best = {relation, relation->FindIndex(written.name)};
      best_rank = rank;
    }
  }
  return best;
}

TypeDefinition* Database::FindType(const Name& written) {
  return Resolve(types, written, search_path);
}

const TypeDefinition* Database::FindType(const Name& written) const {
  return Resolve(types, written, search_path);
}

std::vector<Function>* Database::FindFunctions(const Name& written) {
  return Resolve(functions, written, search_path);
}

std::optional<Name> Database::FindStatistics(const Name& written) const {
  if (!written.schema.empty()) {
    return statistics.contains(written) ? std::optional(written) : std::nullopt;
  }
  for (const std::string& schema : search_path) {
    if (Name name{schema, written.name}; statistics.contains(name)) return name;
  }
  return std::nullopt;
}

Name Database::NameForNew(const Name& written) const {
  if (!written.schema.empty() || search_path.empty()) return written;
  return {.schema = search_path.front(), .name = written.name};
}

template <typename Wanted>
std::vector<Relation*> Database::Among(const Names* names, Wanted wanted) {
  std::vector<Relation*> found;
  if (names != nullptr) {
    for (const Name& name : *names) {
      const auto relation = relations.find(name);
      if (relation != relations.end() && wanted(relation->second)) {
        found.push_back(&relation->second);
      }
    }
  }
#ifndef NDEBUG
  // So that every test finds a call of Note that is missing.
  size_t all = 0;
  for (const auto& [name, relation] : relations) all += wanted(relation) ? 1 : 0;
  LOCKSTEP_CHECK(all == found.size());
#endif
  return found;
}

void Database::Note(const Relation& relation) {
  for (const Index& index : relation.indexes) by_index_[index.name].insert(relation.name);
  for (const Constraint& constraint : relation.constraints) {
    if (constraint.kind == ConstraintKind::kForeignKey) {
      by_target_[constraint.references].insert(relation.name);
    }
  }
  if (relation.owned_by.has_value()) by_owner_[relation.owned_by->first].insert(relation.name);
}

Relation& Database::Add(Relation relation) {
  const Name name = relation.name;
  Note(relation);
  return relations.insert_or_assign(name, std::move(relation)).first->second;
}

void Database::Remove(const Name& name) {
  relations.erase(name);
  std::erase_if(statistics, [&](const auto& entry) { return entry.second == name; });
  for (auto& [other, relation] : relations) {
    std::erase(relation.parents, name);
    std::erase(relation.children, name);
    std::erase_if(relation.constraints, [&](const Constraint& c) {
      return c.references == name && !c.references.name.empty();
    });
    if (relation.default_partition == name) relation.default_partition.reset();
  }
}

void Database::Rename(const Name& from, const Name& to) {
  auto moved = relations.extract(from);
  if (moved.empty()) return;
  moved.key() = to;
  moved.mapped().name = to;
  relations.insert(std::move(moved));
  for (auto& [other, relation] : relations) {
    Replace(&relation.parents, from, to);
    Replace(&relation.children, from, to);
    for (Constraint& constraint : relation.constraints) {
      if (constraint.references == from) constraint.references = to;
    }
    if (relation.default_partition == from) relation.default_partition = to;
    if (relation.of_type == from) relation.of_type = to;
    if (relation.owned_by.has_value() && relation.owned_by->first == from) {
      relation.owned_by->first = to;
    }
    if (auto reads = relation.view_reads.extract(from)) {
      reads.key() = to;
      relation.view_reads.insert(std::move(reads));
    }
    Note(relation);
  }
  for (auto& [name, publication] : publications) {
    if (publication.tables.erase(from) > 0) publication.tables.insert(to);
  }
  for (auto& [name, table] : statistics) {
    if (table == from) table = to;
  }
}

std::optional<bool> Database::HasConstrainedDomain(const Type& type) const {
  constexpr int kMaxDomains = 32;  // A domain over a domain over ...
  Type current = type;
  for (int i = 0; i < kMaxDomains; ++i) {
    const TypeDefinition* definition = FindType({current.schema, current.name});
    if (definition == nullptr) {
      if (complete || current.schema == "pg_catalog") return false;
      return std::nullopt;
    }
    if (definition->kind != TypeKind::kDomain) return false;
    if (definition->not_null || !definition->constraints.empty()) return true;
    current = definition->base;
  }
  return true;
}

std::vector<Relation*> Database::Descendants(const Relation& root) {
  std::vector<Relation*> found;
  std::vector<Name> open = root.children;
  std::set<Name> seen;
  while (!open.empty()) {
    const Name name = open.back();
    open.pop_back();
    Relation* child = FindRelation(name);
    if (child == nullptr || !seen.insert(name).second) continue;
    found.push_back(child);
    open.insert(open.end(), child->children.begin(), child->children.end());
  }
  return found;
}

std::vector<std::pair<Relation*, Constraint*>> Database::ReferencesTo(const Name& target) {
  const auto refers = [&](const Relation& relation) {
    return std::any_of(relation.constraints.begin(), relation.constraints.end(),
                       [&](const Constraint& c) { return References(c, target); });
  };
  std::vector<std::pair<Relation*, Constraint*>> found;
  for (Relation* relation : Among(FindIn(by_target_, target), refers)) {
    for (Constraint& constraint : relation->constraints) {
      if (References(constraint, target)) found.emplace_back(relation, &constraint);
    }
  }
  return found;
}

std::vector<Relation*> Database::SequencesOf(const Name& table) {
  return Among(FindIn(by_owner_, table), [&](const Relation& relation) {
    return relation.owned_by.has_value() && relation.owned_by->first == table;
  });
}

std::vector<Relation*> Database::ViewsOf(const Name& target, absl::string_view column) {
  std::vector<Relation*> found;
  for (auto& [name, relation] : relations) {
    const auto reads = relation.view_reads.find(target);
    if (reads == relation.view_reads.end()) continue;
    if (column.empty() || reads->second.contains(std::string(column)) ||
        reads->second.contains("")) {
      found.push_back(&relation);
    }
  }
  return found;
}

}  // namespace lockstep::sql::model
