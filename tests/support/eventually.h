// Waiting for what cannot notify: another process, a file, a row. The only place where tests poll;
// where a condition variable or a callback exists, use that.
//
//   EXPECT_TRUE(Eventually([&] { return log.Contains("reconnected"); }));
#ifndef LOCKSTEP_TESTS_SUPPORT_EVENTUALLY_H_
#define LOCKSTEP_TESTS_SUPPORT_EVENTUALLY_H_

#include <algorithm>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace lockstep::testing {

// Generous, because a loaded machine is slow; a condition that holds returns at once.
inline constexpr absl::Duration kPatience = absl::Seconds(30);

// Returns true as soon as `condition()` does, false when it did not within `timeout`. Asks at least
// once, then every 1 to 20 ms. `condition` runs on the caller's thread.
template <typename Condition>
[[nodiscard]] bool Eventually(Condition condition, absl::Duration timeout = kPatience) {
  const absl::Time deadline = absl::Now() + timeout;
  absl::Duration pause = absl::Milliseconds(1);
  while (!condition()) {
    if (absl::Now() >= deadline) return false;
    absl::SleepFor(pause);
    pause = std::min(pause * 2, absl::Milliseconds(20));
  }
  return true;
}

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SUPPORT_EVENTUALLY_H_
