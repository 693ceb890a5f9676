#include "coordinator/fleet/concern.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "coordinator/fleet/gate_rule.h"

namespace lockstep::coordinator {
namespace {

// "users" says nothing beside "users.email".
bool IsNamedCloser(const std::string& name, const std::set<std::string>& names) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& other) {
    return absl::StartsWith(other, absl::StrCat(name, "."));
  });
}

std::vector<std::string> OverlapsOf(const std::vector<std::string>& touches,
                                    const std::vector<std::string>& uses) {
  std::set<std::string> found;
  for (const std::string& touched : touches) {
    for (const std::string& used : uses) {
      if (Overlap(touched, used)) found.insert(touched.size() > used.size() ? touched : used);
    }
  }
  std::vector<std::string> overlaps;
  for (const std::string& name : found) {
    if (overlaps.size() < kMaxOverlaps && !IsNamedCloser(name, found)) overlaps.push_back(name);
  }
  return overlaps;
}

}  // namespace

std::optional<Concern> ConcernOf(Version contract,
                                 const std::optional<std::vector<std::string>>& touches,
                                 const Declaration& declaration) {
  if (!Concerns(contract, touches, declaration)) return std::nullopt;
  Concern concern{.contract = contract};
  const std::string adapted = absl::StrCat("it is adapted to ", declaration.adapted_to);
  if (!declaration.uses.has_value()) {
    concern.why = absl::StrCat(adapted, " and does not say what it uses");
  } else if (!touches.has_value()) {
    concern.why = absl::StrCat(adapted, ", and what contract ", contract, " touches is not known");
  } else {
    concern.overlaps = OverlapsOf(*touches, *declaration.uses);
    concern.why = absl::StrCat(adapted, " and uses ", absl::StrJoin(concern.overlaps, ", "));
  }
  return concern;
}

}  // namespace lockstep::coordinator
