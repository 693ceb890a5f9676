#include "coordinator/operation/groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lockstep::coordinator {
namespace {

using chain::Sharing;
using ::testing::ElementsAre;

constexpr Sharing kAlone = Sharing::kAlone;
constexpr Sharing kLast = Sharing::kLast;
constexpr Sharing kAny = Sharing::kAny;

std::vector<MigrationText> Texts(const std::vector<Sharing>& sharing, size_t bytes = 10) {
  std::vector<MigrationText> texts;
  for (const Sharing one : sharing) {
    const auto version = static_cast<Version>(texts.size()) + 5;
    texts.push_back(
        {.entry = {.version = version}, .sql = std::string(bytes, 'x'), .sharing = one});
  }
  return texts;
}

TEST(GroupsTest, NeighboursThatMayShareAreOneGroup) {
  EXPECT_THAT(GroupsOf(Texts({kAny, kAny, kAny}), true), ElementsAre(5, 5, 5));
  EXPECT_THAT(GroupsOf({}, true), ElementsAre());
}

TEST(GroupsTest, ADatabaseThatHasBeenServedHasNone) {
  EXPECT_THAT(GroupsOf(Texts({kAny, kAny, kAny}), false), ElementsAre(5, 6, 7));
}

TEST(GroupsTest, OneThatIsAloneSharesWithNoneBesideIt) {
  EXPECT_THAT(GroupsOf(Texts({kAny, kAlone, kAny, kAny}), true), ElementsAre(5, 6, 7, 7));
}

TEST(GroupsTest, NothingFollowsALastOne) {
  EXPECT_THAT(GroupsOf(Texts({kAny, kLast, kAny, kLast, kLast}), true), ElementsAre(5, 5, 7, 7, 9));
}

TEST(GroupsTest, AGroupHasAtMostSixteen) {
  const std::vector<Version> groups = GroupsOf(Texts(std::vector<Sharing>(40, kAny)), true);
  EXPECT_EQ(groups[15], 5);
  EXPECT_EQ(groups[16], 21);
  EXPECT_EQ(groups[39], 37);
}

TEST(GroupsTest, AGroupHasAtMostAMebibyteOfSql) {
  EXPECT_THAT(GroupsOf(Texts({kAny, kAny, kAny}, kMaxGroupBytes / 2), true), ElementsAre(5, 5, 7));
  EXPECT_THAT(GroupsOf(Texts({kAny, kAny}, kMaxGroupBytes), true), ElementsAre(5, 6));
}

}  // namespace
}  // namespace lockstep::coordinator
