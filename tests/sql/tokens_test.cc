#include "engine/sql/tokens.h"

#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lockstep::sql {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Texts(absl::string_view text) {
  std::vector<std::string> texts;
  for (const Token& token : Tokenize(text)) texts.emplace_back(TextOf(text, token));
  return texts;
}

TokenKind KindOfOnly(absl::string_view text) {
  const std::vector<Token> tokens = Tokenize(text);
  EXPECT_EQ(tokens.size(), 1u) << text;
  EXPECT_EQ(TextOf(text, tokens.at(0)), text);
  return tokens.at(0).kind;
}

TEST(Tokens, AnEmptyOrBlankTextHasNone) {
  EXPECT_THAT(Texts(""), IsEmpty());
  EXPECT_THAT(Texts(" \t\r\n\f\v "), IsEmpty());
}

TEST(Tokens, WordsNumbersAndPunctuationAreCutApart) {
  EXPECT_THAT(Texts("SELECT a.b,c[1] FROM t;"),
              ElementsAre("SELECT", "a", ".", "b", ",", "c", "[", "1", "]", "FROM", "t", ";"));
}

TEST(Tokens, AWordMayHoldDigitsDollarsAndCharactersBeyondAscii) {
  EXPECT_EQ(KindOfOnly("a1$b_ß日"), TokenKind::kWord);
  EXPECT_EQ(KindOfOnly("übung"), TokenKind::kWord);
  EXPECT_EQ(KindOfOnly("_x"), TokenKind::kWord);
}

TEST(Tokens, ADollarInsideAWordOpensNoDollarQuote) {
  EXPECT_THAT(Texts("a$x$ b$x$"), ElementsAre("a$x$", "b$x$"));
}

TEST(Tokens, ADollarQuoteEndsOnlyAtItsOwnTag) {
  EXPECT_EQ(KindOfOnly("$a$ ; $$ ; $b$ -- ' $a$"), TokenKind::kDollarString);
  EXPECT_THAT(Texts("$$a$b$c$$ d"), ElementsAre("$$a$b$c$$", "d"));
  EXPECT_THAT(Texts("$A$ $a$ $A$;"), ElementsAre("$A$ $a$ $A$", ";"));
}

TEST(Tokens, ADollarQuotesTagMayEndInsideOfAnotherTagsDollars) {
  EXPECT_THAT(Texts("$a$ $b$a$;"), ElementsAre("$a$ $b$a$", ";"));
}

TEST(Tokens, ADollarQuoteMayHaveATagBeyondAscii) {
  EXPECT_EQ(KindOfOnly("$größe$ ; $größe$"), TokenKind::kDollarString);
}

TEST(Tokens, AnUnterminatedDollarQuoteReachesToTheEnd) {
  EXPECT_EQ(KindOfOnly("$a$ x $b$"), TokenKind::kDollarString);
  EXPECT_EQ(KindOfOnly("$$"), TokenKind::kDollarString);
}

TEST(Tokens, ADollarFollowedByDigitsIsAParameter) {
  EXPECT_EQ(KindOfOnly("$12"), TokenKind::kParameter);
  EXPECT_THAT(Texts("$1+$2"), ElementsAre("$1", "+", "$2"));
  EXPECT_THAT(Texts("$1$$;$$"), ElementsAre("$1", "$$;$$"));
}

TEST(Tokens, ADollarAloneIsASymbol) {
  EXPECT_THAT(Texts("$ $a b"), ElementsAre("$", "$", "a", "b"));
}

TEST(Tokens, AQuoteIsDoubledInsideOfAString) {
  EXPECT_EQ(KindOfOnly("'a''b;'"), TokenKind::kString);
  EXPECT_THAT(Texts("'a''' ;''"), ElementsAre("'a'''", ";", "''"));
}

TEST(Tokens, ABackslashMeansNothingInAPlainString) {
  EXPECT_THAT(Texts(R"('a\';')"), ElementsAre(R"('a\')", ";", "'"));
}

TEST(Tokens, ABackslashEscapesInAnEString) {
  EXPECT_THAT(Texts(R"(E'a\';' ;)"), ElementsAre(R"(E'a\';')", ";"));
  EXPECT_THAT(Texts(R"(e'\\' ;)"), ElementsAre(R"(e'\\')", ";"));
  EXPECT_THAT(Texts(R"(E'''\'''';)"), ElementsAre(R"(E'''\'''')", ";"));
}

TEST(Tokens, AnEStringThatEndsInABackslashReachesToTheEnd) {
  EXPECT_EQ(KindOfOnly("E'a\\"), TokenKind::kString);
}

