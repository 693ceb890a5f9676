#include "ctl/progress.h"

#include <gtest/gtest.h>
#include <sstream>

namespace lockstep::ctl {
namespace {

struct Fixture {
  std::ostringstream out;
  std::ostringstream err;
  Console Make(ConsoleOptions options) {
    options.out = &out;
    options.err = &err;
    return Console(options);
  }
};

TEST(Progress, WritesOverOneLineOnATerminal) {
  Fixture fixture;
  Console console = fixture.Make({.err_terminal = true, .err_width = 20});
  {
    Progress progress(console);
    progress.Show("1", "running 1");
    progress.Show("1", "running 1  statement 2/9  on a-long-name");
  }
  EXPECT_EQ(fixture.err.str(), "\r\x1b[Krunning 1\r\x1b[Krunning 1  stateme…\r\x1b[K");
  EXPECT_EQ(fixture.out.str(), "");
}

TEST(Progress, WritesALineForEachStepElsewhere) {
  Fixture fixture;
  Console console = fixture.Make({});
  Progress progress(console);
  progress.Show("1", "running 1  1.0 s");
  progress.Show("1", "running 1  2.0 s");
  progress.Show("2", "running 2 \x1b[2J");
  EXPECT_EQ(fixture.err.str(), "running 1  1.0 s\nrunning 2 \\x1b[2J\n");
}

TEST(Progress, IsSilentWhenQuietOrJson) {
  Fixture fixture;
  Console quiet = fixture.Make({.err_terminal = true, .quiet = true});
  Progress(quiet).Show("1", "x");
  Console json = fixture.Make({.json = true});
  Progress(json).Show("1", "x");
  EXPECT_EQ(fixture.err.str(), "");
}

}  // namespace
}  // namespace lockstep::ctl
