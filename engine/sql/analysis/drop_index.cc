// DROP INDEX.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/families.h"
#include "engine/sql/analysis/table_copy.h"

namespace lockstep::sql {
namespace {

using model::Index;
using model::Name;
using model::Relation;

std::string Concurrently(const std::string& index) {
  return absl::StrCat("DROP INDEX CONCURRENTLY IF EXISTS ", index);
}

// Of an index nobody knows: it belongs to some live table.
void DropUnknown(const Name& written, bool concurrent, StatementContext& context) {
  context.LockObject(ObjectClass::kIndex, context.db.NameForNew(written),
                     concurrent ? LockMode::kShareUpdateExclusive : LockMode::kAccessExclusive,
                     /*live=*/true);
  context.TouchesObject(ObjectClass::kIndex, context.db.NameForNew(written), Effect::kBreak);
  context.Strengthen(Phase::kContract, ContractKind::kPerf);
  if (concurrent) return;
  context
      .Report(Rule::kDropIndexBlocking, Node(),
              absl::StrCat("dropping index ", written.text(),
                           " stops all reads and writes of its table"))
      .hint = Concurrently(written.text());
}

// Foreign keys rest on a unique index; CASCADE takes them along.
void ClaimReferences(const Relation& table, StatementContext& context) {
  for (const auto& [other, constraint] : context.db.ReferencesTo(table.name)) {
    context.Lock(*other, LockMode::kAccessExclusive);
    context.Touches(*other, "", Effect::kAlter);
  }
}

void ReportDrop(const Relation& table, const Index& index, bool concurrent,
                StatementContext& context) {
  if (!concurrent) {
    context
        .ReportOn(table, Rule::kDropIndexBlocking, Node(),
                  absl::StrCat("dropping index ", index.name, " stops all reads and writes of ",
                               table.name.text()))
        .hint = Concurrently(Name{table.name.schema, index.name}.text());
  }
  if (!index.valid) return;  // What a failed build left: no query uses it.
  if (index.unique) {
    context.ReportOn(table, Rule::kDropUniqueIndex, Node(),
                     absl::StrCat("ON CONFLICT on the columns of ", index.name, " fails once ",
                                  table.name.text(), " has lost it"));
  }
  context.StrengthenOn(table, Phase::kContract,
                       index.unique ? ContractKind::kRemove : ContractKind::kPerf);
}

// The index of a partitioned table goes with those of its partitions: the first that is defined
// alike, because which is attached is not in the catalog.
void DropFromPartitions(const Relation& table, const Index& index, LockMode mode,
                        StatementContext& context) {
  if (table.kind != model::RelationKind::kPartitionedTable) return;
  for (Relation* partition : context.db.Descendants(table)) {
    context.Lock(*partition, mode);
    const auto part = std::find_if(partition->indexes.begin(), partition->indexes.end(),
                                   [&](const Index& other) { return SameIndex(other, index); });
    if (part == partition->indexes.end()) continue;
    context.LockIndex(*partition, part->name, mode);
    partition->indexes.erase(part);
  }
}

void DropKnown(Relation& table, const Index& index, Node statement, StatementContext& context) {
  const bool concurrent = statement["concurrent"].flag();
  const LockMode mode = concurrent ? LockMode::kShareUpdateExclusive : LockMode::kAccessExclusive;
  context.Lock(table, mode);
  context.LockIndex(table, index.name, mode);
  context.Touches(table, index.columns.size() == 1 ? index.columns.front() : "", Effect::kAlter);
  context.TouchesObject(ObjectClass::kIndex, {table.name.schema, index.name}, Effect::kBreak,
                        !table.is_new);
  DropFromPartitions(table, index, mode, context);
  const bool cascade = statement["behavior"].text() == "DROP_CASCADE";
  if (cascade && index.unique) ClaimReferences(table, context);
  ReportDrop(table, index, concurrent, context);
  const std::string name = index.name;
  std::erase_if(table.indexes, [&](const Index& other) { return other.name == name; });
}

}  // namespace

void AnalyzeDropIndex(Node statement, StatementContext& context) {
  const bool guarded = statement["missing_ok"].flag();
  context.facts.non_transactional |= statement["concurrent"].flag();
  bool any = false;
  for (const Node object : statement["objects"].Items()) {
    const Name written = model::NameOf(object);
    const auto [table, index] = context.db.FindIndex(written);
    if (index != nullptr) {
      DropKnown(*table, *index, statement, context);
    } else if (guarded && context.db.complete) {
      continue;
    } else {
      DropUnknown(written, statement["concurrent"].flag(), context);
    }
    any = true;
  }
  context.facts.no_op = guarded && !any;
}

}  // namespace lockstep::sql
