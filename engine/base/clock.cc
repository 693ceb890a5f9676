#include "engine/base/clock.h"

#include <ctime>

#include "absl/time/clock.h"

namespace lockstep::base {
namespace {

class RealClock : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
  absl::Duration SinceBoot() const override {
    timespec now = {};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return absl::DurationFromTimespec(now);
  }
};

}  // namespace

const Clock* SystemClock() {
  static const Clock* const clock = new RealClock;
  return clock;
}

}  // namespace lockstep::base
