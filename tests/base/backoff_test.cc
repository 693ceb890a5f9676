#include "engine/base/backoff.h"

#include <gtest/gtest.h>
#include <set>

namespace lockstep::base {
namespace {

TEST(Backoff, DoublesItsCeilingUpToTheCap) {
  Backoff backoff({.base = absl::Milliseconds(100), .cap = absl::Seconds(1)});
  for (int expected_ms : {100, 200, 400, 800, 1000, 1000}) {
    EXPECT_EQ(backoff.Ceiling(), absl::Milliseconds(expected_ms));
    backoff.Next();
  }
}

TEST(Backoff, EveryDelayIsBetweenZeroAndTheCeiling) {
  Backoff backoff({.base = absl::Milliseconds(50), .cap = absl::Seconds(30)});
  for (int i = 0; i < 1000; ++i) {
    const absl::Duration ceiling = backoff.Ceiling();
    const absl::Duration delay = backoff.Next();
    EXPECT_GE(delay, absl::ZeroDuration());
    EXPECT_LT(delay, ceiling);
  }
}

TEST(Backoff, StaysAtTheCapForEver) {
  Backoff backoff({.base = absl::Seconds(1), .cap = absl::Seconds(30)});
  for (int i = 0; i < 10000; ++i) backoff.Next();
  EXPECT_EQ(backoff.Ceiling(), absl::Seconds(30));
}

TEST(Backoff, NeverExceedsACapBelowTheBase) {
  Backoff backoff({.base = absl::Seconds(10), .cap = absl::Seconds(3)});
  EXPECT_EQ(backoff.Ceiling(), absl::Seconds(3));
}

TEST(Backoff, StartsOverAfterReset) {
  Backoff backoff({.base = absl::Milliseconds(100), .cap = absl::Seconds(1)});
  backoff.Next();
  backoff.Next();
  EXPECT_EQ(backoff.attempts(), 2);
  backoff.Reset();
  EXPECT_EQ(backoff.attempts(), 0);
  EXPECT_EQ(backoff.Ceiling(), absl::Milliseconds(100));
}

TEST(Backoff, TwoOfAFleetDoNotComeBackInStep) {
  std::set<absl::Duration> delays;
  for (int i = 0; i < 20; ++i) {
    Backoff backoff({.base = absl::Seconds(1), .cap = absl::Seconds(1)});
    delays.insert(backoff.Next());
  }
  EXPECT_GT(delays.size(), 15u);
}

}  // namespace
}  // namespace lockstep::base
