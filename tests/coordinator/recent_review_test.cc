// How long a review may stand for another request.
#include "coordinator/review/recent_review.h"

#include <gtest/gtest.h>

#include "tests/support/sim_clock.h"

namespace lockstep::coordinator {
namespace {

Review ReviewOf(size_t migrations) {
  Review review;
  review.migrations.resize(migrations);
  return review;
}

class RecentReviewTest : public ::testing::Test {
 protected:
  testing::SimClock clock_;
  RecentReview recent_{&clock_};
};

TEST_F(RecentReviewTest, IsGivenAwayOnce) {
  EXPECT_FALSE(recent_.Take(0).has_value());
  recent_.Keep(7, ReviewOf(2));
  const auto taken = recent_.Take(7);
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(taken->migrations.size(), 2u);
  EXPECT_FALSE(recent_.Take(7).has_value());
}

TEST_F(RecentReviewTest, IsOfOneRevision) {
  recent_.Keep(7, ReviewOf(1));
  EXPECT_FALSE(recent_.Take(8).has_value());
}

TEST_F(RecentReviewTest, DoesNotStay) {
  recent_.Keep(7, ReviewOf(1));
  clock_.Advance(RecentReview::kStays);
  EXPECT_TRUE(recent_.Take(7).has_value());
  recent_.Keep(7, ReviewOf(1));
  clock_.Advance(RecentReview::kStays + absl::Milliseconds(1));
  EXPECT_FALSE(recent_.Take(7).has_value());
}

TEST_F(RecentReviewTest, ALongOneIsNotKept) {
  recent_.Keep(7, ReviewOf(RecentReview::kMaxMigrations));
  recent_.Keep(8, ReviewOf(RecentReview::kMaxMigrations + 1));
  EXPECT_FALSE(recent_.Take(7).has_value());
  EXPECT_FALSE(recent_.Take(8).has_value());
}

}  // namespace
}  // namespace lockstep::coordinator
