// Views and materialized views.

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/families.h"
#include "engine/sql/analysis/query_columns.h"
#include "engine/sql/analysis/query_reads.h"
#include "engine/sql/analysis/removal.h"

namespace lockstep::sql {
namespace {

using model::Column;
using model::Name;
using model::Relation;
using model::RelationKind;

constexpr char kTemporarySchema[] = "pg_temp";

// The columns of the view that the statement defines; absent when they cannot be told.
std::optional<std::vector<Column>> ColumnsOfView(Node statement, const model::Database& database) {
  auto columns = ColumnsOfQuery(statement["query"].As("SelectStmt"), database);
  const std::vector<Node> aliases = statement["aliases"].Items();
  if (!columns.has_value()) return columns;
  for (size_t i = 0; i < aliases.size() && i < columns->size(); ++i) {
    (*columns)[i].name = std::string(aliases[i].text());
  }
  return columns;
}

bool SameType(const model::Type& a, const model::Type& b) {
  if (!a.known() || !b.known()) return true;
  if (!a.schema.empty() && !b.schema.empty() && a.schema != b.schema) return false;
  return a.name == b.name && a.modifiers == b.modifiers && a.array == b.array;
}

// Why PostgreSQL refuses `columns` instead of those that `view` has (42P16); "" when it takes them:
// what was there keeps its place, name and type, and new columns come last.
std::string Incompatibility(const Relation& view, const std::vector<Column>& columns) {
  for (size_t i = 0; i < view.columns.size(); ++i) {
    const Column& old = view.columns[i];
    if (i >= columns.size()) return absl::StrCat("loses column ", old.name);
    if (columns[i].name != old.name) {
      return absl::StrCat("has column ", columns[i].name, " in the place of ", old.name);
    }
    if (!SameType(columns[i].type, old.type)) {
      return absl::StrCat("changes the type of column ", old.name, " from ",
                          model::TypeText(old.type), " to ", model::TypeText(columns[i].type));
    }
  }
  return "";
}

void ReplaceView(Relation& view, Node statement, QueryReads reads, StatementContext& context) {
  auto columns = ColumnsOfView(statement, context.db);
  context.Lock(view, LockMode::kAccessExclusive);
  TouchSources(view, context);
  const std::string why =
      view.complete && columns.has_value() ? Incompatibility(view, *columns) : "";
  if (why.empty()) {
    context.Strengthen(Phase::kExpand);
    context.Touches(view, "", Effect::kAlter);
  } else {
    context.StrengthenOn(view, Phase::kContract, ContractKind::kReshape);
    context.Touches(view, "", Effect::kBreak);
    context
        .ReportOn(
            view, Rule::kReplaceViewIncompatible, statement["view"],
            absl::StrCat("view ", view.name.text(), " ", why, ", which OR REPLACE refuses (42P16)"))
        .hint = absl::StrCat("CREATE VIEW ", view.name.text(),
                             "_v2 AS ... beside it, and drop the old one when nobody reads it");
    return;
  }
  view.view_reads = std::move(reads.columns);
  view.complete = columns.has_value();
  if (columns.has_value()) view.columns = *std::move(columns);
}

// What REFRESH reads: everything below the views that it names.
void ClaimSources(const Relation& view, StatementContext& context) {
  std::vector<Name> open;
  std::set<Name> seen;
  for (const auto& [name, columns] : view.view_reads) open.push_back(name);
  while (!open.empty()) {
    const Name name = std::move(open.back());
    open.pop_back();
    const Relation* source = seen.insert(name).second ? context.Find(name) : nullptr;
    if (source == nullptr) continue;
    const bool is_view = source->kind == RelationKind::kView;
    context.Lock(*source, LockMode::kAccessShare, {.scan = !is_view});
    context.Touches(*source, "", Effect::kRead);
    if (!is_view) continue;
    for (const auto& [below, columns] : source->view_reads) open.push_back(below);
  }
}

std::string UniqueIndexHint(const Relation& view) {
  for (const model::Index& index : view.indexes) {
    if (index.unique && !index.partial && !index.has_expressions && index.valid) {
      return absl::StrCat("REFRESH MATERIALIZED VIEW CONCURRENTLY ", view.name.text());
    }
  }
  return absl::StrCat("create a unique index on ", view.name.text(),
                      ", then REFRESH MATERIALIZED VIEW CONCURRENTLY ", view.name.text());
}

}  // namespace

void AnalyzeCreateView(Node statement, StatementContext& context) {
  const bool replace = statement["replace"].flag();
  if (replace) context.facts.guard = Guard::kOrReplace;
  Relation made;
  made.name = context.db.NameForNew(model::NameOf(statement["view"]));
  made.kind = RelationKind::kView;
  made.temporary = statement["view"]["relpersistence"].text() == "t";
  if (made.temporary) made.name.schema = kTemporarySchema;
  QueryReads reads = ReadsOf(statement["query"], context);
  ClaimReads(reads, context);
  if (const auto found = context.db.relations.find(made.name);
      found != context.db.relations.end()) {
    // PostgreSQL refuses the name of a table, and that of a view without OR REPLACE.
    if (!replace || (found->second.complete && found->second.kind != RelationKind::kView)) {
      return context.Strengthen(Phase::kExpand);
    }
    return ReplaceView(found->second, statement, std::move(reads), context);
  }
  auto columns = ColumnsOfView(statement, context.db);
  // What nobody has read the catalog for may be there already, and in use.
  made.is_new = !replace || context.db.complete;
  made.complete = columns.has_value();
  if (columns.has_value()) made.columns = *std::move(columns);
  made.view_reads = std::move(reads.columns);
  const Relation& view = context.db.Add(std::move(made));
  if (!view.is_new) context.Lock(view, LockMode::kAccessExclusive);
  context.Strengthen(Phase::kExpand);
  context.Touches(view, "", view.is_new ? Effect::kCreate : Effect::kAlter);
}

void AnalyzeRefresh(Node statement, StatementContext& context) {
  Relation& view = context.Resolve(statement["relation"]);
  if (!view.complete) view.kind = RelationKind::kMaterializedView;
  context.Touches(view, "", Effect::kWrite);
  context.Strengthen(Phase::kData);
  const bool empties = statement["skipData"].flag();
  if (statement["concurrent"].flag()) {
    context.Lock(view, LockMode::kExclusive, {.scan = true});
    context.LockIndexes(view, LockMode::kRowExclusive);
    return ClaimSources(view, context);
  }
  context.Lock(view, LockMode::kAccessExclusive, {.rewrite = true});
  context.LockIndexes(view, LockMode::kAccessExclusive, {.index_rebuild = true});
  if (empties) {
    // Until the next REFRESH every query of it fails.
    context.StrengthenOn(view, Phase::kContract, ContractKind::kRemove);
  } else {
    ClaimSources(view, context);
  }
  context
      .ReportOn(view, Rule::kRefreshMatviewBlocking, statement["relation"],
                absl::StrCat("nobody reads ", view.name.text(), " while it is written anew"))
      .hint = empties ? "leave it filled" : UniqueIndexHint(view);
}

void AnalyzeDropView(Node statement, StatementContext& context) {
  const bool materialized = statement["removeType"].text() == "OBJECT_MATVIEW";
  const std::vector<Name> names = RelationsToDrop(statement, context);
  for (const Name& name : names) {
    Relation& view = context.Resolve(name);
    if (!view.complete) {
      view.kind = materialized ? RelationKind::kMaterializedView : RelationKind::kView;
    }
    context
        .ReportOn(view, Rule::kDropView, Node(),
                  absl::StrCat("queries that name view ", view.name.text(), " fail"))
        .hint = "drop it once no running version reads it";
  }
  RemoveRelations(names, statement["behavior"].text() == "DROP_CASCADE", context);
}

}  // namespace lockstep::sql
