// Time as an injected dependency. No safety argument of lockstep rests on a clock: time decides
// when to try to take something away, a compare-and-swap in the database decides whether it was
// taken.
#ifndef LOCKSTEP_ENGINE_BASE_CLOCK_H_
#define LOCKSTEP_ENGINE_BASE_CLOCK_H_

#include "absl/time/time.h"

namespace lockstep::base {

// Implementations are safe to use from any thread.
class Clock {
 public:
  virtual ~Clock() = default;

  // Wall-clock time, for people and records only.
  virtual absl::Time Now() const = 0;

  // Time since an arbitrary start that also runs while the machine is suspended (CLOCK_BOOTTIME),
  // for everything that measures how long something has been silent.
  virtual absl::Duration SinceBoot() const = 0;
};

// The machine's clock; lives for ever.
const Clock* SystemClock();

}  // namespace lockstep::base

#endif  // LOCKSTEP_ENGINE_BASE_CLOCK_H_
