#include "coordinator/fleet/brake.h"

#include <algorithm>

namespace lockstep::coordinator {

BrakeState JudgeBrake(size_t sessions, std::vector<absl::Duration> silent_since,
                      absl::Duration session_ttl) {
  std::sort(silent_since.begin(), silent_since.end());
  BrakeState state{.sessions = sessions};
  size_t first = 0;  // Of those within a TTL before `last`.
  for (size_t last = 0; last < silent_since.size(); ++last) {
    while (silent_since[last] - silent_since[first] > session_ttl) ++first;
    state.silent = std::max(state.silent, last - first + 1);
  }
  state.frozen = state.silent >= kBrakeMinimum && state.silent * kBrakeShare > sessions;
  return state;
}

}  // namespace lockstep::coordinator