TEST(Tokens, AnEStringThatGoesOnAfterALineBreakStillObeysBackslashes) {
  EXPECT_THAT(Texts("E'a'\n  'b\\';' ;"), ElementsAre("E'a'", "'b\\';'", ";"));
  EXPECT_THAT(Texts("E'a'\n'b' -- c\n 'd\\';' ;"),
              ElementsAre("E'a'", "'b'", "-- c", "'d\\';'", ";"));
}

TEST(Tokens, AStringOnTheSameLineOrBehindABlockCommentIsNotAContinuation) {
  EXPECT_THAT(Texts("E'a' 'b\\' ;"), ElementsAre("E'a'", "'b\\'", ";"));
  EXPECT_THAT(Texts("E'a' /* */\n'b\\' ;"), ElementsAre("E'a'", "/* */", "'b\\'", ";"));
  EXPECT_THAT(Texts("E'a',\n'b\\' ;"), ElementsAre("E'a'", ",", "'b\\'", ";"));
}

TEST(Tokens, PrefixesBelongToTheirStrings) {
  for (const char* text :
       {"B'01'", "b'1'", "X'ff'", "x'0A'", "N'a'", "n'a'", "U&'\\0041'", "u&''", "e'\\''"}) {
    EXPECT_EQ(KindOfOnly(text), TokenKind::kString) << text;
  }
  EXPECT_EQ(KindOfOnly("U&\"\\0041\""), TokenKind::kQuotedIdentifier);
}

TEST(Tokens, ABlankCutsAPrefixOff) {
  EXPECT_THAT(Texts("E 'a'"), ElementsAre("E", "'a'"));
  EXPECT_THAT(Texts("U & 'a'"), ElementsAre("U", "&", "'a'"));
  EXPECT_THAT(Texts("type'a'"), ElementsAre("type", "'a'"));
}

TEST(Tokens, AQuoteIsDoubledInsideOfAQuotedIdentifier) {
  EXPECT_EQ(KindOfOnly("\"a\"\"b;'\\\""), TokenKind::kQuotedIdentifier);
}

TEST(Tokens, AnUnterminatedQuoteReachesToTheEnd) {
  EXPECT_EQ(KindOfOnly("'a;\nb"), TokenKind::kString);
  EXPECT_EQ(KindOfOnly("\"a;\nb"), TokenKind::kQuotedIdentifier);
  EXPECT_EQ(KindOfOnly("'a''"), TokenKind::kString);
}

TEST(Tokens, ALineCommentEndsBeforeTheLineBreak) {
  EXPECT_THAT(Texts("a -- b ' /*\nc"), ElementsAre("a", "-- b ' /*", "c"));
  EXPECT_THAT(Texts("a--"), ElementsAre("a", "--"));
}

TEST(Tokens, ACarriageReturnAloneEndsALineCommentAsItDoesForPostgres) {
  EXPECT_THAT(Texts("-- a\rDROP"), ElementsAre("-- a", "DROP"));
}

TEST(Tokens, BlockCommentsNest) {
  EXPECT_EQ(KindOfOnly("/* a /* b */ ; -- */"), TokenKind::kBlockComment);
  EXPECT_THAT(Texts("/*/**/*/a"), ElementsAre("/*/**/*/", "a"));
  EXPECT_THAT(Texts("/*/*/ a"), ElementsAre("/*/*/ a"));
}

TEST(Tokens, AnUnterminatedBlockCommentReachesToTheEnd) {
  EXPECT_EQ(KindOfOnly("/* a /* b */ c"), TokenKind::kBlockComment);
  EXPECT_EQ(KindOfOnly("/*"), TokenKind::kBlockComment);
}

TEST(Tokens, QuotesHideComments) {
  EXPECT_THAT(Texts("'--' \"/*\" $$/*$$ x"), ElementsAre("'--'", "\"/*\"", "$$/*$$", "x"));
}

TEST(Tokens, AnOperatorIsAsLongAsItCanBe) {
  EXPECT_THAT(Texts("a<=b"), ElementsAre("a", "<=", "b"));
  EXPECT_THAT(Texts("a->>'x'"), ElementsAre("a", "->>", "'x'"));
  EXPECT_THAT(Texts("a<@>b"), ElementsAre("a", "<@>", "b"));
}

