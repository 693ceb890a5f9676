#include "ctl/sum_diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lockstep::ctl {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

chain::ChainSum Sum(std::vector<std::pair<std::string, std::string>> versions,
                    std::vector<chain::ChainSum::BackfillEntry> backfills = {}) {
  chain::ChainSum sum;
  for (const auto& [title, digest] : versions) {
    const chain::Version version = sum.head() + 1;
    sum.entries.push_back(
        {version, title, digest, chain::NextChainHash(sum.head_hash(), version, title, digest)});
  }
  sum.backfills = std::move(backfills);
  return sum;
}

TEST(DescribeChanges, NamesEachVersionOnce) {
  EXPECT_THAT(DescribeChanges(Sum({{"a", "1"}, {"b", "2"}, {"c", "3"}}),
                              Sum({{"a", "1"}, {"b", "9"}, {"c", "3"}})),
              ElementsAre("changed 2 b"));
  EXPECT_THAT(DescribeChanges(Sum({{"a", "1"}}), Sum({{"a", "1"}, {"b", "2"}})),
              ElementsAre("added 2 b"));
  EXPECT_THAT(DescribeChanges(Sum({{"a", "1"}, {"b", "2"}}), Sum({{"a", "1"}})),
              ElementsAre("removed 2 b"));
  EXPECT_THAT(DescribeChanges(Sum({{"a", "1"}}), Sum({{"z", "1"}})),
              ElementsAre("renamed 1 a to z"));
}

TEST(DescribeChanges, NamesBackfills) {
  EXPECT_THAT(
      DescribeChanges(Sum({}, {{"gone", "1"}, {"kept", "2"}, {"new_text", "3"}}),
                      Sum({}, {{"fresh", "9"}, {"kept", "2"}, {"new_text", "4"}})),
      ElementsAre("added backfill fresh", "removed backfill gone", "changed backfill new_text"));
}

TEST(DescribeChanges, IsEmptyForEqualChains) {
  EXPECT_THAT(DescribeChanges(Sum({{"a", "1"}}), Sum({{"a", "1"}})), IsEmpty());
}

}  // namespace
}  // namespace lockstep::ctl
