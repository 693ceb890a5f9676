#include "engine/sql/analysis/file_rules.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace lockstep::sql {
namespace {

model::Name NameIn(const model::Database& database, const model::Name& written) {
  const model::Relation* relation = database.FindRelation(written);
  return relation == nullptr ? database.NameForNew(written) : relation->name;
}

// ADD CONSTRAINT ... NOT VALID and its VALIDATE in one transaction: the strong lock of the first is
// kept during the scan of the second.
void CheckValidation(const FileView& view, const Part& part) {
  std::set<Marks::NamedConstraint> added;
  for (size_t i = part.first; i <= part.last; ++i) {
    for (const auto& [table, name] : view.marks[i].validated) {
      const model::Name resolved = NameIn(view.after, table);
      const model::Relation* relation = view.after.FindRelation(resolved);
      if (relation != nullptr && relation->is_new) continue;
      if (!added.contains({resolved, name})) continue;
      view.Report(Rule::kValidateConstraintSameTransaction, i,
                  absl::StrCat("validates ", name, " in the transaction that adds it to ",
                               resolved.text()))
          .object = resolved.text();
    }
    for (const auto& [table, name] : view.marks[i].added_not_valid) {
      added.emplace(NameIn(view.after, table), name);
    }
  }
}

// Some index starts with these columns, in any order.
bool LeadsAnIndex(const model::Relation& table, const std::vector<std::string>& columns) {
  return std::any_of(table.indexes.begin(), table.indexes.end(), [&](const model::Index& index) {
    if (index.columns.size() < columns.size() || index.partial) return false;
    const auto end = index.columns.begin() + static_cast<std::ptrdiff_t>(columns.size());
    return std::all_of(columns.begin(), columns.end(), [&](const std::string& column) {
      return std::find(index.columns.begin(), end, column) != end;
    });
  });
}

// Looked at when the whole file has run: the index may come after the key.
void CheckForeignKeys(const FileView& view) {
  for (size_t i = 0; i < view.marks.size(); ++i) {
    if (view.analysis.statements[i].no_op) continue;
    for (const Marks::ForeignKey& key : view.marks[i].foreign_keys) {
      const model::Relation* table = view.after.FindRelation(key.table);
      if (table == nullptr || table->is_new || LeadsAnIndex(*table, key.columns)) continue;
      const std::string columns = absl::StrJoin(key.columns, ", ");
      Finding& finding = view.Report(
          Rule::kFkWithoutIndex, i,
          absl::StrCat("no index of ", table->name.text(), " starts with ", columns), key.offset);
      finding.object = table->name.text();
      finding.hint =
          absl::StrCat("CREATE INDEX CONCURRENTLY ON ", table->name.text(), " (", columns, ")");
    }
  }
}

// Several ALTER TABLE of one table that each read or write all of it.
void CheckRepeatedWork(const FileView& view, const Part& part) {
  std::map<model::Name, size_t> first;
  for (size_t i = part.first; i <= part.last; ++i) {
    const model::Name& table = view.marks[i].altered;
    if (table.name.empty() || !view.analysis.statements[i].LongOnLive()) continue;
    const auto [seen, is_first] = first.emplace(NameIn(view.after, table), i);
    if (is_first) continue;
    view.Report(Rule::kMergeAlterTable, i,
                absl::StrCat("goes over all of ", seen->first.text(), " again, as ",
                             view.analysis.statements[seen->second].summary, " did"));
  }
}

void CheckNoOps(const FileView& view) {
  for (size_t i = 0; i < view.marks.size(); ++i) {
    const StatementFacts& facts = view.analysis.statements[i];
    if (!facts.no_op || !BlocksWrites(facts.StrongestLiveLock())) continue;
    view.Report(
        Rule::kGuardedNoopLock, i,
        absl::StrCat("changes nothing, yet takes ", LockModeName(facts.StrongestLiveLock())));
  }
}

// lockstep runs such statements by themselves whether the file says so or not: what is left to say
// is that the migration is not one transaction.
void CheckTransaction(const FileView& view) {
  const size_t run = view.analysis.statements.size();
  for (size_t i = 0; i < view.marks.size(); ++i) {
    const StatementFacts& facts = view.analysis.statements[i];
    if (facts.non_transactional && !view.input.transaction_none) {
      Finding& finding = view.Report(Rule::kNonTransactionalInTransaction, i,
                                     absl::StrCat(facts.summary, " cannot run in a transaction"));
      finding.severity = Severity::kWarning;
      finding.hint = "put it into a migration of its own, with -- lockstep:transaction none";
    }
  }
  if (!view.input.transaction_none || run < 2) return;
  Finding& finding = view.Report(
      Rule::kNonTransactionalNotAlone, 1,
      absl::StrCat(run, " statements without a transaction: a failure leaves some of them done"));
  finding.severity = Severity::kWarning;
}

void CheckGuards(const FileView& view) {
  if (!view.input.transaction_none) return;
  for (size_t i = 0; i < view.marks.size(); ++i) {
    if (!view.marks[i].unguarded) continue;
    view.Report(Rule::kMissingGuard, i,
                absl::StrCat(view.analysis.statements[i].summary,
                             " fails when it runs again after a lost answer"));
  }
}

// A step has one phase: what expands can run at once, what contracts waits for the fleet.
void CheckPhases(const FileView& view) {
  std::optional<size_t> contract;
  std::optional<size_t> other;
  for (size_t i = 0; i < view.marks.size(); ++i) {
    const Phase phase = view.analysis.statements[i].phase;
    if (phase == Phase::kContract && !contract.has_value()) contract = i;
    if ((phase == Phase::kExpand || phase == Phase::kData) && !other.has_value()) other = i;
  }
  if (!contract.has_value() || !other.has_value()) return;
  view.Report(Rule::kMixedPhases, *contract,
              absl::StrCat(view.analysis.statements[*contract].summary,
                           " makes the whole migration wait for the fleet, with ",
                           view.analysis.statements[*other].summary));
}

}  // namespace

Finding& FileView::Report(Rule rule, size_t index, std::string message, size_t offset) const {
  Finding finding{.rule = rule,
                  .severity = InfoOf(rule).severity,
                  .statement = static_cast<int>(index),
                  .message = std::move(message)};
  if (index < input.statements.size()) {
    const Statement& statement = input.statements[index];
    finding.offset = statement.offset + std::min(offset, statement.size);
    finding.size = offset == 0 ? statement.size : 0;
  }
  analysis.findings.push_back(std::move(finding));
  return analysis.findings.back();
}

void CheckFile(const FileView& view) {
  for (const Part& part : view.analysis.parts) {
    if (!part.transactional) continue;
    CheckLocks(view, part);
    CheckValidation(view, part);
    CheckRepeatedWork(view, part);
  }
  CheckForeignKeys(view);
  CheckNoOps(view);
  CheckTransaction(view);
  CheckGuards(view);
  CheckPhases(view);
}

}  // namespace lockstep::sql