TEST(Tokens, AnOperatorEndsBeforeAQuoteOrComment) {
  EXPECT_THAT(Texts("a||'x'||$$y$$"), ElementsAre("a", "||", "'x'", "||", "$$y$$"));
  EXPECT_THAT(Texts("a+--b"), ElementsAre("a", "+", "--b"));
  EXPECT_THAT(Texts("a+/*b*/c"), ElementsAre("a", "+", "/*b*/", "c"));
  EXPECT_THAT(Texts("a*/b"), ElementsAre("a", "*/", "b"));
}

TEST(Tokens, ATrailingSignIsItsOwnTokenAsInPostgres) {
  EXPECT_THAT(Texts("a=-1"), ElementsAre("a", "=", "-", "1"));
  EXPECT_THAT(Texts("a<+-1"), ElementsAre("a", "<", "+", "-", "1"));
  EXPECT_THAT(Texts("a@-1"), ElementsAre("a", "@-", "1"));
}

TEST(Tokens, ColonsAndPointsPairUp) {
  EXPECT_THAT(Texts("a::b:=c:d 1..9"),
              ElementsAre("a", "::", "b", ":=", "c", ":", "d", "1", "..", "9"));
}

TEST(Tokens, NumbersTakeExponentsPrefixesAndSeparatorsAlong) {
  for (const char* text :
       {"1", "1.5", ".5", "1.", "1e5", "1E-5", "1.5e+10", "0x1F", "0b01", "0o17", "1_000", "1a"}) {
    EXPECT_EQ(KindOfOnly(text), TokenKind::kNumber) << text;
  }
  EXPECT_THAT(Texts("1e-x"), ElementsAre("1e", "-", "x"));
  EXPECT_THAT(Texts("0x1e-5"), ElementsAre("0x1e", "-", "5"));
  EXPECT_THAT(Texts("1.5.2"), ElementsAre("1.5", ".2"));
}

TEST(Tokens, ControlBytesAndNulAreSymbolsOfTheirOwn) {
  EXPECT_THAT(Texts(absl::string_view("a\0\x1f"
                                      "b",
                                      4)),
              ElementsAre("a", std::string(1, '\0'), "\x1f", "b"));
  EXPECT_THAT(Texts("\\i x"), ElementsAre("\\", "i", "x"));
}

TEST(Tokens, OffsetsAreInBytes) {
  const std::vector<Token> tokens = Tokenize("é x");
  ASSERT_EQ(tokens.size(), 2u);
  EXPECT_EQ(tokens[0].size, 2u);
  EXPECT_EQ(tokens[1].offset, 3u);
}

bool IsBlank(char c) { return absl::string_view(" \t\n\r\f\v").find(c) != std::string::npos; }

// A text of `pieces` random pieces in which quotes and comments are frequent.
std::string RandomText(std::mt19937* random, int pieces) {
  static const std::vector<std::string> kPieces = {"'",    "\"",
                                                   "$$",   "$a$",
                                                   "$1",   "E'",
                                                   "U&'",  "--",
                                                   "/*",   "*/",
                                                   "\n",   "\r",
                                                   " ",    "\\",
                                                   "''",   ";",
                                                   "(",    ")",
                                                   "a",    "é",
                                                   "1",    ".",
                                                   "e5",   "-",
                                                   "+",    "@",
                                                   ":",    "\t",
                                                   "x",    "BEGIN",
                                                   "::",   "$",
                                                   "_",    "0x",
                                                   "=",    "\x80",
                                                   "\x1f", std::string(1, '\0')};
  std::string text;
  for (int i = 0; i < pieces; ++i) text += kPieces[(*random)() % kPieces.size()];
  return text;
}

TEST(Tokens, EveryByteThatIsNoBlankBelongsToExactlyOneToken) {
  std::mt19937 random(20240601);
  for (int round = 0; round < 20'000; ++round) {
    const std::string text = RandomText(&random, static_cast<int>(random() % 24));
    size_t at = 0;
    for (const Token& token : Tokenize(text)) {
      ASSERT_GE(token.offset, at) << testing::PrintToString(text);
      ASSERT_GT(token.size, 0u);
      for (; at < token.offset; ++at) ASSERT_TRUE(IsBlank(text[at]));
      ASSERT_FALSE(IsBlank(text[token.offset]));
      at = token.offset + token.size;
    }
    ASSERT_LE(at, text.size());
    for (; at < text.size(); ++at) ASSERT_TRUE(IsBlank(text[at])) << testing::PrintToString(text);
  }
}

TEST(Tokens, TheSameTextGivesTheSameTokens) {
  std::mt19937 random(7);
  const std::string text = RandomText(&random, 500);
  EXPECT_EQ(Texts(text), Texts(text));
}

}  // namespace
}  // namespace lockstep::sql
