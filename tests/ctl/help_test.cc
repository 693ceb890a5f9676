#include "ctl/help.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_split.h"

#include "ctl/arguments.h"
#include "tests/support/matchers.h"

namespace lockstep::ctl {
namespace {

using ::lockstep::testing::IsOk;
using ::testing::HasSubstr;

TEST(Help, ListsEveryCommand) {
  for (const Command& command : Commands()) {
    EXPECT_THAT(ProgramHelp(), HasSubstr(absl::StrCat("  ", command.name, " ")));
  }
  EXPECT_THAT(GroupHelp("operations"), HasSubstr("operations cancel"));
}

TEST(Help, OfACommandHasItsFlagsAndExamples) {
  for (const Command& command : Commands()) {
    const std::string help = CommandHelp(command);
    for (const Flag& flag : command.flags) EXPECT_THAT(help, HasSubstr(flag.long_name()));
    EXPECT_THAT(help, HasSubstr("EXAMPLES\n  lockstep "));
  }
  EXPECT_EQ(UsageOf(*FindCommand("wait")), "lockstep wait --for WHAT");
  EXPECT_EQ(UsageOf(*FindCommand("status")), "lockstep status [SERVICE] [--watch]");
}

// An example that does not work is worse than none.
TEST(Help, ExamplesAreLinesThatParse) {
  for (const Command& command : Commands()) {
    for (const char* example : command.examples) {
      std::vector<std::string> words = absl::StrSplit(example, ' ');
      words.erase(words.begin());
      // The parser gets words; quoted ones stand for one each.
      std::vector<std::string> joined;
      bool open = false;
      for (const std::string& word : words) {
        if (open) {
          joined.back() += " " + word;
        } else {
          joined.push_back(word);
        }
        if (!word.empty() && word.front() == '\'') open = true;
        if (!word.empty() && word.back() == '\'') open = false;
      }
      const ParsedLine line = ParseLine(joined);
      EXPECT_THAT(line.status, IsOk()) << example;
      EXPECT_EQ(line.command, &command) << example;
    }
  }
}

}  // namespace
}  // namespace lockstep::ctl
