#include "ctl/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ctl/command.h"
#include "ctl/errors.h"
#include "tests/support/matchers.h"

namespace lockstep::ctl {
namespace {

using ::lockstep::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string MessageOf(const ParsedLine& line) { return std::string(line.status.message()); }

TEST(ParseLine, ReadsACommandWithItsFlags) {
  const ParsedLine line =
      ParseLine({"upgrade", "--to", "14", "--contracts", "--reason=release 42", "--yes"});
  ASSERT_THAT(line.status, IsOk());
  EXPECT_STREQ(line.command->name, "upgrade");
  EXPECT_EQ(line.arguments.Number("--to"), 14);
  EXPECT_TRUE(line.arguments.Has("--contracts"));
  EXPECT_EQ(line.arguments.Text("--reason"), "release 42");
  EXPECT_FALSE(line.arguments.Has("--no-wait"));
  EXPECT_EQ(line.arguments.Number("--request-id"), std::nullopt);
}

TEST(ParseTimeSpan, KnowsDays) {
  const auto read = [](absl::string_view text) {
    absl::Duration duration = absl::Seconds(-1);
    return ParseTimeSpan(text, &duration) ? duration : absl::Seconds(-1);
  };
  EXPECT_EQ(read("90s"), absl::Seconds(90));
  EXPECT_EQ(read("7d"), absl::Hours(168));
  EXPECT_EQ(read("1d12h"), absl::Hours(36));
  for (const char* wrong :
       {"", "0s", "0d", "-1d", "1d-2h", "-5s", "d", "7", "7days", "inf", "1h2d", "99999999999d"}) {
    EXPECT_EQ(read(wrong), absl::Seconds(-1)) << wrong;
  }
  EXPECT_EQ(ParseLine({"pins", "add", "shop", "--for", "2d"}).arguments.Duration("--for"),
            absl::Hours(48));
}

TEST(ParseLine, TakesGlobalFlagsBeforeAndAfterTheCommand) {
  const ParsedLine line = ParseLine({"--address", "a:1", "-o", "json", "status", "--address", "b:2",
                                     "--timeout", "90s", "-q", "--no-input", "--color=never"});
  ASSERT_THAT(line.status, IsOk());
  EXPECT_THAT(line.globals.addresses, ElementsAre("a:1", "b:2"));
  EXPECT_TRUE(line.globals.json);
  EXPECT_EQ(line.globals.timeout, absl::Seconds(90));
  EXPECT_TRUE(line.globals.quiet);
  EXPECT_TRUE(line.globals.no_input);
  EXPECT_EQ(line.globals.color, ColorMode::kNever);
}

TEST(ParseLine, ReadsCommandsOfTwoWordsAndArguments) {
  const ParsedLine line = ParseLine({"operations", "get", "op-7f3a"});
  ASSERT_THAT(line.status, IsOk());
  EXPECT_STREQ(line.command->name, "operations get");
  EXPECT_EQ(line.arguments.argument(), "op-7f3a");
}

TEST(ParseLine, TakesACommandsNameForAnArgument) {
  const ParsedLine line = ParseLine({"status", "history"});
  ASSERT_THAT(line.status, IsOk());
  EXPECT_STREQ(line.command->name, "status");
  EXPECT_EQ(line.arguments.argument(), "history");
}

TEST(ParseLine, AnswersHelpInAllTheWaysPeopleAskForIt) {
  EXPECT_TRUE(ParseLine({"upgrade", "--help"}).help);
  EXPECT_STREQ(ParseLine({"upgrade", "-h"}).command->name, "upgrade");
  EXPECT_STREQ(ParseLine({"help", "upgrade"}).command->name, "upgrade");
  EXPECT_EQ(ParseLine({"help"}).command, nullptr);
  EXPECT_EQ(ParseLine({}).command, nullptr);
  EXPECT_EQ(ParseLine({"operations"}).group, "operations");
  // A flag that is required is not asked of somebody who asks for help.
  EXPECT_THAT(ParseLine({"wait", "--help"}).status, IsOk());
}

TEST(ParseLine, SuggestsTheNearestCommandOrFlag) {
  EXPECT_EQ(HintOf(ParseLine({"statsu"}).status), "did you mean `lockstep status`?");
  EXPECT_EQ(HintOf(ParseLine({"operations", "lst"}).status),
            "did you mean `lockstep operations list`?");
  EXPECT_EQ(HintOf(ParseLine({"upgrade", "--contract"}).status), "did you mean --contracts?");
  EXPECT_EQ(HintOf(ParseLine({"upgrade", "--timeuot=3s"}).status), "did you mean --timeout?");
  EXPECT_EQ(HintOf(ParseLine({"frobnicate"}).status), "`lockstep --help`");
}

TEST(ParseLine, RefusesWhatItDoesNotUnderstand) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"frobnicate"},
                                             {"upgrade", "--frobnicate"},
                                             {"upgrade", "14"},
                                             {"upgrade", "--to"},
                                             {"upgrade", "--to", "x"},
                                             {"upgrade", "--to", "-3"},
                                             {"upgrade", "--to", "99999999999"},
                                             {"upgrade", "--to", "3", "--to", "4"},
                                             {"status", "--timeout", "5"},
                                             {"status", "--timeout", "-5s"},
                                             {"status", "--timeout", "inf"},
                                             {"status", "-o", "yaml"},
                                             {"status", "--color", "maybe"},
                                             {"status", "a", "b"},
                                             {"wait"},
                                             {"operations", "get"}}) {
    const ParsedLine line = ParseLine(words);
    EXPECT_EQ(ExitCodeOf(line.status), kExitUsage) << ::testing::PrintToString(words);
    EXPECT_FALSE(HintOf(line.status).empty()) << ::testing::PrintToString(words);
  }
}

TEST(ParseLine, NamesTheValueThatIsWrong) {
  EXPECT_EQ(MessageOf(ParseLine({"upgrade", "--to", "x"})),
            "--to takes a version number, not \"x\"");
  EXPECT_EQ(MessageOf(ParseLine({"upgrade", "--to"})), "--to needs a value");
  EXPECT_THAT(MessageOf(ParseLine({"wait"})), HasSubstr("--for"));
}

TEST(ParseLine, KnowsTheOutputFormatEvenWhenTheLineIsWrong) {
  EXPECT_TRUE(ParseLine({"-o", "json", "upgrade", "--frobnicate"}).globals.json);
}

}  // namespace
}  // namespace lockstep::ctl
