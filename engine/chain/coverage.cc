#include "engine/chain/coverage.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include "engine/chain/job_tree.h"
#include "engine/sql/tokens.h"

namespace lockstep::chain {
namespace {

using sql::Node;
using sql::model::Column;
using sql::model::Database;
using sql::model::Relation;

// What a text holds that fills rows when it is run.
constexpr absl::string_view kMakers[] = {"create trigger", "create or replace trigger",
                                         "create constraint trigger", "set default"};

// Whether a text inside of `sql`, of a function, DO block or EXECUTE, may make a trigger or
// default.
bool MayMakeFillers(absl::string_view sql) {
  for (const sql::Token& token : sql::Tokenize(sql)) {
    if (token.kind != sql::TokenKind::kDollarString && token.kind != sql::TokenKind::kString) {
      continue;
    }
    const std::string text =
        absl::StrJoin(absl::StrSplit(absl::AsciiStrToLower(sql::TextOf(sql, token)),
                                     absl::ByAnyChar(" \t\n"), absl::SkipEmpty()),
                      " ");
    for (const absl::string_view maker : kMakers) {
      if (absl::StrContains(text, maker)) return true;
    }
  }
  return false;
}

bool MayMakeFillers(const Backfill& job, std::span<const Migration> migrations) {
  return std::any_of(job.prepare.begin(), job.prepare.end(),
                     [](const std::string& sql) { return MayMakeFillers(sql); }) ||
         std::any_of(migrations.begin(), migrations.end(), [&](const Migration& migration) {
           return migration.version <= job.after && MayMakeFillers(migration.sql);
         });
}

bool HasTrigger(const Relation& relation) {
  return !relation.rules.empty() ||
         std::any_of(relation.triggers.begin(), relation.triggers.end(),
                     [](const sql::model::Trigger& trigger) { return trigger.enabled; });
}

// The same of what its rows may lie in.
bool HasTriggerBelow(const Relation& relation, const Database& database) {
  if (HasTrigger(relation)) return true;
  return std::any_of(relation.children.begin(), relation.children.end(), [&](const auto& name) {
    const Relation* const child = database.FindRelation(name);
    return child != nullptr && HasTriggerBelow(*child, database);
  });
}

bool IsFilled(const Relation& relation, const Column& column, const Database& database) {
  if (column.not_null || column.has_default) return true;
  const auto* const type =
      database.FindType({.schema = column.type.schema, .name = column.type.name});
  if (type != nullptr && type->kind == sql::model::TypeKind::kDomain) return true;
  return std::any_of(relation.constraints.begin(), relation.constraints.end(), [&](const auto& c) {
    return c.enforced && std::find(c.proves_not_null.begin(), c.proves_not_null.end(),
                                   column.name) != c.proves_not_null.end();
  });
}

// Of each UPDATE of `table` in a batch the columns that it sets, each once.
std::vector<UncoveredColumn> ColumnsSet(const JobTree& job, const Relation& table,
                                        const Database& database) {
  std::vector<UncoveredColumn> columns;
  std::set<absl::string_view> seen;
  for (const JobStatement& statement : job.statements) {
    if (statement.section != "batch") continue;
    sql::Walk(statement.tree.statement(), [&](absl::string_view name, Node node) {
      if (name != "UpdateStmt") return true;
      if (database.FindRelation(sql::model::NameOf(node["relation"])) != &table) return true;
      for (const Node item : node["targetList"].Items()) {
        const Node target = item.As("ResTarget");
        if (!seen.insert(target["name"].text()).second) continue;
        columns.push_back({std::string(target["name"].text()), statement.OffsetOf(target)});
      }
      return true;
    });
  }
  return columns;
}

}  // namespace

std::vector<UncoveredColumn> UncoveredColumns(const Backfill& job,
                                              std::span<const Migration> migrations,
                                              const Database& database) {
  if (job.table.empty() || !job.dual_write.empty()) return {};
  const JobTree tree = ParseJob(job);
  const Relation* const table = database.FindRelation(tree.table);
  if (table == nullptr || !table->complete || table->missing || !table->IsTable()) return {};
  std::vector<UncoveredColumn> columns = ColumnsSet(tree, *table, database);
  std::erase_if(columns, [&](const UncoveredColumn& set) {
    const Column* const column = table->FindColumn(set.name);
    return column == nullptr || IsFilled(*table, *column, database);
  });
  if (columns.empty() || HasTriggerBelow(*table, database) || MayMakeFillers(job, migrations)) {
    return {};
  }
  return columns;
}

}  // namespace lockstep::chain
