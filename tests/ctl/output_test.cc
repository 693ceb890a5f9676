#include "ctl/output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lockstep/v1/status.pb.h"

#include "tests/support/matchers.h"

namespace lockstep::ctl {
namespace {

using ::lockstep::testing::IsOkAndHolds;
using ::testing::HasSubstr;

TEST(DurationText, ReadsWell) {
  EXPECT_EQ(DurationText(absl::Milliseconds(340)), "340 ms");
  EXPECT_EQ(DurationText(absl::Milliseconds(1249)), "1.2 s");
  EXPECT_EQ(DurationText(absl::Milliseconds(59'999)), "59.9 s");
  EXPECT_EQ(DurationText(absl::Seconds(190)), "3m10s");
  EXPECT_EQ(DurationText(absl::Minutes(125)), "2h05m");
  EXPECT_EQ(DurationText(absl::Hours(76)), "3d4h");
  EXPECT_EQ(DurationText(-absl::Seconds(1)), "0 ms");
}

TEST(AgeText, HasOneUnit) {
  EXPECT_EQ(AgeText(absl::Milliseconds(2900)), "2s");
  EXPECT_EQ(AgeText(absl::Minutes(3)), "3m");
  EXPECT_EQ(AgeText(absl::Hours(5)), "5h");
  EXPECT_EQ(AgeText(absl::Hours(100)), "4d");
  EXPECT_EQ(AgeText(-absl::Seconds(3)), "0s");
}

TEST(VersionRange, JoinsNeighbours) {
  EXPECT_EQ(VersionRange({}), "");
  EXPECT_EQ(VersionRange({13}), "(13)");
  EXPECT_EQ(VersionRange({13, 14, 15, 16}), "(13..16)");
  EXPECT_EQ(VersionRange({11, 13, 14}), "(11, 13..14)");
}

TEST(ContractsWaiting, EndsWithTheNextCommand) {
  EXPECT_EQ(ContractsWaiting({}), "");
  EXPECT_EQ(ContractsWaiting({13}), "1 contract waiting: lockstep contract 13");
  EXPECT_EQ(ContractsWaiting({13, 15}), "2 contracts waiting: lockstep contract 13 (then 15)");
}

TEST(ToJson, IsTheProto3MappingWithEveryPrimitive) {
  v1::ChainStatus chain;
  chain.set_head(14);
  chain.add_contracts_waiting(13);
  chain.set_head_hash("\x01\x02");
  EXPECT_THAT(ToJson(chain), IsOkAndHolds("{\n"
                                          " \"applied\": 0,\n"
                                          " \"head\": 14,\n"
                                          " \"pending\": 0,\n"
                                          " \"contractsWaiting\": [\n"
                                          "  13\n"
                                          " ],\n"
                                          " \"headHash\": \"AQI=\",\n"
                                          " \"inflight\": 0,\n"
                                          " \"barrier\": 0,\n"
                                          " \"incarnation\": \"0\"\n"
                                          "}\n"));
}

TEST(ToJson, EscapesControlCharacters) {
  v1::Backfill backfill;
  backfill.set_name("\x1b[2J\x7f");
  const auto json = ToJson(backfill);
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(json->find('\x1b'), std::string::npos);
  EXPECT_THAT(*json, HasSubstr("\\u001b[2J"));
}

}  // namespace
}  // namespace lockstep::ctl
