// Who is told what migrations have changed: the part of Fleet that the driver calls when the chain
// has moved.
#include <algorithm>
#include <utility>

#include "coordinator/fleet/fleet.h"

namespace lockstep::coordinator {

std::optional<int64_t> Fleet::SchemaBehind(int64_t revision) const {
  std::optional<int64_t> oldest;
  base::MutexLock lock(mu_);
  for (const auto& [id, entry] : entries_) {
    if (entry.link == nullptr || !entry.member.admitted || entry.schema_told == 0) continue;
    if (entry.schema_told >= revision) continue;
    oldest = std::min(oldest.value_or(entry.schema_told), entry.schema_told);
  }
  return oldest;
}

void Fleet::TellSchema(const std::vector<AppliedChange>& changes, bool everything, int64_t revision,
                       Version applied) {
  std::vector<std::pair<std::shared_ptr<AgentLink>, SchemaChange>> news;
  {
    base::MutexLock lock(mu_);
    for (auto& [id, entry] : entries_) {
      if (entry.link == nullptr || !entry.member.admitted || entry.schema_told == 0) continue;
      if (entry.schema_told >= revision) continue;
      SchemaChange change{.revision = revision, .applied = applied, .everything = everything};
      bool any = everything;
      for (const AppliedChange& each : changes) {
        if (each.revision <= entry.schema_told) continue;
        any = true;
        change.everything = change.everything || !each.touches.has_value();
        if (!each.touches.has_value()) continue;
        change.objects.insert(each.touches->begin(), each.touches->end());
      }
      entry.schema_told = revision;
      if (any) news.emplace_back(entry.link, std::move(change));
    }
  }
  for (const auto& [link, change] : news) link->SendSchemaChange(change);
}

}  // namespace lockstep::coordinator
