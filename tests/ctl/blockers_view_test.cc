#include "ctl/blockers_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "ctl/sanitize.h"
#include "tests/ctl/samples.h"

namespace lockstep::ctl {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Text(const v1::ContractState& contract, int width, bool wide = false) {
  return ContractText(contract, Style(false), width, wide);
}

std::vector<std::string> LinesOf(const std::string& text) { return absl::StrSplit(text, '\n'); }

v1::ContractState Small() {
  v1::ContractState contract;
  contract.set_version(13);
  contract.set_title("drop");
  auto* group = contract.add_groups();
  group->set_service("core");
  group->set_build("v1");
  group->set_live(2);
  return contract;
}

TEST(BlockersView, AStateThatNobodyIsInHasNoColumn) {
  const std::string text = Text(Small(), 80);
  EXPECT_THAT(text, HasSubstr("SERVICE  BUILD  ADAPTED TO  LIVE  LAST SEEN\n"
                              "core     v1              0     2  -\n"));
  EXPECT_THAT(Text(Small(), 0, /*wide=*/true),
              AllOf(HasSubstr("SUSPECT"), HasSubstr("PINNED"), HasSubstr("LEFT")));
}

TEST(BlockersView, WhereColumnsHaveNoRoomTheStatesAreWordsWorstFirst) {
  v1::ContractState contract = Small();
  auto* group = contract.mutable_groups(0);
  group->set_service("collaboration-service");
  group->set_suspect(3);
  group->set_pins(1);
  group->set_starting(4);
  group->set_draining(5);
  group->set_gone(6);
  EXPECT_THAT(Text(contract, 120), HasSubstr("SUSPECT  PINNED  LIVE  STARTING  DRAINING  LEFT"));
  const std::string narrow = Text(contract, 80);
  EXPECT_THAT(narrow, HasSubstr("SERVICE                BUILD  ADAPTED TO  SEEN  INSTANCES\n"));
  EXPECT_THAT(narrow, HasSubstr("3 suspect, 1 pinned, 2 live"));
}

// Nothing of what matters is cut, and what is left out is counted.
TEST(BlockersView, FiveHundredInstancesFitAScreen) {
  const v1::ContractState contract = samples::ContractOfMany();
  for (const int width : {80, 120}) {
    const std::string text = Text(contract, width);
    const std::vector<std::string> lines = LinesOf(text);
    EXPECT_LE(lines.size(), 45u) << width;
    for (const std::string& line : lines) {
      if (absl::StartsWith(line, "CONTRACT") || absl::StartsWith(line, "next:")) continue;
      EXPECT_LE(DisplayWidth(line), width) << line;
      // A service is never cut.
      EXPECT_THAT(line, Not(HasSubstr("-servi…")));
    }
    EXPECT_THAT(text, HasSubstr("CONCERNS  500 of 520 instances\n"));
    EXPECT_THAT(text, HasSubstr("… and 20 more builds with "));
    EXPECT_THAT(text, HasSubstr("users.zip and 2 more\n"));
    EXPECT_THAT(text, HasSubstr("… and 2 more: `lockstep blockers 13 -o wide`\n"));
  }
  // The wide form leaves nothing out.
  const std::string wide = Text(contract, 0, /*wide=*/true);
  EXPECT_THAT(wide, Not(HasSubstr("…")));
  int builds = 0;
  for (const std::string& line : LinesOf(wide)) {
    builds += absl::StrContains(line, "  8d") || absl::StrContains(line, "  8e");
  }
  EXPECT_EQ(builds, 40);
}

}  // namespace
}  // namespace lockstep::ctl
