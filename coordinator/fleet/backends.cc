#include "coordinator/fleet/backends.h"

#include <utility>

namespace lockstep::coordinator {

void BackendWatch::Saw(const BackendLook& look, const std::vector<std::string>& about,
                       absl::Duration asked) {
  const bool goes_on = can_see_ && asked - last_look_ <= longest_gap_;
  std::map<std::string, Watched> watched;
  for (const std::string& id : about) {
    const auto seen = look.backends.find(id);
    if (seen != look.backends.end()) {
      watched[id] = {.count = seen->second};
      continue;
    }
    const auto before = watched_.find(id);
    const bool was_quiet = goes_on && before != watched_.end() && before->second.count == 0;
    watched[id] = {.quiet_since = was_quiet ? before->second.quiet_since : asked};
  }
  watched_ = std::move(watched);
  last_look_ = asked;
  can_see_ = look.can_see;
}

std::optional<absl::Duration> BackendWatch::Quiet(const std::string& session_id) const {
  const auto found = watched_.find(session_id);
  if (!can_see_ || found == watched_.end() || found->second.count > 0) return std::nullopt;
  return last_look_ - found->second.quiet_since;
}

int BackendWatch::Count(const std::string& session_id) const {
  const auto found = watched_.find(session_id);
  return found == watched_.end() ? 0 : found->second.count;
}

}  // namespace lockstep::coordinator
