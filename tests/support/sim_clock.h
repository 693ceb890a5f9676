// A clock that stands still until a test moves it.
#ifndef LOCKSTEP_TESTS_SUPPORT_SIM_CLOCK_H_
#define LOCKSTEP_TESTS_SUPPORT_SIM_CLOCK_H_

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

#include "engine/base/clock.h"
#include "engine/base/mutex.h"

namespace lockstep::testing {

// Thread-safe.
class SimClock : public base::Clock {
 public:
  explicit SimClock(absl::Time now = absl::FromUnixSeconds(1'700'000'000)) : now_(now) {}

  absl::Time Now() const override {
    base::MutexLock lock(mu_);
    return now_;
  }
  absl::Duration SinceBoot() const override {
    base::MutexLock lock(mu_);
    return since_boot_;
  }

  // Time passes: both readings move.
  void Advance(absl::Duration by) {
    base::MutexLock lock(mu_);
    now_ += by;
    since_boot_ += by;
  }

  // Somebody sets the wall clock, forwards or back: no time passes.
  void StepWallClock(absl::Duration by) {
    base::MutexLock lock(mu_);
    now_ += by;
  }

 private:
  mutable base::Mutex mu_;
  absl::Time now_ ABSL_GUARDED_BY(mu_);
  absl::Duration since_boot_ ABSL_GUARDED_BY(mu_) = absl::Hours(1);
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SUPPORT_SIM_CLOCK_H_
