// CREATE INDEX.

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "engine/sql/analysis/definition.h"
#include "engine/sql/analysis/families.h"
#include "engine/sql/analysis/table_copy.h"

namespace lockstep::sql {
namespace {

using model::Index;
using model::Relation;
using model::RelationKind;

// More columns than this seldom help a query.
constexpr size_t kMaxUsefulColumns = 3;

LockMode LockOf(Node statement) {
  return statement["concurrent"].flag() ? LockMode::kShareUpdateExclusive : LockMode::kShare;
}

// "CREATE INDEX CONCURRENTLY i ON t ...": the statement with CONCURRENTLY after INDEX. The rest of
// the text is the author's.
std::string Concurrently(const Relation& table, const Index& index) {
  return absl::StrCat(
      "CREATE ", index.unique ? "UNIQUE " : "", "INDEX CONCURRENTLY IF NOT EXISTS ", index.name,
      " ON ", table.name.text(),
      index.method.empty() || index.method == "btree" ? "" : absl::StrCat(" USING ", index.method),
      index.has_expressions ? " (...)"
                            : absl::StrCat(" (", absl::StrJoin(index.columns, ", "), ")"),
      index.partial ? " WHERE ..." : "");
}

// ---- IF NOT EXISTS.

// What the statement would build, without building it.
Index Wanted(Node statement, const Relation& table, StatementContext& context) {
  Relation scratch = table;
  scratch.indexes.clear();
  return DefineIndex(scratch, statement, context);
}

void SkipExisting(const Relation& table, const Index& existing, const Relation& wanted_table,
                  Node statement, StatementContext& context) {
  context.facts.no_op = true;
  context.Lock(wanted_table, LockOf(statement));
  if (!existing.valid) {
    context
        .ReportOn(table, Rule::kInvalidIndexLeftover, statement["relation"],
                  absl::StrCat("index ", existing.name,
                               " is there but invalid, and IF NOT EXISTS leaves it so"))
        .hint = absl::StrCat("DROP INDEX CONCURRENTLY IF EXISTS ", existing.name, " before it");
    return;
  }
  const Index wanted = Wanted(statement, wanted_table, context);
  if (&table == &wanted_table && wanted.columns == existing.columns &&
      wanted.unique == existing.unique && wanted.partial == existing.partial &&
      wanted.method == existing.method) {
    return;
  }
  context
      .ReportOn(table, Rule::kMisleadingIfNotExists, statement["relation"],
                absl::StrCat("index ", existing.name, " exists on ", table.name.text(),
                             " with another definition and stays as it is"))
      .hint = "give the new index another name, and drop the old one once nothing needs it";
}

// The index that IF NOT EXISTS finds.
std::pair<Relation*, Index*> Existing(Node statement, Relation& table, StatementContext& context) {
  const std::string name(statement["idxname"].text());
  if (name.empty()) return {nullptr, nullptr};
  if (Index* own = table.FindIndex(name)) return {&table, own};
  return context.db.FindIndex({table.name.schema, name});
}

// ---- Locks.

// Whether a partition has the index already, so that it is only attached.
bool HasIndex(const Relation& partition, const Index& index) {
  return std::any_of(partition.indexes.begin(), partition.indexes.end(),
                     [&](const Index& own) { return own.valid && SameIndex(own, index); });
}

// Returns whether anything is built.
bool ClaimPartitions(const Relation& parent, const Index& index, LockMode mode,
                     StatementContext& context) {
  bool builds = !parent.complete;
  for (const Relation* partition : context.db.Descendants(parent)) {
    const bool scan =
        partition->kind != RelationKind::kPartitionedTable && !HasIndex(*partition, index);
    context.Lock(*partition, mode, {.scan = scan});
    builds |= scan && !partition->is_new;
  }
  return builds;
}

void DefineOnPartitions(const Relation& parent, StatementContext& context) {
  for (Relation* partition : context.db.Descendants(parent)) {
    CopyMissingIndexes(parent, *partition);
    context.db.Note(*partition);
  }
}

// ---- Findings.

void ReportBlocking(const Relation& table, const Index& index, Node statement,
                    StatementContext& context) {
  const Node at = statement["relation"];
  if (table.kind == RelationKind::kPartitionedTable) {
    context
        .ReportOn(
            table, Rule::kCreateIndexPartitioned, at,
            statement["concurrent"].flag()
                ? absl::StrCat(table.name.text(), " is partitioned: CONCURRENTLY is refused there")
                : absl::StrCat("index ", index.name, " stops writes to ", table.name.text(),
                               " and all its partitions while it is built on each"))
        .hint = absl::StrCat("CREATE INDEX ", index.name, " ON ONLY ", table.name.text(),
                             " (...); for each partition CREATE INDEX CONCURRENTLY, then ALTER "
                             "INDEX ",
                             index.name, " ATTACH PARTITION ...");
    return;
  }
  if (statement["concurrent"].flag()) return;
  context
      .ReportOn(table, Rule::kCreateIndexBlocking, at,
                absl::StrCat("index ", index.name, " stops writes to ", table.name.text(),
                             " while it is built"))
      .hint = Concurrently(table, index);
}

// Whether another unique index refuses already whatever this one would refuse.
bool IsImplied(const Relation& table, const Index& index, Node statement) {
  for (const Node element : statement["indexParams"].Items()) {
    if (element.body()["collation"] || element.body()["opclass"]) return false;
  }
  if (index.has_expressions || statement["nulls_not_distinct"].flag()) return false;
  return std::any_of(table.indexes.begin(), table.indexes.end(), [&](const Index& other) {
    return other.unique && other.valid && !other.partial && !other.has_expressions &&
           !other.deferrable && !other.columns.empty() && other.name != index.name &&
           std::all_of(other.columns.begin(), other.columns.end(), [&](const std::string& column) {
             return std::find(index.columns.begin(), index.columns.end(), column) !=
                    index.columns.end();
           });
  });
}

void ReportUnique(const Relation& table, const Index& index, Node statement,
                  StatementContext& context) {
  if (!index.unique || (table.complete && IsImplied(table, index, statement))) {
    return context.Strengthen(Phase::kNeutral);
  }
  if (table.is_new) return context.Strengthen(Phase::kExpand);
  context.StrengthenOn(table, Phase::kContract, ContractKind::kTighten);
  context
      .ReportOn(table, Rule::kCreateUniqueIndex, statement["relation"],
                absl::StrCat("index ", index.name, " refuses rows of ", table.name.text(),
                             " that running versions may write"))
      .hint =
      index.has_expressions
          ? "look for duplicates first"
          : absl::StrCat("look for duplicates first: SELECT ", absl::StrJoin(index.columns, ", "),
                         " FROM ", table.name.text(), " GROUP BY ",
                         absl::StrJoin(index.columns, ", "), " HAVING count(*) > 1");
}

// Another index that begins with the same columns makes a plain one superfluous.
const Index* Covering(const Relation& table, const Index& index) {
  if (index.unique || index.partial || index.has_expressions) return nullptr;
  for (const Index& other : table.indexes) {
    if (other.name == index.name || !other.valid || other.partial || other.method != index.method ||
        other.columns.size() < index.columns.size()) {
      continue;
    }
    if (std::equal(index.columns.begin(), index.columns.end(), other.columns.begin())) {
      return &other;
    }
  }
  return nullptr;
}

void ReportWidth(const Relation& table, const Index& index, Node statement,
                 StatementContext& context) {
  if (!index.unique && index.columns.size() > kMaxUsefulColumns) {
    context.Report(Rule::kWideIndex, statement["relation"],
                   absl::StrCat("index ", index.name, " has ", index.columns.size(),
                                " columns, and every write pays for them"));
  } else if (const Index* other = Covering(table, index)) {
    context.Report(
        Rule::kWideIndex, statement["relation"],
        absl::StrCat("index ", index.name, " repeats the first columns of ", other->name));
  }
}

void Build(Relation& table, Node statement, StatementContext& context) {
  const Index index = DefineIndex(table, statement, context);
  const bool partitioned = table.kind == RelationKind::kPartitionedTable;
  const bool only = partitioned && !statement["relation"]["inh"].flag();
  const bool concurrent = statement["concurrent"].flag();
  context.Lock(table, LockOf(statement), {.scan = !partitioned});
  context.Touches(table, index.columns.size() == 1 ? index.columns.front() : "", Effect::kAlter);
  context.TouchesObject(ObjectClass::kIndex, {table.name.schema, index.name}, Effect::kCreate,
                        false);
  const bool builds =
      partitioned
          ? concurrent || (!only && ClaimPartitions(table, index, LockOf(statement), context))
          : true;
  if (builds) ReportBlocking(table, index, statement, context);
  if (statement["idxname"].text().empty()) {
    context
        .ReportOn(table, Rule::kUnnamedConstraint, statement["relation"],
                  absl::StrCat("an index of ", table.name.text(),
                               " without a name is built again when the statement runs again"))
        .hint = absl::StrCat("name it: ", index.name);
  }
  ReportUnique(table, index, statement, context);
  ReportWidth(table, index, statement, context);
  if (only) {
    if (Index* made = table.FindIndex(index.name)) {
      made->valid = table.children.empty() && table.complete;
    }
  } else if (partitioned) {
    DefineOnPartitions(table, context);
  }
}

}  // namespace

void AnalyzeCreateIndex(Node statement, StatementContext& context) {
  context.facts.non_transactional |= statement["concurrent"].flag();
  Relation& table = context.Resolve(statement["relation"]);
  if (statement["if_not_exists"].flag()) {
    context.facts.guard = Guard::kIfNotExists;
    const auto [owner, existing] = Existing(statement, table, context);
    if (existing != nullptr) return SkipExisting(*owner, *existing, table, statement, context);
  }
  Build(table, statement, context);
}

}  // namespace lockstep::sql
