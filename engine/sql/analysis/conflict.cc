// Which migrations depend on their order.

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"

#include "engine/sql/analysis/analyzer.h"

namespace lockstep::sql {
namespace {

bool Matters(const Touch& touch) { return touch.effect != Effect::kNone; }

// A schema that comes or goes concerns everything in it.
bool Holds(const Touch& schema, const Touch& other) {
  return schema.object_class == ObjectClass::kSchema && schema.effect >= Effect::kCreate &&
         schema.name.name == other.name.schema;
}

bool SamePlace(const Touch& a, const Touch& b) {
  if (Holds(a, b) || Holds(b, a)) return true;
  // Relations and types share their names: a table is a type, too.
  if (a.name != b.name) return false;
  return a.column == b.column || a.column.empty() || b.column.empty();
}

bool Conflicts(const Touch& a, const Touch& b) {
  if (!Matters(a) || !Matters(b)) return false;
  if (a.effect == Effect::kRead && b.effect == Effect::kRead) return false;
  return SamePlace(a, b);
}

template <typename Visit>
bool AnyTouch(const FileAnalysis& file, Visit visit) {
  return std::any_of(file.statements.begin(), file.statements.end(), [&](const auto& facts) {
    return std::any_of(facts.touches.begin(), facts.touches.end(), visit);
  });
}

// What a guard finds may be there because of the other one; of what it skips nothing is told.
bool MaySkipWhatTheOtherDoes(const FileAnalysis& skips, const FileAnalysis& other) {
  const bool any = std::any_of(skips.statements.begin(), skips.statements.end(),
                               [](const auto& facts) { return facts.no_op; });
  return any &&
         AnyTouch(other, [](const Touch& touch) { return touch.effect >= Effect::kCreate; });
}

}  // namespace

bool Conflict(const FileAnalysis& a, const FileAnalysis& b) {
  if (a.opaque || b.opaque) return true;
  if (MaySkipWhatTheOtherDoes(a, b) || MaySkipWhatTheOtherDoes(b, a)) return true;
  return AnyTouch(a, [&](const Touch& left) {
    return AnyTouch(b, [&](const Touch& right) { return Conflicts(left, right); });
  });
}

namespace {

// Both as app.users and as users: a service may declare either.
void AddNames(const Touch& touch, std::set<std::string>* names) {
  const std::string column = touch.column.empty() ? "" : absl::StrCat(".", touch.column);
  names->insert(absl::StrCat(touch.name.name, column));
  if (!touch.name.schema.empty()) {
    names->insert(absl::StrCat(touch.name.schema, ".", touch.name.name, column));
  }
}

// Adds what a statement changes; when it changes no relation (DROP INDEX), the relations that it
// locks against writers. False when whom it hurts cannot be told: services declare tables and
// columns only, and the loss of a type or function is neither.
bool AddNames(const StatementFacts& facts, std::set<std::string>* names) {
  bool changes_relation = false;
  for (const Touch& touch : facts.touches) {
    const bool known = touch.object_class == ObjectClass::kRelation ||
                       touch.object_class == ObjectClass::kIndex ||
                       touch.object_class == ObjectClass::kSequence;
    if (touch.effect == Effect::kBreak && !known) return false;
    if (touch.object_class != ObjectClass::kRelation || touch.effect <= Effect::kRead) continue;
    changes_relation = true;
    AddNames(touch, names);
  }
  for (const Touch& touch : facts.touches) {
    if (!changes_relation && touch.object_class == ObjectClass::kRelation &&
        BlocksWrites(touch.lock)) {
      AddNames(touch, names);
    }
  }
  return true;
}

}  // namespace

std::optional<std::vector<std::string>> TouchedNames(const FileAnalysis& file) {
  if (file.opaque) return std::nullopt;
  std::set<std::string> names;
  for (const StatementFacts& facts : file.statements) {
    if (!AddNames(facts, &names)) return std::nullopt;
  }
  return std::vector<std::string>(names.begin(), names.end());
}

}  // namespace lockstep::sql
