// What instances did in the database while this leader did not hear them: they may have let
// themselves in, and have said goodbye, without it.
#include <set>
#include <utility>

#include "coordinator/fleet/fleet.h"
#include "engine/base/log.h"

namespace lockstep::coordinator {

// Those of whom only the database knows more.
std::vector<std::string> Fleet::TakeSilent() {
  std::vector<std::string> silent;
  for (const auto& [id, entry] : entries_) {
    if (IsSilent(entry) && !entry.asking) silent.push_back(id);
  }
  return silent;
}

// Safety does not depend on it: who counts is asked of the database. But an instance that nobody
// loads is not shown and never ends.
void Fleet::Reconcile() {
  std::vector<std::string> silent;
  {
    base::MutexLock lock(mu_);
    const absl::Duration now = options_.clock->SinceBoot();
    if (now < next_reconcile_) return;
    next_reconcile_ = now + options_.durations.session_ttl / 2;
    silent = TakeSilent();
  }
  auto connection = options_.database->Take();
  if (!connection.ok()) return;
  const auto direct = ReadDirectSessions(**connection);
  if (!direct.ok()) return;
  std::set<std::string> counting;
  if (!silent.empty()) {
    auto read = CountingAmong(**connection, silent);
    if (!read.ok()) return;
    counting = *std::move(read);
  }
  bool changed = false;
  {
    base::MutexLock lock(mu_);
    for (const std::string& id : silent) {
      const auto found = entries_.find(id);
      if (counting.contains(id) || found == entries_.end()) continue;
      // One that is back meanwhile, or is asked about, is judged by that.
      if (!IsSilent(found->second) || found->second.asking) continue;
      const Declaration& d = found->second.member.declaration;
      base::LogInfo("session ended without this leader",
                    {{"service", d.service}, {"instance", d.instance}});
      entries_.erase(found);
      changed = true;
    }
    for (const SessionRow& row : *direct) {
      if (entries_.contains(row.declaration.session_id)) continue;
      Load(row);
      base::LogInfo("instance was let in by the database",
                    {{"service", row.declaration.service}, {"instance", row.declaration.instance}});
      changed = true;
    }
  }
  if (changed) options_.on_change();
}

}  // namespace lockstep::coordinator
