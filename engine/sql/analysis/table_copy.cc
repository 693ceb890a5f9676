#include "engine/sql/analysis/table_copy.h"

#include <algorithm>

#include "engine/sql/analysis/definition.h"

namespace lockstep::sql {
namespace {

using model::Column;
using model::Constraint;
using model::ConstraintKind;
using model::Index;
using model::Relation;

// CREATE_TABLE_LIKE_* in PostgreSQL's parsenodes.h.
constexpr int64_t kLikeConstraints = 1 << 2;
constexpr int64_t kLikeDefaults = 1 << 3;
constexpr int64_t kLikeGenerated = 1 << 4;
constexpr int64_t kLikeIdentity = 1 << 5;
constexpr int64_t kLikeIndexes = 1 << 6;

// Under the same names.
void CopyConstraints(ConstraintKind kind, const Relation& source, Relation& relation) {
  for (const Constraint& constraint : source.constraints) {
    if (constraint.kind == kind && relation.FindConstraint(constraint.name) == nullptr) {
      relation.constraints.push_back(constraint);
    }
  }
}

// `index` of `source` under a name of its own, with the constraint behind it.
void CopyIndex(const Relation& source, const Index& index, Relation& relation) {
  Index copy = index;
  const bool expression =
      std::find(index.columns.begin(), index.columns.end(), "") != index.columns.end();
  std::vector<std::string> columns = index.columns;
  if (expression) std::replace(columns.begin(), columns.end(), std::string(), std::string("expr"));
  copy.name = index.primary
                  ? ChooseName(relation, {}, "pkey")
                  : ChooseName(relation, columns, index.constraint.empty() ? "idx" : "key");
  if (const Constraint* constraint = source.FindConstraint(index.constraint)) {
    Constraint own = *constraint;
    own.name = own.index = copy.constraint = copy.name;
    relation.constraints.push_back(std::move(own));
  }
  relation.indexes.push_back(std::move(copy));
}

}  // namespace

bool SameIndex(const Index& a, const Index& b) {
  return a.columns == b.columns && a.unique == b.unique && a.method == b.method &&
         a.partial == b.partial && !a.partial && !a.has_expressions && !b.has_expressions;
}

void CopyColumns(const Relation& source, Relation& relation) {
  for (const Column& column : source.columns) {
    if (relation.FindColumn(column.name) == nullptr) relation.columns.push_back(column);
  }
  relation.complete = relation.complete && source.complete;
}

void CopyInherited(Relation& parent, Relation& child) {
  CopyColumns(parent, child);
  for (Column& column : child.columns) column.identity = model::Identity::kNo;
  CopyConstraints(ConstraintKind::kCheck, parent, child);
  CopyConstraints(ConstraintKind::kNotNull, parent, child);
  child.parents.push_back(parent.name);
  parent.children.push_back(child.name);
}

int CopyMissingIndexes(const Relation& parent, Relation& partition) {
  int missing = 0;
  for (const Index& index : parent.indexes) {
    const bool has =
        std::any_of(partition.indexes.begin(), partition.indexes.end(),
                    [&](const Index& own) { return own.valid && SameIndex(own, index); });
    if (has) continue;
    CopyIndex(parent, index, partition);
    ++missing;
  }
  return missing;
}

void CopyToPartition(Relation& parent, Relation& partition) {
  CopyColumns(parent, partition);
  CopyConstraints(ConstraintKind::kCheck, parent, partition);
  CopyConstraints(ConstraintKind::kNotNull, parent, partition);
  CopyConstraints(ConstraintKind::kForeignKey, parent, partition);
  CopyMissingIndexes(parent, partition);
  partition.is_partition = true;
  partition.parents.push_back(parent.name);
  parent.children.push_back(partition.name);
}

void CopyLike(const Relation& source, int64_t options, Relation& relation) {
  const auto wants = [&](int64_t bit) { return (options & bit) != 0; };
  for (Column column : source.columns) {
    if (relation.FindColumn(column.name) != nullptr) continue;
    if (!wants(kLikeGenerated)) column.generated = model::Generated::kNo;
    if (!wants(kLikeIdentity)) column.identity = model::Identity::kNo;
    if (column.generated == model::Generated::kNo) column.reads.clear();
    column.has_default =
        column.has_default && (wants(kLikeDefaults) || column.generated != model::Generated::kNo ||
                               column.identity != model::Identity::kNo);
    relation.columns.push_back(std::move(column));
  }
  if (wants(kLikeConstraints)) CopyConstraints(ConstraintKind::kCheck, source, relation);
  CopyConstraints(ConstraintKind::kNotNull, source, relation);
  if (wants(kLikeIndexes)) {
    for (const Index& index : source.indexes) CopyIndex(source, index, relation);
  }
  relation.complete = relation.complete && source.complete;
}

}  // namespace lockstep::sql
