#include "proto/convert/time.h"

#include <gtest/gtest.h>
#include <limits>

namespace lockstep::convert {
namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

TEST(ConvertTimeTest, TimesSurviveToTheNanosecond) {
  for (const absl::Time time :
       {absl::UnixEpoch(), absl::FromUnixNanos(1), absl::FromUnixNanos(-1),
        absl::FromUnixNanos(1'700'000'000'123'456'789), absl::FromUnixSeconds(-62135596800),
        absl::FromUnixSeconds(253402300799)}) {
    const auto proto = ToProto(time);
    EXPECT_GE(proto.nanos(), 0);
    EXPECT_LT(proto.nanos(), 1'000'000'000);
    EXPECT_EQ(FromProto(proto), time);
  }
}

TEST(ConvertTimeTest, TimesOutOfRangeAreClamped) {
  EXPECT_EQ(ToProto(absl::InfiniteFuture()).seconds(), 253402300799);
  EXPECT_EQ(ToProto(absl::InfinitePast()).seconds(), -62135596800);
  EXPECT_EQ(ToProto(absl::FromUnixSeconds(kMax / 2)).seconds(), 253402300799);
  EXPECT_EQ(ToProto(absl::FromUnixSeconds(253402300800)).seconds(), 253402300799);
}

TEST(ConvertTimeTest, DurationsSurviveWithTheirSign) {
  for (const absl::Duration duration :
       {absl::ZeroDuration(), absl::Nanoseconds(1), -absl::Nanoseconds(1), absl::Milliseconds(1500),
        -absl::Milliseconds(1500), absl::Hours(24 * 365)}) {
    const auto proto = ToProto(duration);
    EXPECT_GE(proto.seconds() * proto.nanos(), 0);  // The same sign, or one is zero.
    EXPECT_EQ(FromProto(proto), duration);
  }
}

TEST(ConvertTimeTest, DurationsOutOfRangeAreClamped) {
  EXPECT_EQ(ToProto(absl::InfiniteDuration()).seconds(), 315576000000);
  EXPECT_EQ(ToProto(-absl::InfiniteDuration()).seconds(), -315576000000);
}

TEST(ConvertTimeTest, HostileMessagesDoNotOverflow) {
  for (int64_t seconds : {kMin, kMax}) {
    google::protobuf::Timestamp time;
    time.set_seconds(seconds);
    time.set_nanos(std::numeric_limits<int32_t>::max());
    (void)ToProto(FromProto(time));
    google::protobuf::Duration duration;
    duration.set_seconds(seconds);
    duration.set_nanos(std::numeric_limits<int32_t>::min());
    (void)ToProto(FromProto(duration));
  }
}

}  // namespace
}  // namespace lockstep::convert
