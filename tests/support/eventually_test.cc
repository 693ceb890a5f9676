#include "tests/support/eventually.h"

#include <gtest/gtest.h>

namespace lockstep::testing {
namespace {

TEST(Eventually, AsksOnceEvenWithoutTime) {
  int asked = 0;
  EXPECT_TRUE(Eventually([&] { return ++asked == 1; }, absl::ZeroDuration()));
  EXPECT_FALSE(Eventually([] { return false; }, absl::ZeroDuration()));
}

TEST(Eventually, ReturnsAsSoonAsTheConditionHolds) {
  int asked = 0;
  const absl::Time start = absl::Now();
  EXPECT_TRUE(Eventually([&] { return ++asked == 3; }));
  EXPECT_EQ(asked, 3);
  EXPECT_LT(absl::Now() - start, kPatience);
}

}  // namespace
}  // namespace lockstep::testing
