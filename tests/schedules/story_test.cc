// What the schedules promise of themselves: a seed tells one story, and a run that proves nothing
// is told so.
#include "tests/schedules/story.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/schedules/tally.h"

namespace lockstep::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Story, IsTheSameForTheSameSeedAndNumber) {
  for (int number = 0; number < 100; ++number) {
    EXPECT_EQ(Describe(DrawStory(7, number)), Describe(DrawStory(7, number)));
  }
  EXPECT_NE(Describe(DrawStory(7, 1)), Describe(DrawStory(7, 2)));
  EXPECT_NE(Describe(DrawStory(7, 1)).substr(8), Describe(DrawStory(8, 1)).substr(8));
}

// A story drawn on another machine must be the one that failed there.
TEST(Story, IsTheSameOnEveryMachine) {
  EXPECT_EQ(Describe(DrawStory(1, 2)),
            "seed 1 number 2: 1 version(s); lease expires in a race before COMMIT of 1, lingers; "
            "operation paused before COMMIT of 1, lingers, silent; stale token at the end");
}

TEST(Story, HasAFaultThatCanHappen) {
  for (int number = 0; number < 1000; ++number) {
    const Story story = DrawStory(3, number);
    ASSERT_FALSE(story.tries.empty());
    EXPECT_NE(story.tries.front().fault, Fault::kStale);
    for (const Try& each : story.tries) EXPECT_LT(each.version, story.versions);
  }
}

TEST(Tally, TellsWhatNeverHappened) {
  Tally tally{.schedules = kEnoughSchedules, .with_fault = kEnoughSchedules, .with_fenced = 100};
  for (auto& row : tally.faults) row.fill(1);
  tally.twins_refused = tally.doubt_committed = tally.doubt_not_applied = tally.unknown = 1;
  tally.deposed_refused = 1;
  EXPECT_THAT(Shortcomings(tally), IsEmpty());
  tally.faults[static_cast<size_t>(Fault::kPartition)].fill(0);
  EXPECT_THAT(Shortcomings(tally), Contains(HasSubstr("partition")));
  tally.with_fenced = kEnoughSchedules / 20 - 1;
  EXPECT_THAT(Shortcomings(tally), Contains(HasSubstr("5 %")));
  tally.with_fault = 0;
  EXPECT_THAT(Shortcomings(tally), Contains(HasSubstr("without a fault")));
}

}  // namespace
}  // namespace lockstep::testing
