// Many sessions that fall silent at once are not expired: it is the network, or the coordinator.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/fleet/eviction.h"
#include "tests/coordinator/session_end_fixture.h"

namespace lockstep::coordinator {
namespace {

using testing::IsOk;

class BrakeTest : public SessionEndTest {
 protected:
  void StartMany(int count) {
    for (int i = 0; i < count; ++i) agents_.push_back(f_.Start(absl::StrCat("i", i), true));
  }
  int Counting() {
    return std::stoi(f_.lockstep().Scalar(
        "SELECT count(*) FROM lockstep.session WHERE state IN ('live', 'suspect')"));
  }
  std::vector<Agent> agents_;
};

TEST_F(BrakeTest, ManyAtOnceAreNotExpiredUntilEnoughOfThemAreHeardAgain) {
  StartMany(20);
  for (int i = 0; i < 5; ++i) f_.Lose(agents_[i]);
  f_.Pass(ttl() * 10);
  EXPECT_EQ(Counting(), 20);
  ASSERT_TRUE(f_.fleet().expiry_brake().has_value());
  EXPECT_EQ(f_.fleet().expiry_brake()->state.silent, 5u);
  EXPECT_EQ(f_.Events("expiry_frozen"), "1");
  EXPECT_EQ(EventDetail("expiry_frozen", "sessions"), "20");
  f_.Hello(agents_[0].declaration);
  f_.Pass(absl::Seconds(4));
  EXPECT_FALSE(f_.fleet().expiry_brake().has_value());
  EXPECT_EQ(f_.Events("expiry_resumed"), "1");
  EXPECT_EQ(Counting(), 16);  // The others are dead after all.
}

TEST_F(BrakeTest, OneAfterTheOtherExpires) {
  StartMany(20);
  for (int i = 0; i < 6; ++i) {
    f_.Lose(agents_[i]);
    f_.Pass(ttl() + absl::Seconds(2));
  }
  EXPECT_EQ(Counting(), 14);
  EXPECT_EQ(f_.Events("expiry_frozen"), "0");
}

TEST_F(BrakeTest, APersonEndsItByAttestingThemGone) {
  StartMany(10);
  for (int i = 0; i < 5; ++i) f_.Lose(agents_[i]);
  f_.Pass(ttl() * 2);
  ASSERT_EQ(Counting(), 10);
  ASSERT_THAT(Attest(agents_[0]), IsOk());
  f_.Pass(ttl() * 2 + absl::Seconds(6));
  EXPECT_FALSE(f_.fleet().expiry_brake().has_value());
  EXPECT_EQ(Counting(), 5);
}

TEST_F(BrakeTest, InstancesThatTakeTheirPlaceEndItToo) {
  StartMany(20);
  for (int i = 0; i < 5; ++i) f_.Lose(agents_[i]);
  f_.Pass(ttl() * 2);
  ASSERT_EQ(Counting(), 20);
  for (int i = 0; i < 5; ++i) f_.Start(absl::StrCat("new", i), true);
  f_.Pass(absl::Seconds(4));
  EXPECT_EQ(Counting(), 20);  // 25 but the five.
}

TEST_F(BrakeTest, ItDoesNotOutlastTheDayOfThePolicy) {
  StartMany(10);
  for (int i = 0; i < 5; ++i) f_.Lose(agents_[i]);
  f_.Pass(ttl() * 2);
  ASSERT_EQ(Counting(), 10);
  f_.clock().Advance(f_.durations().suspect_expiry - ttl() * 3);
  f_.Pass(absl::Seconds(4));
  ASSERT_EQ(Counting(), 10);
  f_.Pass(ttl() * 2);
  EXPECT_EQ(Counting(), 5);
}

// Nobody reaches the new leader: it must not be the one that expires them all.
TEST_F(BrakeTest, ANewLeaderThatNobodyReachesExpiresNobody) {
  StartMany(8);
  f_.settled = false;
  f_.ChangeLeader();
  f_.Pass(ttl() * 2);
  f_.settled = true;
  f_.Pass(ttl() * 10);
  EXPECT_EQ(Counting(), 8);
  EXPECT_TRUE(f_.fleet().expiry_brake().has_value());
}

// No row is written for a heartbeat.
TEST_F(BrakeTest, AQuietFleetWritesNothing) {
  StartMany(3);
  f_.Pass(absl::Seconds(4));
  const std::string rows =
      "SELECT string_agg(xmin::text, ',' ORDER BY session_id) FROM lockstep.session";
  const std::string before = f_.lockstep().Scalar(rows);
  f_.Pass(ttl() * 10);
  EXPECT_EQ(f_.lockstep().Scalar(rows), before);
}

}  // namespace
}  // namespace lockstep::coordinator
