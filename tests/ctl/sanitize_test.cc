#include "ctl/sanitize.h"

#include <gtest/gtest.h>

namespace lockstep::ctl {
namespace {

TEST(Sanitize, LeavesOrdinaryTextAlone) {
  EXPECT_EQ(Sanitize("platform-core @ 8d02b17"), "platform-core @ 8d02b17");
  EXPECT_EQ(Sanitize("Grüße, 日本語 🚀 ←"), "Grüße, 日本語 🚀 ←");
  EXPECT_EQ(Sanitize(""), "");
}

TEST(Sanitize, ShowsWhatATerminalWouldObey) {
  EXPECT_EQ(Sanitize("\x1b[2J\x1b]0;owned\x07"), "\\x1b[2J\\x1b]0;owned\\x07");
  EXPECT_EQ(Sanitize("a\rb\bc\x7f"), "a\\rb\\x08c\\x7f");
  // C1 as UTF-8: U+009B is a control sequence introducer to some terminals.
  EXPECT_EQ(Sanitize("\xc2\x9b"
                     "31m"),
            "\\u009b31m");
  EXPECT_EQ(Sanitize(absl::string_view("a\0b", 3)), "a\\x00b");
}

TEST(Sanitize, KeepsForgedLinesOnOneLine) {
  EXPECT_EQ(Sanitize("ok\nerror: forged"), "ok\\nerror: forged");
  EXPECT_EQ(Sanitize("a\tb"), "a\\tb");
  EXPECT_EQ(Sanitize("a\xe2\x80\xa8"
                     "b"),
            "a\\u2028b");
}

TEST(Sanitize, ShowsMarksThatTurnTextAroundOrHideIt) {
  EXPECT_EQ(Sanitize("user\xe2\x80\xaetxt.exe"), "user\\u202etxt.exe");
  EXPECT_EQ(Sanitize("a\xe2\x80\x8b"
                     "b"),
            "a\\u200bb");
  EXPECT_EQ(Sanitize("\xef\xbb\xbf"
                     "a"),
            "\\ufeffa");
}

TEST(Sanitize, ShowsBytesThatAreNotUtf8) {
  EXPECT_EQ(Sanitize("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(Sanitize("a\xc3"), "a\\xc3");                           // Cut off.
  EXPECT_EQ(Sanitize("\xc0\xaf"), "\\xc0\\xaf");                    // Overlong.
  EXPECT_EQ(Sanitize("\xe0\x80\x8a"), "\\xe0\\x80\\x8a");           // An overlong line feed.
  EXPECT_EQ(Sanitize("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // A surrogate.
  EXPECT_EQ(Sanitize("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // Above U+10FFFF.
}

TEST(Sanitize, ChangesNothingTheSecondTime) {
  const std::string once = Sanitize("\x1b[1m\xff\n日本");
  EXPECT_EQ(Sanitize(once), once);
}

TEST(SanitizeText, KeepsLinesAndTabsOnly) {
  EXPECT_EQ(SanitizeText("SELECT 1;\n\tSELECT '\x1b';\r\n"), "SELECT 1;\n\tSELECT '\\x1b';\\r\n");
}

TEST(DisplayWidth, CountsWhatATerminalShows) {
  EXPECT_EQ(DisplayWidth("abc"), 3);
  EXPECT_EQ(DisplayWidth("Grüße"), 5);
  EXPECT_EQ(DisplayWidth("日本"), 4);
  EXPECT_EQ(DisplayWidth("e\xcc\x81"), 1);  // e and a combining acute accent.
  EXPECT_EQ(DisplayWidth("🚀"), 2);
}

TEST(Truncate, CutsAtTheWidthWithAnEllipsis) {
  EXPECT_EQ(Truncate("platform-core", 13), "platform-core");
  EXPECT_EQ(Truncate("platform-core", 8), "platfor…");
  EXPECT_EQ(Truncate("日本語", 4), "日…");  // A half character is not shown.
  EXPECT_EQ(Truncate("abc", 1), "…");
  EXPECT_EQ(Truncate("abc", 0), "");
}

}  // namespace
}  // namespace lockstep::ctl
