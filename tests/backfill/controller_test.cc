#include "engine/backfill/controller.h"

#include <gtest/gtest.h>

namespace lockstep::backfill {
namespace {

constexpr absl::Duration kSecond = absl::Seconds(1);

TEST(BatchController, GrowsWhileBatchesAreQuickAndNeverBeyondItsLimit) {
  BatchController controller(1000, 50'000);
  controller.Took(absl::Milliseconds(10));
  EXPECT_EQ(controller.rows(), 1200);
  for (int i = 0; i < 100; ++i) controller.Took(absl::Milliseconds(1));
  EXPECT_EQ(controller.rows(), 50'000);
  controller.Limit(3000);
  EXPECT_EQ(controller.rows(), 3000);
}

TEST(BatchController, ComesToTheSizeThatTakesTheTarget) {
  BatchController controller(100, 50'000);
  // A thousand rows take 20 ms.
  for (int i = 0; i < 60; ++i) controller.Took(controller.rows() * absl::Microseconds(20));
  EXPECT_NEAR(controller.rows(), 5000, 100);
}

TEST(BatchController, OneSlowBatchHalvesIt) {
  BatchController controller(4000, 50'000);
  controller.Took(3 * kSecond);
  EXPECT_EQ(controller.rows(), 2000);
  controller.Conflicted();
  EXPECT_EQ(controller.rows(), 1000);
  for (int i = 0; i < 20; ++i) controller.Conflicted();
  EXPECT_EQ(controller.rows(), kMinBatchRows);
}

TEST(BatchController, AnAuthorsSmallLimitWinsOverTheSmallest) {
  BatchController controller(1000, 7);
  EXPECT_EQ(controller.rows(), 7);
  controller.Conflicted();
  EXPECT_EQ(controller.rows(), 7);
}

TEST(MostRowsOf, IsLittleOfATableAndOfASecond) {
  EXPECT_EQ(MostRowsOf(0, 0), kFirstBatchRows);
  EXPECT_EQ(MostRowsOf(1'000'000, 0), 8000);
  EXPECT_EQ(MostRowsOf(1'000'000'000, 0), 50'000);
  EXPECT_EQ(MostRowsOf(1'000'000, 10'000), 2000);
  EXPECT_EQ(MostRowsOf(1'000'000, 20), kMinBatchRows);
  EXPECT_EQ(MostRowsOf(1'000'000, 1'000'000), 8000);
}

TEST(RateLimiter, MakesABatchPayForItsRows) {
  RateLimiter limiter;
  EXPECT_EQ(limiter.PauseAt(kSecond), absl::ZeroDuration());
  limiter.Set(1000);
  limiter.Walked(500, 10 * kSecond);
  EXPECT_EQ(limiter.PauseAt(10 * kSecond), kSecond / 2);
  limiter.Walked(1000, 10 * kSecond);
  EXPECT_EQ(limiter.PauseAt(11 * kSecond), kSecond / 2);
  EXPECT_EQ(limiter.PauseAt(20 * kSecond), absl::ZeroDuration());
  limiter.Set(0);
  EXPECT_EQ(limiter.PauseAt(10 * kSecond), absl::ZeroDuration());
}

}  // namespace
}  // namespace lockstep::backfill
