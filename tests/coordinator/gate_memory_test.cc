#include "coordinator/fleet/gate_memory.h"

#include <gtest/gtest.h>

#include "tests/support/sim_clock.h"

namespace lockstep::coordinator {
namespace {

Declaration Build() { return {.service = "shop", .configured = true}; }

TEST(GateMemoryTest, KnowsNothingAtFirst) {
  testing::SimClock clock;
  EXPECT_FALSE(GateMemory(absl::Seconds(3), &clock).Ask(Build()).has_value());
}

TEST(GateMemoryTest, AnswersFromTheNewestFacts) {
  testing::SimClock clock;
  GateMemory memory(absl::Seconds(3), &clock);
  memory.Remember({.applied = 1, .head = 1, .revision = 7}, clock.SinceBoot());
  memory.Remember({.applied = 2, .head = 2, .revision = 9}, clock.SinceBoot());
  const auto verdict = memory.Ask(Build());
  ASSERT_TRUE(verdict.has_value());
  EXPECT_EQ(verdict->state, GateState::kOpen);
  EXPECT_EQ(verdict->applied, 2);
  EXPECT_EQ(verdict->revision, 9);
}

TEST(GateMemoryTest, LeavesItToTheDatabaseWhenItIsTooOld) {
  testing::SimClock clock;
  GateMemory memory(absl::Seconds(3), &clock);
  memory.Remember({}, clock.SinceBoot());
  clock.Advance(absl::Seconds(3));
  EXPECT_TRUE(memory.Ask(Build()).has_value());
  clock.Advance(absl::Nanoseconds(1));
  EXPECT_FALSE(memory.Ask(Build()).has_value());
}

// Which builds would work instead is in the database alone.
TEST(GateMemoryTest, LeavesABuildThatIsTooOldToTheDatabase) {
  testing::SimClock clock;
  GateMemory memory(absl::Seconds(3), &clock);
  GateFacts facts{.applied = 0, .head = 0};
  facts.contracts = {{.version = 2, .title = "drop"}};
  memory.Remember(facts, clock.SinceBoot());
  EXPECT_FALSE(memory.Ask(Build()).has_value());
  Declaration adapted = Build();
  adapted.adapted_to = 2;
  EXPECT_TRUE(memory.Ask(adapted).has_value());
}

// A look at the database that took long is as old as its beginning.
TEST(GateMemoryTest, CountsFromTheBeginningOfTheLook) {
  testing::SimClock clock;
  GateMemory memory(absl::Seconds(3), &clock);
  const absl::Duration began = clock.SinceBoot();
  clock.Advance(absl::Seconds(4));
  memory.Remember({}, began);
  EXPECT_FALSE(memory.Ask(Build()).has_value());
}

TEST(GateMemoryTest, ForgetsWhenItIsTold) {
  testing::SimClock clock;
  GateMemory memory(absl::Seconds(3), &clock);
  memory.Remember({}, clock.SinceBoot());
  memory.Forget();
  EXPECT_FALSE(memory.Ask(Build()).has_value());
}

}  // namespace
}  // namespace lockstep::coordinator
