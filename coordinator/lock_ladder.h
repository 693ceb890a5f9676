// How a migration comes to its locks. A statement that waits for a strong lock holds up everybody
// who comes after it, so it asks for a short while only, gives up, lets them pass, and asks again;
// later a little longer. The stall of one try is its lock timeout, its share of time about 2 %.
//
// Functions are pure.
#ifndef LOCKSTEP_COORDINATOR_LOCK_LADDER_H_
#define LOCKSTEP_COORDINATOR_LOCK_LADDER_H_

#include <array>

#include "absl/time/time.h"

namespace lockstep::coordinator {

struct LockLadder {
  struct Rung {
    absl::Duration lock_timeout;  // How long one statement waits.
    absl::Duration pause;         // Behind each try, times 0.5 to 1.5.
    int tries = 0;                // After so many comes the next rung; the last one has no end.
  };
  std::array<Rung, 3> rungs = {
      Rung{.lock_timeout = absl::Milliseconds(500), .pause = absl::Seconds(25), .tries = 5},
      Rung{.lock_timeout = absl::Seconds(1), .pause = absl::Minutes(1), .tries = 5},
      Rung{.lock_timeout = absl::Seconds(2), .pause = absl::Minutes(2)}};
  // No pause is shorter, whatever the jitter.
  absl::Duration least_pause = absl::Seconds(25);
  // From the beginning of the first try to the end of the last pause.
  absl::Duration budget = absl::Minutes(30);
  // When nobody is in the way any more the next try comes at once: behind one of the first so many
  // tries without any pause, later least_pause after the last one, so that a table that is locked
  // again and again is not asked for all the time.
  int at_once = 5;
};

// How long statements of try `k` in a row wait, from 1.
absl::Duration LockTimeoutOf(const LockLadder& ladder, int k);

// The pause behind it; `jitter` is 0 to 1, evenly.
absl::Duration PauseAfter(const LockLadder& ladder, int k, double jitter);

// Whether the next try may come now, `since` the last of `k` tries, when nobody is in the way.
bool MayTryAtOnce(const LockLadder& ladder, int k, absl::Duration since);

// The ladder whose first rung has this lock timeout and this pause; the shape stays.
LockLadder MakeLadder(absl::Duration lock_timeout, absl::Duration pause, absl::Duration budget);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_LOCK_LADDER_H_
