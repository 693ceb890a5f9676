#include "coordinator/fleet/brake.h"

#include <gtest/gtest.h>

namespace lockstep::coordinator {
namespace {

constexpr absl::Duration kTtl = absl::Seconds(30);

std::vector<absl::Duration> At(std::initializer_list<int> seconds) {
  std::vector<absl::Duration> times;
  for (const int s : seconds) times.push_back(absl::Seconds(s));
  return times;
}

bool Frozen(size_t sessions, std::initializer_list<int> silent_since) {
  return JudgeBrake(sessions, At(silent_since), kTtl).frozen;
}

TEST(Brake, NobodySilentFreezesNothing) {
  EXPECT_EQ(JudgeBrake(0, {}, kTtl), (BrakeState{}));
  EXPECT_EQ(JudgeBrake(100, {}, kTtl), (BrakeState{.sessions = 100}));
}

TEST(Brake, MoreThanAFifthAtOnceFreezes) {
  EXPECT_FALSE(Frozen(25, {1, 1, 1, 1, 1}));  // A fifth is not more.
  EXPECT_TRUE(Frozen(24, {1, 1, 1, 1, 1}));
  EXPECT_TRUE(Frozen(29, {1, 1, 1, 1, 1, 1}));
  EXPECT_FALSE(Frozen(30, {1, 1, 1, 1, 1, 1}));
}

TEST(Brake, FewAreNeverTooMany) {
  EXPECT_FALSE(Frozen(1, {1}));
  EXPECT_FALSE(Frozen(4, {1, 1, 1, 1}));
  EXPECT_TRUE(Frozen(5, {1, 1, 1, 1, 1}));
}

TEST(Brake, OnlyThoseWithinOneTtlAreCountedTogether) {
  EXPECT_TRUE(Frozen(20, {0, 10, 20, 25, 30}));
  EXPECT_FALSE(Frozen(20, {0, 10, 20, 25, 31}));
  // The burst need not be the newest, nor the first.
  EXPECT_TRUE(Frozen(20, {0, 100, 101, 102, 103, 104, 500}));
  EXPECT_EQ(JudgeBrake(20, At({500, 104, 0, 101, 103, 102, 100}), kTtl).silent, 5u);
}

TEST(Brake, ASlowTrickleNeverFreezes) { EXPECT_FALSE(Frozen(6, {0, 31, 62, 93, 124, 155})); }

// Heard again, gone for good, or outnumbered by those that took their place.
TEST(Brake, ItEndsWhenTheBurstIsSmallEnoughAgain) {
  EXPECT_TRUE(Frozen(20, {1, 1, 1, 1, 1}));
  EXPECT_FALSE(Frozen(20, {1, 1, 1, 1}));
  EXPECT_FALSE(Frozen(19, {1, 1, 1, 1}));
  EXPECT_FALSE(Frozen(25, {1, 1, 1, 1, 1}));
}

}  // namespace
}  // namespace lockstep::coordinator
