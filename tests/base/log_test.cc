#include "engine/base/log.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "tests/support/log_capture.h"

namespace lockstep::base {
namespace {

using testing::LogCapture;

std::string Text(const LogFields& fields) {
  return FormatLogLine(LogFormat::kText, LogLevel::kInfo, "T", "agent", "event", fields);
}

nlohmann::json Json(const LogFields& fields) {
  const std::string line =
      FormatLogLine(LogFormat::kJson, LogLevel::kWarning, "T", "agent", "event", fields);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  return nlohmann::json::parse(line);
}

TEST(FormatLogLine, TextIsKeyEqualsValue) {
  EXPECT_EQ(Text({{"first", "3"}, {"last", "9"}}), "T info event first=3 last=9");
}

TEST(FormatLogLine, TextQuotesWhatCouldBeMistaken) {
  EXPECT_EQ(Text({{"a", ""}}), "T info event a=\"\"");
  EXPECT_EQ(Text({{"a", "x y"}}), "T info event a=\"x y\"");
  EXPECT_EQ(Text({{"a", "b=c"}}), "T info event a=\"b=c\"");
  EXPECT_EQ(Text({{"a", "say \"hi\""}}), "T info event a=\"say \\\"hi\\\"\"");
  EXPECT_EQ(Text({{"a", "C:\\x"}}), "T info event a=\"C:\\\\x\"");
}

TEST(FormatLogLine, TextKeepsOtherLanguages) {
  EXPECT_EQ(Text({{"a", "größe 表"}}), "T info event a=\"größe 表\"");
}

TEST(FormatLogLine, TextLetsNoControlCharacterThrough) {
  // Line breaks forge lines; ESC, DEL and the C1 controls (U+009B starts a sequence, as a byte or
  // in UTF-8) drive terminals; U+202E turns text around.
  for (const std::string& hostile :
       std::vector<std::string>{"a\nT error forged", "a\rb", "a\x1b[2Jb", std::string("a\0b", 3),
                                "a\x7f"
                                "b",
                                "a\x9b"
                                "31mb",
                                "a\xc2\x9b"
                                "31mb",
                                "a\xe2\x80\xae"
                                "b",
                                "a\xff\xfe"
                                "b",
                                "a\xe2\x80"}) {
    const std::string line = Text({{"a", hostile}});
    for (size_t i = 0; i < line.size(); ++i) {
      const auto c = static_cast<unsigned char>(line[i]);
      EXPECT_TRUE(c >= 0x20 && c < 0x7f) << "byte " << int{c} << " in " << line;
    }
  }
}

TEST(FormatLogLine, JsonIsOneObjectWithItsKeysInOrder) {
  EXPECT_EQ(FormatLogLine(LogFormat::kJson, LogLevel::kError, "T", "agent", "event", {{"a", "1"}}),
            R"({"time":"T","level":"error","program":"agent","msg":"event","a":"1"})");
  EXPECT_EQ(FormatLogLine(LogFormat::kJson, LogLevel::kError, "T", "", "event", {}),
            R"({"time":"T","level":"error","msg":"event"})");
}

TEST(FormatLogLine, JsonKeepsHostileText) {
  const std::string hostile("\"}\n{\"level\":\"forged\" \x1b \0 end", 29);
  const nlohmann::json json = Json({{"a", hostile}});
  EXPECT_EQ(json.at("a").get<std::string>(), hostile);
  EXPECT_EQ(json.at("level"), "warning");
  EXPECT_EQ(Json({{"a", "x\xff"}}).at("a"), "x\xef\xbf\xbd");
}

TEST(ParseLogLevel, KnowsItsNamesOnly) {
  LogLevel level = LogLevel::kError;
  EXPECT_TRUE(ParseLogLevel("debug", &level));
  EXPECT_EQ(level, LogLevel::kDebug);
  EXPECT_TRUE(ParseLogLevel("off", &level));
  for (const char* text : {"", "DEBUG", "warn", "info "}) {
    EXPECT_FALSE(ParseLogLevel(text, &level)) << text;
  }
  EXPECT_EQ(level, LogLevel::kOff);
}

TEST(Log, DropsWhatIsBelowItsLevel) {
  LogCapture log;
  InitLogging({.level = LogLevel::kWarning, .format = LogFormat::kText});
  LogInfo("quiet");
  LogWarning("loud");
  InitLogging({.level = LogLevel::kOff, .format = LogFormat::kText});
  LogError("silenced");
  InitLogging({.format = LogFormat::kText});
  EXPECT_EQ(log.lines().size(), 1u);
  EXPECT_TRUE(log.Contains("warning loud"));
}

TEST(Log, LinesOfManyThreadsAreWhole) {
  LogCapture log;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int j = 0; j < 250; ++j) LogInfo("event", {{"key", "value"}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(log.lines().size(), 1000u);
  EXPECT_EQ(log.Count(" info event key=value"), 1000);
}

}  // namespace
}  // namespace lockstep::base
