// CLUSTER, VACUUM and ANALYZE, REINDEX, statistics, comments.

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/families.h"

namespace lockstep::sql {
namespace {

using model::Index;
using model::Name;
using model::Relation;
using model::RelationKind;

// An option of a list of DefElem nodes: given, and not switched off.
bool HasOption(Node options, absl::string_view name) {
  bool set = false;
  for (const Node option : options.Items()) {
    const Node element = option.As("DefElem");
    if (!absl::EqualsIgnoreCase(element["defname"].text(), name)) continue;
    const Node value = element["arg"];
    const absl::string_view text = value.text();
    set = !value || !(text == "false" || text == "off" || text == "0" ||
                      (value.type() == "Integer" && value.number() == 0));
  }
  return set;
}

bool HoldsRows(const Relation& relation) {
  return relation.kind == RelationKind::kTable || relation.kind == RelationKind::kMaterializedView;
}

// Heap and indexes are written anew.
void Rewrite(const Relation& table, StatementContext& context) {
  const bool rows = HoldsRows(table);
  context.Lock(table, LockMode::kAccessExclusive, {.rewrite = rows, .scan = rows});
  context.LockIndexes(table, LockMode::kAccessExclusive, {.index_rebuild = rows});
  for (const Relation* below : context.db.Descendants(table)) {
    if (table.kind != RelationKind::kPartitionedTable) break;
    const bool below_rows = HoldsRows(*below);
    context.Lock(*below, LockMode::kAccessExclusive, {.rewrite = below_rows, .scan = below_rows});
    context.LockIndexes(*below, LockMode::kAccessExclusive, {.index_rebuild = below_rows});
  }
}

// Every table that holds rows: what a statement without a name is about.
std::vector<const Relation*> AllTables(const std::string& schema, StatementContext& context) {
  std::vector<const Relation*> tables;
  for (const auto& [name, relation] : context.db.relations) {
    if (HoldsRows(relation) && (schema.empty() || name.schema == schema)) {
      tables.push_back(&relation);
    }
  }
  return tables;
}

bool AnyLive(const std::vector<const Relation*>& tables, const StatementContext& context) {
  return !context.db.complete ||
         std::any_of(tables.begin(), tables.end(), [](const Relation* t) { return !t->is_new; });
}

constexpr char kRepack[] = "rebuild it online with pg_repack or pg_squeeze";

// ---- REINDEX.

void ReindexTable(const Relation& table, bool concurrently, StatementContext& context) {
  const LockMode on_table = concurrently ? LockMode::kShareUpdateExclusive : LockMode::kShare;
  const LockMode on_index =
      concurrently ? LockMode::kShareUpdateExclusive : LockMode::kAccessExclusive;
  const bool rows = HoldsRows(table);
  context.Lock(table, on_table, {.scan = rows});
  context.LockIndexes(table, on_index, {.index_rebuild = rows});
}

void ReportReindex(const Relation& table, absl::string_view what, absl::string_view kind,
                   absl::string_view name, Node at, StatementContext& context) {
  context
      .ReportOn(table, Rule::kReindexBlocking, at,
                absl::StrCat("rebuilding ", what, " stops writes to ", table.name.text(),
                             ", and reads too: a query opens every index"))
      .hint = absl::StrCat("REINDEX ", kind, " CONCURRENTLY ", name);
}

void ReindexOneIndex(Node statement, bool concurrently, StatementContext& context) {
  const Name written = model::NameOf(statement["relation"]);
  const auto [table, index] = context.db.FindIndex(written);
  const LockMode mode = concurrently ? LockMode::kShareUpdateExclusive : LockMode::kAccessExclusive;
  if (index == nullptr) {
    context.LockObject(ObjectClass::kIndex, context.db.NameForNew(written), mode, /*live=*/true,
                       {.index_rebuild = true});
    if (concurrently) return;
    context
        .Report(Rule::kReindexBlocking, statement["relation"],
                absl::StrCat("rebuilding index ", written.text(),
                             " stops writes to its table, and reads too"))
        .hint = absl::StrCat("REINDEX INDEX CONCURRENTLY ", written.text());
    return;
  }
  const bool partitioned = table->kind == RelationKind::kPartitionedTable;
  context.facts.non_transactional |= partitioned;
  context.Lock(*table, concurrently ? LockMode::kShareUpdateExclusive : LockMode::kShare,
               {.scan = !partitioned});
  context.LockIndex(*table, index->name, mode, {.index_rebuild = !partitioned});
  if (partitioned) {
    for (const Relation* below : context.db.Descendants(*table)) {
      ReindexTable(*below, concurrently, context);
    }
  }
  index->valid |= !partitioned;
  if (!concurrently) {
    ReportReindex(*table, absl::StrCat("index ", index->name), "INDEX",
                  Name{table->name.schema, index->name}.text(), statement["relation"], context);
  }
}

void ReindexOneTable(Node statement, bool concurrently, StatementContext& context) {
  Relation& table = context.Resolve(statement["relation"]);
  context.facts.non_transactional |= table.kind == RelationKind::kPartitionedTable;
  ReindexTable(table, concurrently, context);
  if (table.kind == RelationKind::kPartitionedTable) {
    for (const Relation* below : context.db.Descendants(table)) {
      ReindexTable(*below, concurrently, context);
    }
  }
  for (Index& index : table.indexes) index.valid |= !concurrently;
  if (concurrently) return;
  ReportReindex(table, absl::StrCat("all indexes of ", table.name.text()), "TABLE",
                table.name.text(), statement["relation"], context);
}

void ReindexMany(Node statement, bool concurrently, StatementContext& context) {
  context.facts.non_transactional = true;
  const absl::string_view kind = statement["kind"].text();
  const std::string name(statement["name"].text());
  const bool system = kind == "REINDEX_OBJECT_SYSTEM";
  if (!system) {
    const std::vector<const Relation*> tables =
        AllTables(kind == "REINDEX_OBJECT_SCHEMA" ? name : "", context);
    for (const Relation* table : tables) ReindexTable(*table, concurrently, context);
    if (!AnyLive(tables, context)) return;
  }
  if (concurrently) return;
  context
      .Report(Rule::kReindexBlocking, Node(),
              absl::StrCat("rebuilds every index of ", name,
                           ", and stops reads and writes of one table after another"))
      .hint =
      system ? "leave it to a maintenance window"
             : absl::StrCat("REINDEX ", kind == "REINDEX_OBJECT_SCHEMA" ? "SCHEMA" : "DATABASE",
                            " CONCURRENTLY ", name);
}

// ---- VACUUM.

void VacuumTable(const Relation& table, bool full, Node at, StatementContext& context) {
  if (!full) {
    context.Lock(table, LockMode::kShareUpdateExclusive);
    if (table.kind != RelationKind::kPartitionedTable) return;
    for (const Relation* below : context.db.Descendants(table)) {
      context.Lock(*below, LockMode::kShareUpdateExclusive);
    }
    return;
  }
  Rewrite(table, context);
  context
      .ReportOn(table, Rule::kVacuumFull, at,
                absl::StrCat("VACUUM FULL writes ", table.name.text(),
                             " anew while nobody can read or write it"))
      .hint = kRepack;
}

void VacuumAll(bool full, StatementContext& context) {
  const std::vector<const Relation*> tables = AllTables("", context);
  for (const Relation* table : tables) {
    if (full) {
      Rewrite(*table, context);
    } else {
      context.Lock(*table, LockMode::kShareUpdateExclusive);
    }
  }
  if (full && AnyLive(tables, context)) {
    context
        .Report(Rule::kVacuumFull, Node(),
                "VACUUM FULL without a table writes every table anew, each while nobody can use it")
        .hint = kRepack;
  }
}

// ---- Comments.

// What COMMENT locks of the relation that `type` is about. A comment on a part of a table takes
// ACCESS SHARE.
struct Commented {
  absl::string_view type;
  LockMode mode;
  bool last_is_part;  // The last name is the part's, what stands before it the relation's.
};

constexpr Commented kCommented[] = {
    {"OBJECT_TABLE", LockMode::kShareUpdateExclusive, false},
    {"OBJECT_VIEW", LockMode::kShareUpdateExclusive, false},
    {"OBJECT_MATVIEW", LockMode::kShareUpdateExclusive, false},
    {"OBJECT_FOREIGN_TABLE", LockMode::kShareUpdateExclusive, false},
    {"OBJECT_SEQUENCE", LockMode::kShareUpdateExclusive, false},
    {"OBJECT_COLUMN", LockMode::kShareUpdateExclusive, true},
    {"OBJECT_TABCONSTRAINT", LockMode::kAccessShare, true},
    {"OBJECT_TRIGGER", LockMode::kAccessShare, true},
    {"OBJECT_RULE", LockMode::kAccessShare, true},
    {"OBJECT_POLICY", LockMode::kAccessShare, true},
};

}  // namespace

void AnalyzeCluster(Node statement, StatementContext& context) {
  if (!statement["relation"]) {
    context.facts.non_transactional = true;
    std::vector<const Relation*> tables = AllTables("", context);
    std::erase_if(tables, [](const Relation* table) { return table->indexes.empty(); });
    for (const Relation* table : tables) Rewrite(*table, context);
    if (!AnyLive(tables, context)) return;
    context
        .Report(Rule::kClusterRewrite, Node(),
                "CLUSTER without a table writes every clustered table anew, each while nobody can "
                "use it")
        .hint = kRepack;
    return;
  }
  const Relation& table = context.Resolve(statement["relation"]);
  context.facts.non_transactional |= table.kind == RelationKind::kPartitionedTable;
  Rewrite(table, context);
  context
      .ReportOn(table, Rule::kClusterRewrite, statement["relation"],
                absl::StrCat("CLUSTER writes ", table.name.text(),
                             " anew while nobody can read or write it"))
      .hint = kRepack;
}

void AnalyzeVacuum(Node statement, StatementContext& context) {
  const bool vacuum = statement["is_vacuumcmd"].flag();
  const bool full = vacuum && HasOption(statement["options"], "full");
  context.facts.non_transactional |= vacuum;
  const std::vector<Node> tables = statement["rels"].Items();
  for (const Node table : tables) {
    const Node range = table.body()["relation"];
    VacuumTable(context.Resolve(range), full, range, context);
  }
  if (tables.empty()) VacuumAll(full, context);
}

void AnalyzeReindex(Node statement, StatementContext& context) {
  const bool concurrently = HasOption(statement["params"], "concurrently");
  context.facts.non_transactional |= concurrently;
  const absl::string_view kind = statement["kind"].text();
  if (kind == "REINDEX_OBJECT_INDEX") {
    ReindexOneIndex(statement, concurrently, context);
  } else if (kind == "REINDEX_OBJECT_TABLE") {
    ReindexOneTable(statement, concurrently, context);
  } else {
    ReindexMany(statement, concurrently, context);
  }
}

void AnalyzeStatistics(Node statement, StatementContext& context) {
  if (statement["if_not_exists"].flag()) context.facts.guard = Guard::kIfNotExists;
  if (statement["missing_ok"].flag()) context.facts.guard = Guard::kIfExists;
  for (const Node range : statement["relations"].Items()) {
    if (range.type() != "RangeVar") continue;
    const Relation& table = context.Resolve(range);
    context.Lock(table, LockMode::kShareUpdateExclusive);
    if (!statement["defnames"]) continue;
    const Name name = context.db.NameForNew(model::NameOf(statement["defnames"]));
    context.db.statistics.try_emplace(name, table.name);
  }
  context.TouchesObject(ObjectClass::kOther, model::NameOf(statement["defnames"]),
                        statement["relations"] ? Effect::kCreate : Effect::kAlter, false);
}

void AnalyzeComment(Node statement, StatementContext& context) {
  const absl::string_view type = statement["objtype"].text();
  if (type == "OBJECT_INDEX") {
    const Name written = model::NameOf(statement["object"]);
    const auto [table, index] = context.db.FindIndex(written);
    context.LockObject(
        ObjectClass::kIndex,
        index == nullptr ? context.db.NameForNew(written) : Name{table->name.schema, index->name},
        LockMode::kShareUpdateExclusive, table == nullptr || !table->is_new);
    return;
  }
  const auto row = std::find_if(std::begin(kCommented), std::end(kCommented),
                                [&](const Commented& c) { return c.type == type; });
  if (row == std::end(kCommented)) return;
  std::vector<Node> parts = statement["object"].Items();
  if (row->last_is_part && !parts.empty()) parts.pop_back();
  if (parts.empty()) return;
  Name written{.name = std::string(parts.back().text())};
  if (parts.size() > 1) written.schema = std::string(parts[parts.size() - 2].text());
  context.Lock(context.Resolve(written), row->mode);
}

}  // namespace lockstep::sql
