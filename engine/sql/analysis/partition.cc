// Partitions and inheritance.

#include "engine/sql/analysis/partition.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/families.h"
#include "engine/sql/analysis/table_copy.h"

namespace lockstep::sql {
namespace {

using model::Constraint;
using model::ConstraintKind;
using model::Relation;
using model::RelationKind;

constexpr int kDetachConcurrentlySince = 14;

// Says that the rows of `table` and of whatever is below it are locked, and read where they are.
void ClaimTree(const Relation& table, LockMode mode, bool scan, StatementContext& context) {
  const auto holds_rows = [](const Relation& r) {
    return r.kind != RelationKind::kPartitionedTable;
  };
  context.Lock(table, mode, {.scan = scan && holds_rows(table)});
  for (const Relation* below : context.db.Descendants(table)) {
    context.Lock(*below, mode, {.scan = scan && holds_rows(*below)});
  }
}

// Whether the partition gets an index that it does not have yet, and rows for it.
bool LacksIndex(const Relation& parent, const Relation& partition) {
  return std::any_of(parent.indexes.begin(), parent.indexes.end(), [&](const model::Index& wanted) {
    return std::none_of(
        partition.indexes.begin(), partition.indexes.end(),
        [&](const model::Index& own) { return own.valid && SameIndex(own, wanted); });
  });
}

bool HasKey(const Relation& relation, const Constraint& key) {
  return std::any_of(relation.constraints.begin(), relation.constraints.end(),
                     [&](const Constraint& own) {
                       return own.kind == ConstraintKind::kForeignKey && own.valid &&
                              own.references == key.references && own.columns == key.columns &&
                              own.referenced_columns == key.referenced_columns;
                     });
}

// The partition gets the foreign keys of its parent, and its rows are tested against those that it
// does not have yet.
void ClaimForeignKeys(const Relation& parent, const Relation& partition,
                      StatementContext& context) {
  for (const Constraint& key : parent.constraints) {
    if (key.kind != ConstraintKind::kForeignKey) continue;
    const bool has = HasKey(partition, key);
    const Relation& partner = context.Resolve(key.references);
    context.Lock(partner, LockMode::kShareRowExclusive, {.scan = !has});
    if (!has) ClaimTree(partition, LockMode::kAccessExclusive, true, context);
  }
}

void ReportAttach(const Relation& parent, const Relation& partition, Node at, bool proved,
                  bool builds, StatementContext& context) {
  const std::string name = partition.name.text();
  if (!proved) {
    context
        .ReportOn(partition, Rule::kAttachPartitionScan, at,
                  absl::StrCat("no CHECK of ", name, " proves that its rows belong into ",
                               parent.name.text(), ": all are read while nobody can use it"))
        .hint = absl::StrCat("ALTER TABLE ", name,
                             " ADD CONSTRAINT ... CHECK (the bound) NOT VALID; VALIDATE it in the "
                             "next migration; then attach, and drop it");
  } else if (builds) {
    context
        .ReportOn(partition, Rule::kAttachPartitionScan, at,
                  absl::StrCat(name, " lacks indexes of ", parent.name.text(),
                               ", which are built while nobody can use it"))
        .hint = absl::StrCat("CREATE INDEX CONCURRENTLY on ", name, " for each of them first");
  }
}

void ReportDetach(const Relation& parent, const Relation& partition, Node at,
                  StatementContext& context) {
  Finding& finding =
      context.ReportOn(parent, Rule::kDetachPartitionBlocking, at,
                       absl::StrCat("detaching ", partition.name.text(),
                                    " stops all reads and writes of ", parent.name.text()));
  if (parent.default_partition.has_value()) {
    finding.hint = "CONCURRENTLY is refused while there is a default partition: drop that first";
  } else if (context.db.major_version() >= kDetachConcurrentlySince) {
    finding.hint = absl::StrCat("ALTER TABLE ", parent.name.text(), " DETACH PARTITION ",
                                partition.name.text(), " CONCURRENTLY");
  }
}

// A detached partition takes its own copies of the foreign keys along, and the tables that
// reference its former parent must not point into it.
void ClaimDetachedKeys(const Relation& parent, const Relation& partition,
                       StatementContext& context) {
  for (const Constraint& key : parent.constraints) {
    if (key.kind != ConstraintKind::kForeignKey || key.references == partition.name) continue;
    context.Lock(context.Resolve(key.references), LockMode::kShareRowExclusive);
  }
  for (const auto& [other, key] : context.db.ReferencesTo(parent.name)) {
    context.Lock(*other, LockMode::kAccessExclusive, {.scan = true});
  }
}

void Link(Relation& parent, Relation& partition) {
  CopyMissingIndexes(parent, partition);
  for (const Constraint& key : parent.constraints) {
    if (key.kind == ConstraintKind::kForeignKey && !HasKey(partition, key)) {
      partition.constraints.push_back(key);
    }
  }
  partition.is_partition = true;
  partition.parents = {parent.name};
  parent.children.push_back(partition.name);
}

void Unlink(Relation& parent, Relation& partition) {
  partition.is_partition = false;
  std::erase(partition.parents, parent.name);
  std::erase(parent.children, partition.name);
  if (parent.default_partition == partition.name) parent.default_partition.reset();
}

}  // namespace

void ClaimNewPartition(const Relation& parent, StatementContext& context) {
  context.LockIndexes(parent, LockMode::kShareUpdateExclusive);
  for (const auto& [other, key] : context.db.ReferencesTo(parent.name)) {
    context.Lock(*other, LockMode::kShareRowExclusive);
  }
}

void ClaimDefaultPartition(const Relation& parent, Node bound, Node at, StatementContext& context) {
  if (!parent.default_partition.has_value()) return;
  const Relation& rest = context.Resolve(*parent.default_partition);
  const bool scan = !ExcludesBound(parent, bound, rest);
  ClaimTree(rest, LockMode::kAccessExclusive, scan, context);
  if (!scan) return;
  context
      .ReportOn(rest, Rule::kPartitionDefaultScan, at,
                absl::StrCat("default partition ", rest.name.text(),
                             " is closed to all while it is searched for rows of the new one"))
      .hint = absl::StrCat("ALTER TABLE ", rest.name.text(),
                           " ADD CONSTRAINT ... CHECK (NOT (bound of the new partition)) NOT "
                           "VALID, and VALIDATE it, in migrations before this one");
}

void AnalyzeAttachPartition(Relation& parent, Node command, StatementContext& context) {
  const Node definition = command["def"].As("PartitionCmd");
  const Node range = definition["name"];
  const Node bound = definition["bound"];
  Relation& partition = context.Resolve(range);
  if (!parent.complete) parent.kind = RelationKind::kPartitionedTable;
  context.Strengthen(Phase::kExpand);
  context.Lock(parent, LockMode::kShareUpdateExclusive);
  ClaimNewPartition(parent, context);
  context.Touches(parent, "", Effect::kAlter);
  context.Touches(partition, "", Effect::kAlter);
  const bool builds = LacksIndex(parent, partition);
  const bool proved = ProvesBound(parent, bound, partition);
  ClaimTree(partition, LockMode::kAccessExclusive, builds || !proved, context);
  ClaimForeignKeys(parent, partition, context);
  ReportAttach(parent, partition, range, proved, builds, context);
  if (bound["is_default"].flag()) {
    parent.default_partition = partition.name;
  } else {
    ClaimDefaultPartition(parent, bound, range, context);
  }
  Link(parent, partition);
  context.db.Note(partition);
}

void AnalyzeDetachPartition(Relation& parent, Node command, StatementContext& context) {
  const Node definition = command["def"].As("PartitionCmd");
  const Node range = definition["name"];
  Relation& partition = context.Resolve(range);
  const bool concurrent = definition["concurrent"].flag();
  const bool finalize = command["subtype"].text() == "AT_DetachPartitionFinalize";
  const bool weak = concurrent || finalize;
  context.facts.non_transactional |= concurrent;
  context.Lock(parent, weak ? LockMode::kShareUpdateExclusive : LockMode::kAccessExclusive);
  context.Lock(partition, LockMode::kAccessExclusive);
  context.LockIndexes(partition, LockMode::kAccessExclusive);
  context.Touches(parent, "", Effect::kBreak);
  context.Touches(partition, "", Effect::kAlter);
  context.StrengthenOn(parent, Phase::kContract, ContractKind::kRemove);
  ClaimDetachedKeys(parent, partition, context);
  if (!weak && parent.default_partition.has_value()) {
    context.Lock(context.Resolve(*parent.default_partition), LockMode::kAccessExclusive);
  }
  if (!weak) ReportDetach(parent, partition, range, context);
  Unlink(parent, partition);
}

void AnalyzeInheritance(Relation& child, Node command, StatementContext& context) {
  Relation& parent = context.Resolve(command["def"]);
  const bool add = command["subtype"].text() == "AT_AddInherit";
  context.Lock(child, LockMode::kAccessExclusive);
  context.Touches(child, "", Effect::kAlter);
  context.Lock(parent, add ? LockMode::kShareUpdateExclusive : LockMode::kAccessShare);
  context.Touches(parent, "", add ? Effect::kAlter : Effect::kBreak);
  if (add) {
    context.Strengthen(Phase::kExpand);
    child.parents.push_back(parent.name);
    parent.children.push_back(child.name);
    return;
  }
  context.StrengthenOn(parent, Phase::kContract, ContractKind::kRemove);
  std::erase(child.parents, parent.name);
  std::erase(parent.children, child.name);
}

}  // namespace lockstep::sql
