#include "coordinator/lock_ladder.h"

#include <gtest/gtest.h>

namespace lockstep::coordinator {
namespace {

TEST(LockLadderTest, AsksForALittleAndLaterForALittleMore) {
  const LockLadder ladder;
  for (int k : {0, 1, 5}) EXPECT_EQ(LockTimeoutOf(ladder, k), absl::Milliseconds(500)) << k;
  for (int k : {6, 10}) EXPECT_EQ(LockTimeoutOf(ladder, k), absl::Seconds(1)) << k;
  for (int k : {11, 1000}) EXPECT_EQ(LockTimeoutOf(ladder, k), absl::Seconds(2)) << k;
}

TEST(LockLadderTest, PausesVaryButAreNeverShorterThanTheLeast) {
  const LockLadder ladder;
  EXPECT_EQ(PauseAfter(ladder, 1, 0), absl::Seconds(25));
  EXPECT_EQ(PauseAfter(ladder, 5, 1), absl::Seconds(37.5));
  EXPECT_EQ(PauseAfter(ladder, 6, 0), absl::Seconds(30));
  EXPECT_EQ(PauseAfter(ladder, 6, 1), absl::Seconds(90));
  EXPECT_EQ(PauseAfter(ladder, 11, 0), absl::Seconds(60));
  EXPECT_EQ(PauseAfter(ladder, 11, 1), absl::Seconds(180));
}

TEST(LockLadderTest, TheStallOfWhoComesAfterStaysSmall) {
  const LockLadder ladder;
  for (int k = 1; k < 30; ++k) {
    EXPECT_LE(LockTimeoutOf(ladder, k) / PauseAfter(ladder, k, 0.5), 0.02) << k;
  }
}

TEST(LockLadderTest, AFreeLockIsTakenAtOnceButNotAgainAndAgain) {
  const LockLadder ladder;
  EXPECT_TRUE(MayTryAtOnce(ladder, 1, absl::ZeroDuration()));
  EXPECT_TRUE(MayTryAtOnce(ladder, 5, absl::ZeroDuration()));
  EXPECT_FALSE(MayTryAtOnce(ladder, 6, absl::Seconds(24)));
  EXPECT_TRUE(MayTryAtOnce(ladder, 6, absl::Seconds(25)));
}

TEST(LockLadderTest, IsMadeFromItsFirstRung) {
  const LockLadder ladder = MakeLadder(absl::Milliseconds(100), absl::Seconds(5), absl::Minutes(2));
  EXPECT_EQ(LockTimeoutOf(ladder, 11), absl::Milliseconds(400));
  EXPECT_EQ(PauseAfter(ladder, 1, 0), absl::Seconds(5));
  EXPECT_EQ(PauseAfter(ladder, 6, 0.5), absl::Seconds(12));
  EXPECT_EQ(ladder.budget, absl::Minutes(2));
}

}  // namespace
}  // namespace lockstep::coordinator
