// Locks live until COMMIT: what a statement takes, the rest of its transaction keeps.

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/file_rules.h"

namespace lockstep::sql {
namespace {

// A lock that makes others wait, on a table that somebody may be using.
bool IsStrong(const Touch& touch) { return touch.live && touch.table && BlocksWrites(touch.lock); }

// What has been locked so far in a transaction, and by which statement.
struct Held {
  LockMode lock = LockMode::kNone;
  size_t statement = 0;
};
using HeldLocks = std::map<model::Name, Held>;

// The strongest of them.
const std::pair<const model::Name, Held>* Strongest(const HeldLocks& held) {
  const auto strongest =
      std::max_element(held.begin(), held.end(),
                       [](const auto& a, const auto& b) { return a.second.lock < b.second.lock; });
  return strongest == held.end() ? nullptr : &*strongest;
}

// Statements that take their time: they read, write or build something as a whole, or rows.
bool TakesTime(const StatementFacts& facts) {
  return facts.kind == StatementClassKind::kData || facts.LongOnLive();
}

void CheckAfterLock(const FileView& view, size_t index, const HeldLocks& held) {
  const auto* strongest = Strongest(held);
  if (strongest == nullptr || !TakesTime(view.analysis.statements[index])) return;
  const auto& [table, lock] = *strongest;
  view.Report(Rule::kStatementAfterStrongLock, index,
              absl::StrCat("runs while the transaction holds ", LockModeName(lock.lock), " on ",
                           table.text(), ", taken in ",
                           view.analysis.statements[lock.statement].summary))
      .object = table.text();
}

void CheckMix(const FileView& view, size_t index, const HeldLocks& held, bool* reported) {
  const StatementFacts& facts = view.analysis.statements[index];
  const auto* strongest = Strongest(held);
  if (*reported || strongest == nullptr || facts.kind != StatementClassKind::kData) return;
  *reported = true;
  view.Report(Rule::kMixDdlDml, index,
              absl::StrCat("writes rows in the transaction that locks ", strongest->first.text(),
                           " in ", LockModeName(strongest->second.lock)))
      .object = strongest->first.text();
}

// Tables that one statement locks together (foreign keys, partitions, CASCADE) are one step; a
// second statement with tables of its own makes the window wide.
void CheckWindow(const FileView& view, size_t index, const HeldLocks& held, bool* reported) {
  const StatementFacts& facts = view.analysis.statements[index];
  if (*reported || held.empty()) return;
  const Touch* own = nullptr;
  for (const Touch& touch : facts.touches) {
    if (!IsStrong(touch)) continue;
    if (held.contains(touch.name)) return;
    if (own == nullptr) own = &touch;
  }
  if (own == nullptr) return;
  *reported = true;
  view.Report(Rule::kWideLockWindow, index,
              absl::StrCat("locks ", own->name.text(), " in ", LockModeName(own->lock),
                           " while the transaction holds ", LockModeName(held.begin()->second.lock),
                           " on ", held.begin()->first.text()))
      .object = own->name.text();
}

void Take(const StatementFacts& facts, size_t index, HeldLocks* held) {
  for (const Touch& touch : facts.touches) {
    if (!IsStrong(touch)) continue;
    Held& lock = (*held)[touch.name];
    if (touch.lock > lock.lock) lock = {touch.lock, index};
  }
}

// DDL after DML: the rows are written first, and the lock is asked for while they are locked.
bool DataCameFirst(const FileView& view, const Part& part, size_t index) {
  for (size_t i = part.first; i < index; ++i) {
    if (view.analysis.statements[i].kind != StatementClassKind::kData) continue;
    for (const Touch& touch : view.analysis.statements[i].touches) {
      if (touch.live && touch.effect == Effect::kWrite) return true;
    }
  }
  return false;
}

void CheckMixReversed(const FileView& view, const Part& part, size_t index, bool* reported) {
  const StatementFacts& facts = view.analysis.statements[index];
  if (*reported || facts.kind != StatementClassKind::kDefinition) return;
  const auto strong = std::find_if(facts.touches.begin(), facts.touches.end(), IsStrong);
  if (strong == facts.touches.end() || !DataCameFirst(view, part, index)) return;
  *reported = true;
  view.Report(Rule::kMixDdlDml, index,
              absl::StrCat("locks ", strong->name.text(), " in ", LockModeName(strong->lock),
                           " in the transaction that has written rows"))
      .object = strong->name.text();
}

}  // namespace

void CheckLocks(const FileView& view, const Part& part) {
  HeldLocks held;
  bool mixed = false;
  bool wide = false;
  for (size_t i = part.first; i <= part.last; ++i) {
    const StatementFacts& facts = view.analysis.statements[i];
    CheckAfterLock(view, i, held);
    CheckMix(view, i, held, &mixed);
    CheckMixReversed(view, part, i, &mixed);
    CheckWindow(view, i, held, &wide);
    Take(facts, i, &held);
  }
}

}  // namespace lockstep::sql
