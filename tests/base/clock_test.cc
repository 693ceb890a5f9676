#include "engine/base/clock.h"

#include <gtest/gtest.h>

#include "absl/time/clock.h"

namespace lockstep::base {
namespace {

TEST(SystemClock, TellsTheTimeOfDay) {
  const absl::Time before = absl::Now();
  const absl::Time now = SystemClock()->Now();
  EXPECT_GE(now, before - absl::Seconds(1));
  EXPECT_LE(now, absl::Now() + absl::Seconds(1));
}

TEST(SystemClock, SinceBootNeverGoesBack) {
  absl::Duration last = SystemClock()->SinceBoot();
  EXPECT_GT(last, absl::ZeroDuration());
  for (int i = 0; i < 1000; ++i) {
    const absl::Duration now = SystemClock()->SinceBoot();
    EXPECT_GE(now, last);
    last = now;
  }
}

}  // namespace
}  // namespace lockstep::base
