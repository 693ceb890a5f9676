// LOCK TABLE, and ALTER TABLE ALL IN TABLESPACE.

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/families.h"

namespace lockstep::sql {
namespace {

using model::Name;
using model::Relation;
using model::RelationKind;

LockMode ModeOf(Node statement) {
  const int64_t mode = statement["mode"].number();
  return static_cast<LockMode>(
      std::clamp<int64_t>(mode, 0, static_cast<int64_t>(LockMode::kAccessExclusive)));
}

// A view stands for what it reads, a table for its children unless ONLY is said.
void LockAll(const Relation& relation, bool with_children, LockMode mode,
             StatementContext& context) {
  std::vector<const Relation*> open = {&relation};
  std::set<Name> seen;
  while (!open.empty()) {
    const Relation& next = *open.back();
    open.pop_back();
    if (!seen.insert(next.name).second) continue;
    context.Lock(next, mode);
    context.Touches(next, "", Effect::kRead);
    if (with_children) {
      for (const Relation* below : context.db.Descendants(next)) open.push_back(below);
    }
    if (next.kind != RelationKind::kView) continue;
    for (const auto& [source, columns] : next.view_reads) {
      if (const Relation* read = context.Find(source)) open.push_back(read);
    }
  }
}

bool IsMoved(const Relation& relation, absl::string_view type, const std::string& from) {
  const bool kind = type == "OBJECT_MATVIEW" ? relation.kind == RelationKind::kMaterializedView
                                             : relation.IsTable();
  const std::string& tablespace = relation.tablespace;
  return kind && (tablespace == from || (tablespace.empty() && from == "pg_default"));
}

}  // namespace

void AnalyzeLockTable(Node statement, StatementContext& context) {
  const LockMode mode = ModeOf(statement);
  for (const Node range : statement["relations"].Items()) {
    const Relation& relation = context.Resolve(range);
    LockAll(relation, range.body()["inh"].flag(), mode, context);
    context
        .ReportOn(relation, Rule::kExplicitLockTable, range,
                  absl::StrCat("holds ", LockModeName(mode), " on ", relation.name.text(),
                               " until the migration commits"))
        .hint = "leave it out: every statement takes the locks that it needs";
  }
}

void AnalyzeMoveAll(Node statement, StatementContext& context) {
  const std::string from(statement["orig_tablespacename"].text());
  const absl::string_view type = statement["objtype"].text();
  bool live = !context.db.complete;
  for (const auto& [name, relation] : context.db.relations) {
    if (type == "OBJECT_INDEX") {
      // Where an index is stored the model does not say.
      context.LockIndexes(relation, LockMode::kAccessExclusive, {.index_rebuild = true});
      live |= !relation.is_new && !relation.indexes.empty();
    } else if (IsMoved(relation, type, from)) {
      context.Lock(relation, LockMode::kAccessExclusive, {.rewrite = true, .scan = true});
      context.Touches(relation, "", Effect::kAlter);
      live |= !relation.is_new;
    }
  }
  if (!live) return;
  context.Report(
      Rule::kSetTablespaceRewrite, Node(),
      absl::StrCat("copies everything in tablespace ", from, " while nobody can read or write it"));
}

}  // namespace lockstep::sql
