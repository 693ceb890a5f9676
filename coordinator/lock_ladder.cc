#include "coordinator/lock_ladder.h"

#include <algorithm>

namespace lockstep::coordinator {
namespace {

const LockLadder::Rung& RungOf(const LockLadder& ladder, int k) {
  for (const LockLadder::Rung& rung : ladder.rungs) {
    if (k <= rung.tries) return rung;
    k -= rung.tries;
  }
  return ladder.rungs.back();
}

}  // namespace

absl::Duration LockTimeoutOf(const LockLadder& ladder, int k) {
  return RungOf(ladder, std::max(k, 1)).lock_timeout;
}

absl::Duration PauseAfter(const LockLadder& ladder, int k, double jitter) {
  return std::max(ladder.least_pause, RungOf(ladder, std::max(k, 1)).pause * (0.5 + jitter));
}

bool MayTryAtOnce(const LockLadder& ladder, int k, absl::Duration since) {
  return k <= ladder.at_once || since >= ladder.least_pause;
}

LockLadder MakeLadder(absl::Duration lock_timeout, absl::Duration pause, absl::Duration budget) {
  LockLadder ladder;
  const double timeouts = absl::FDivDuration(lock_timeout, ladder.rungs.front().lock_timeout);
  const double pauses = absl::FDivDuration(pause, ladder.rungs.front().pause);
  for (LockLadder::Rung& rung : ladder.rungs) {
    rung.lock_timeout *= timeouts;
    rung.pause *= pauses;
  }
  ladder.least_pause = pause;
  ladder.budget = budget;
  return ladder;
}

}  // namespace lockstep::coordinator
