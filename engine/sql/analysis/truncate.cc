// TRUNCATE.

#include <set>
#include <vector>

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/families.h"

namespace lockstep::sql {
namespace {

using model::Name;
using model::Relation;

class Truncation {
 public:
  Truncation(bool restart, StatementContext& context) : restart_(restart), context_(context) {}

  void Add(const Relation& table, bool with_children) {
    if (!names_.insert(table.name).second) return;
    tables_.push_back(&table);
    if (!with_children) return;
    for (const Relation* below : context_.db.Descendants(table)) Add(*below, false);
  }

  // The tables with foreign keys to what is emptied; theirs, and so on. Returns whether a live one
  // was among them.
  bool Cascade() {
    const size_t named = tables_.size();
    for (size_t i = 0; i < tables_.size(); ++i) {
      for (const auto& [other, key] : context_.db.ReferencesTo(tables_[i]->name)) {
        Add(*other, true);
      }
    }
    for (size_t i = named; i < tables_.size(); ++i) {
      if (!tables_[i]->is_new) return true;
    }
    return false;
  }

  void Claim() {
    for (const Relation* table : tables_) {
      // Empty indexes are built over the empty heap.
      const bool heap = table->kind != model::RelationKind::kPartitionedTable;
      const bool indexed = !table->indexes.empty() || !table->complete;
      context_.Lock(*table, LockMode::kAccessExclusive, {.rewrite = heap, .scan = heap && indexed});
      if (heap) {
        context_.LockIndexes(*table, LockMode::kAccessExclusive, {.index_rebuild = true});
      }
      context_.Touches(*table, "", Effect::kWrite);
    }
    if (restart_) ClaimSequences();
  }

 private:
  void ClaimSequences() {
    for (const auto& [name, other] : context_.db.relations) {
      if (!other.owned_by.has_value() || !names_.contains(other.owned_by->first)) continue;
      context_.Lock(other, LockMode::kAccessExclusive);
      context_.Touches(other, "", Effect::kWrite);
    }
  }

  const bool restart_;
  StatementContext& context_;
  std::set<Name> names_;
  std::vector<const Relation*> tables_;
};

}  // namespace

void AnalyzeTruncate(Node statement, StatementContext& context) {
  context.Strengthen(Phase::kData);
  Truncation truncation(statement["restart_seqs"].flag(), context);
  bool live = false;
  for (const Node range : statement["relations"].Items()) {
    const Relation& table = context.Resolve(range);
    live |= !table.is_new;
    truncation.Add(table, range.body()["inh"].flag());
    context
        .ReportOn(table, Rule::kTruncate, range,
                  absl::StrCat("empties ", table.name.text(),
                               " at once, also for transactions that began before"))
        .hint = absl::StrCat("DELETE FROM ", table.name.text(), " in batches");
  }
  if (statement["behavior"].text() == "DROP_CASCADE") {
    live |= truncation.Cascade();
    if (live) {
      context
          .Report(Rule::kTruncateCascade, Node(),
                  "CASCADE empties every table that references these, without naming it")
          .hint = "name all of the tables";
    }
  }
  truncation.Claim();
}

}  // namespace lockstep::sql
