#include "engine/sql/analysis/facts.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace lockstep::sql {

absl::string_view ObjectClassName(ObjectClass object_class) {
  constexpr std::array<absl::string_view, 9> kNames = {"relation",  "index",       "sequence",
                                                       "type",      "function",    "schema",
                                                       "extension", "publication", "other"};
  return kNames[static_cast<size_t>(object_class)];
}

LockMode StatementFacts::StrongestLiveLock() const {
  LockMode strongest = LockMode::kNone;
  for (const Touch& touch : touches) {
    if (touch.live) strongest = std::max(strongest, touch.lock);
  }
  return strongest;
}

bool StatementFacts::LongOnLive() const {
  return std::any_of(touches.begin(), touches.end(), [](const Touch& touch) {
    return touch.live && (touch.rewrite || touch.scan || touch.index_rebuild);
  });
}

}  // namespace lockstep::sql
