#include "coordinator/fleet/backends.h"

#include <gtest/gtest.h>

namespace lockstep::coordinator {
namespace {

constexpr absl::Duration kGap = absl::Seconds(30);

BackendLook Seeing(std::map<std::string, int> backends) {
  return {.can_see = true, .backends = std::move(backends)};
}

TEST(BackendWatch, QuietIsTheTimeBetweenLooksThatSawNone) {
  BackendWatch watch(kGap);
  EXPECT_EQ(watch.Quiet("a"), std::nullopt);
  watch.Saw(Seeing({}), {"a"}, absl::Seconds(100));
  EXPECT_EQ(watch.Quiet("a"), absl::ZeroDuration());
  watch.Saw(Seeing({}), {"a", "b"}, absl::Seconds(110));
  EXPECT_EQ(watch.Quiet("a"), absl::Seconds(10));
  EXPECT_EQ(watch.Quiet("b"), absl::ZeroDuration());
}

TEST(BackendWatch, ABackendBeginsItAnew) {
  BackendWatch watch(kGap);
  watch.Saw(Seeing({}), {"a"}, absl::Seconds(100));
  watch.Saw(Seeing({{"a", 2}}), {"a"}, absl::Seconds(120));
  EXPECT_EQ(watch.Quiet("a"), std::nullopt);
  EXPECT_EQ(watch.Count("a"), 2);
  watch.Saw(Seeing({}), {"a"}, absl::Seconds(140));
  EXPECT_EQ(watch.Quiet("a"), absl::ZeroDuration());
}

TEST(BackendWatch, AGapBeginsItAnew) {
  BackendWatch watch(kGap);
  watch.Saw(Seeing({}), {"a"}, absl::Seconds(100));
  watch.Saw(Seeing({}), {"a"}, absl::Seconds(130));
  EXPECT_EQ(watch.Quiet("a"), kGap);
  watch.Saw(Seeing({}), {"a"}, absl::Seconds(161));
  EXPECT_EQ(watch.Quiet("a"), absl::ZeroDuration());
}

TEST(BackendWatch, ABlindLookSaysNothingAndIsAGap) {
  BackendWatch watch(kGap);
  watch.Saw(Seeing({}), {"a"}, absl::Seconds(100));
  watch.Saw({.can_see = false}, {"a"}, absl::Seconds(110));
  EXPECT_FALSE(watch.can_see());
  EXPECT_EQ(watch.Quiet("a"), std::nullopt);
  watch.Saw(Seeing({}), {"a"}, absl::Seconds(120));
  EXPECT_EQ(watch.Quiet("a"), absl::ZeroDuration());
}

TEST(BackendWatch, OneThatIsNotAskedAboutIsForgotten) {
  BackendWatch watch(kGap);
  watch.Saw(Seeing({}), {"a"}, absl::Seconds(100));
  watch.Saw(Seeing({}), {"b"}, absl::Seconds(110));
  EXPECT_EQ(watch.Quiet("a"), std::nullopt);
  watch.Saw(Seeing({}), {"a"}, absl::Seconds(120));
  EXPECT_EQ(watch.Quiet("a"), absl::ZeroDuration());
}

}  // namespace
}  // namespace lockstep::coordinator
