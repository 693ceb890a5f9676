#include "coordinator/lease/settle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/sim_clock.h"

namespace lockstep::coordinator {
namespace {

using ::testing::HasSubstr;

class SettleTest : public ::testing::Test {
 protected:
  absl::Duration whole() const { return durations_.session_ttl + durations_.admission_validity; }

  testing::SimClock clock_;
  Durations durations_;
  Settle settle_{{.clock = &clock_, .durations = durations_}};
};

TEST_F(SettleTest, WhoDoesNotLeadHasSettledNothing) {
  EXPECT_FALSE(settle_.over());
  clock_.Advance(absl::Hours(100));
  EXPECT_FALSE(settle_.over());
  EXPECT_EQ(settle_.left(), absl::InfiniteDuration());
  settle_.Heard("anybody");
  EXPECT_FALSE(settle_.over());
}

TEST_F(SettleTest, WhereNobodyCountsThereIsNothingToWaitFor) {
  settle_.Begin({}, false);
  EXPECT_TRUE(settle_.over());
  EXPECT_EQ(settle_.left(), absl::ZeroDuration());
  EXPECT_EQ(settle_.Describe(), "");
}

TEST_F(SettleTest, ItIsOverWhenEverybodyWasHeardFrom) {
  settle_.Begin({"a", "b"}, false);
  settle_.Heard("a");
  settle_.Heard("a");
  settle_.Heard("a stranger");
  EXPECT_FALSE(settle_.over());
  EXPECT_THAT(settle_.Describe(), HasSubstr("1 instance to be heard from, 50 s"));
  settle_.Heard("b");
  EXPECT_TRUE(settle_.over());
}

// An instance that was admitted by the leader before and has not turned ready says nothing to
// anybody, and serves within the admission validity. A settle over those that serve would be over
// here.
TEST_F(SettleTest, OneThatIsAdmittedAndDoesNotServeYetIsWaitedFor) {
  settle_.Begin({"serving", "admitted"}, false);
  settle_.Heard("serving");
  clock_.Advance(whole() - absl::Milliseconds(1));
  EXPECT_FALSE(settle_.over());
  settle_.Heard("admitted");
  EXPECT_TRUE(settle_.over());
}

TEST_F(SettleTest, OneThatNeverComesBackIsWaitedForATtlAndTheAdmissionValidity) {
  settle_.Begin({"dead"}, false);
  clock_.Advance(whole() - absl::Milliseconds(1));
  EXPECT_FALSE(settle_.over());
  EXPECT_EQ(settle_.left(), absl::Milliseconds(1));
  clock_.Advance(absl::Milliseconds(1));
  EXPECT_TRUE(settle_.over());
}

TEST_F(SettleTest, WhereRowsMayBeLostOnlyTimeEndsIt) {
  settle_.Begin({"a"}, true);
  settle_.Heard("a");
  EXPECT_FALSE(settle_.over());
  EXPECT_THAT(settle_.Describe(), HasSubstr("failed over or was restored"));
  clock_.Advance(whole());
  EXPECT_TRUE(settle_.over());
  settle_.Begin({}, true);
  EXPECT_FALSE(settle_.over());
}

TEST_F(SettleTest, OnceOverItStaysOverUntilTheNextLeadership) {
  settle_.Begin({}, false);
  ASSERT_TRUE(settle_.over());
  clock_.Advance(absl::Hours(1));
  EXPECT_TRUE(settle_.over());
  settle_.Reset();
  EXPECT_FALSE(settle_.over());
  settle_.Begin({"a"}, false);
  EXPECT_FALSE(settle_.over());
  EXPECT_EQ(settle_.left(), whole());
}

// Nobody is expired because somebody set a clock.
TEST_F(SettleTest, SettingTheWallClockEndsNothing) {
  settle_.Begin({"a"}, false);
  clock_.StepWallClock(absl::Hours(24));
  EXPECT_FALSE(settle_.over());
}

}  // namespace
}  // namespace lockstep::coordinator
