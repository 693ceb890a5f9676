#include "engine/chain/uses.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

#include "engine/chain/analysis.h"
#include "engine/sql/analysis/analyzer.h"

namespace lockstep::chain {
namespace {

// A suggestion may differ in at most a third of its characters.
constexpr size_t kAlike = 3;

// Everything that a `uses` may name: tables, views and their columns, with and without schema.
std::set<std::string> NamesIn(const sql::model::Database& database) {
  std::set<std::string> names;
  for (const auto& [name, relation] : database.relations) {
    for (const std::string& table : {name.name, absl::StrCat(name.schema, ".", name.name)}) {
      names.insert(table);
      for (const auto& column : relation.columns)
        names.insert(absl::StrCat(table, ".", column.name));
    }
  }
  return names;
}

size_t Distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row[b.size()];
}

std::string Alike(const std::string& use, const std::set<std::string>& names) {
  std::string best;
  size_t least = use.size() / kAlike + 1;
  for (const std::string& name : names) {
    const size_t longer = std::max(name.size(), use.size());
    if (longer - std::min(name.size(), use.size()) >= least) continue;
    if (const size_t distance = Distance(use, name); distance < least) {
      least = distance;
      best = name;
    }
  }
  return best;
}

// Names whose columns nobody knows may have any column.
bool MayHave(const sql::model::Database& database, const std::string& use) {
  for (const auto& [name, relation] : database.relations) {
    if (relation.complete) continue;
    for (const std::string& table : {name.name, absl::StrCat(name.schema, ".", name.name)}) {
      if (use == table || use.starts_with(table + ".")) return true;
    }
  }
  return false;
}

}  // namespace

std::vector<BadUse> JudgeUses(const ServiceFile& file, std::span<const Migration> migrations,
                              sql::model::Database empty) {
  if (file.uses.empty()) return {};
  empty.complete = true;
  sql::Analyzer analyzer(std::move(empty));
  std::map<std::string, Version> removed;  // Entries that were there, and who took them away.
  std::set<std::string> there;
  for (const Migration& migration : migrations) {
    AnalyzeMigration(&analyzer, migration);
    analyzer.MarkApplied();
    const std::set<std::string> names = NamesIn(analyzer.database());
    for (const std::string& use : file.uses) {
      if (names.contains(use)) {
        there.insert(use);
        removed.erase(use);
      } else if (there.erase(use) > 0) {
        removed[use] = migration.version;
      }
    }
  }
  const sql::model::Database& database = analyzer.database();
  if (!database.complete) return {};
  const std::set<std::string> names = NamesIn(database);
  std::vector<BadUse> bad;
  for (const std::string& use : file.uses) {
    if (there.contains(use) || MayHave(database, use)) continue;
    const auto gone = removed.find(use);
    if (gone != removed.end() && gone->second > file.adapted_to) continue;
    bad.push_back({.use = use,
                   .removed_by = gone == removed.end() ? 0 : gone->second,
                   .suggestion = gone == removed.end() ? Alike(use, names) : ""});
  }
  return bad;
}

}  // namespace lockstep::chain
