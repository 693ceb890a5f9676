#include "ctl/style.h"

#include <gtest/gtest.h>

namespace lockstep::ctl {
namespace {

TEST(Style, PaintsOnlyWithColour) {
  EXPECT_EQ(Style(false).Paint(Tone::kBad, "refused"), "refused");
  EXPECT_EQ(Style(true).Paint(Tone::kBad, "refused"), "\x1b[31mrefused\x1b[0m");
  EXPECT_EQ(Style(true).Paint(Tone::kPlain, "open"), "open");
}

TEST(WantsColor, FollowsTheFlagThenTheEnvironmentThenTheTerminal) {
  EXPECT_TRUE(WantsColor(ColorMode::kAuto, true, nullptr, "xterm"));
  EXPECT_FALSE(WantsColor(ColorMode::kAuto, false, nullptr, "xterm"));
  EXPECT_FALSE(WantsColor(ColorMode::kAuto, true, "1", "xterm"));
  EXPECT_TRUE(WantsColor(ColorMode::kAuto, true, "", "xterm"));
  EXPECT_FALSE(WantsColor(ColorMode::kAuto, true, nullptr, "dumb"));
  EXPECT_FALSE(WantsColor(ColorMode::kAuto, true, nullptr, nullptr));
  EXPECT_TRUE(WantsColor(ColorMode::kAlways, false, "1", nullptr));
  EXPECT_FALSE(WantsColor(ColorMode::kNever, true, nullptr, "xterm"));
}

}  // namespace
}  // namespace lockstep::ctl
