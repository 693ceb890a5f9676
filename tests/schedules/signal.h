// Tells one thread that something changed in another, whatever it was.
//
//   signal.Notify();                                             // after the change
//   signal.Await([&] { return holder.finished(); }, kPatience);  // whoever waits for it
#ifndef LOCKSTEP_TESTS_SCHEDULES_SIGNAL_H_
#define LOCKSTEP_TESTS_SCHEDULES_SIGNAL_H_

#include <algorithm>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "engine/base/mutex.h"

namespace lockstep::testing {

// Thread-safe.
class Signal {
 public:
  void Notify() {
    base::MutexLock lock(mu_);
    ++changes_;
    changed_.NotifyAll();
  }

  // Returns true as soon as `condition()` does, false when it did not within `timeout`. Asks after
  // each Notify, and at least each `poll` for what only the database knows. `condition` runs on the
  // caller's thread, without the lock.
  template <typename Condition>
  [[nodiscard]] bool Await(Condition condition, absl::Duration timeout,
                           absl::Duration poll = absl::Seconds(1)) {
    const absl::Time deadline = absl::Now() + timeout;
    for (;;) {
      const int64_t seen = changes();
      if (condition()) return true;
      const absl::Duration left = deadline - absl::Now();
      if (left <= absl::ZeroDuration()) return false;
      base::MutexLock lock(mu_);
      if (changes_ == seen) changed_.WaitFor(lock, std::min(left, poll));
    }
  }

 private:
  int64_t changes() {
    base::MutexLock lock(mu_);
    return changes_;
  }

  base::Mutex mu_;
  base::CondVar changed_;
  int64_t changes_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SCHEDULES_SIGNAL_H_
