#include "engine/sql/split.h"

#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "engine/sql/tokens.h"

namespace lockstep::sql {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Newer than grammar 15, so that the parser refuses; the scanner does not.
constexpr char kNewer[] = "ALTER TABLE t ALTER COLUMN c SET EXPRESSION AS (a*2)";
// Refused by the scanner, too.
constexpr char kJunk[] = "SELECT 1a";

std::vector<std::string> Texts(absl::string_view text) {
  std::vector<std::string> texts;
  for (const Statement& statement : SplitStatements(text).statements) {
    texts.emplace_back(TextOf(text, statement));
  }
  return texts;
}

TEST(Split, AnEmptyOrCommentOnlyTextHasNoStatement) {
  EXPECT_THAT(Texts(""), IsEmpty());
  EXPECT_THAT(Texts(" \n\t"), IsEmpty());
  EXPECT_THAT(Texts("-- only a comment"), IsEmpty());
  EXPECT_THAT(Texts("/* a */ ; -- b\n;;"), IsEmpty());
}

TEST(Split, TheLastStatementNeedsNoSemicolon) {
  EXPECT_THAT(Texts("SELECT 1; SELECT 2"), ElementsAre("SELECT 1", "SELECT 2"));
  EXPECT_THAT(Texts("SELECT 1"), ElementsAre("SELECT 1"));
}

TEST(Split, ACommentTailIsNoStatement) {
  EXPECT_THAT(Texts("SELECT 1;\n-- that was all"), ElementsAre("SELECT 1"));
  EXPECT_THAT(Texts("SELECT 1 -- that was all"), ElementsAre("SELECT 1"));
  EXPECT_THAT(Texts("SELECT 1 /* no semicolon */"), ElementsAre("SELECT 1"));
}

TEST(Split, LeadingCommentsAreLeftOutAndInnerOnesKept) {
  EXPECT_THAT(Texts("-- a\n/* b */ SELECT /* c */ 1 /* d */ ;"), ElementsAre("SELECT /* c */ 1"));
}

TEST(Split, EmptyStatementsAreLeftOut) {
  EXPECT_THAT(Texts(";;SELECT 1;;;SELECT 2;;"), ElementsAre("SELECT 1", "SELECT 2"));
}

TEST(Split, SemicolonsInQuotesAndCommentsCutNothing) {
  EXPECT_THAT(Texts("SELECT ';', \";\" /* ; */ -- ;\n, $$;$$; SELECT 2"),
              ElementsAre("SELECT ';', \";\" /* ; */ -- ;\n, $$;$$", "SELECT 2"));
}

TEST(Split, ADoBlockIsOneStatement) {
  EXPECT_THAT(Texts("DO $do$ BEGIN PERFORM 1; PERFORM $$;$$; END; $do$; SELECT 1"),
              ElementsAre("DO $do$ BEGIN PERFORM 1; PERFORM $$;$$; END; $do$", "SELECT 1"));
}

TEST(Split, ARuleWithSeveralCommandsIsOneStatement) {
  const char* rule = "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)";
  EXPECT_THAT(Texts(std::string(rule) + "; SELECT 3"), ElementsAre(rule, "SELECT 3"));
  EXPECT_THAT(Texts(std::string(rule) + "; " + kNewer), ElementsAre(rule, kNewer));
  EXPECT_THAT(Texts(std::string(rule) + "; " + kJunk), ElementsAre(rule, kJunk));
}

constexpr char kAtomic[] =
    "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC\n"
    "  SELECT CASE WHEN true THEN 1 ELSE 2 END AS end;\n"
    "  SELECT t.end, t.case FROM t; -- end;\n"
    "  SELECT 3;\n"
    "END";

TEST(Split, ABeginAtomicBodyStaysWholeByTheParser) {
  const std::string text = std::string(kAtomic) + "; SELECT 1";
  EXPECT_EQ(SplitStatements(text).method, SplitMethod::kParser);
  EXPECT_THAT(Texts(text), ElementsAre(kAtomic, "SELECT 1"));
}

TEST(Split, ABeginAtomicBodyStaysWholeByTheScanner) {
  const std::string text = std::string(kNewer) + "; " + kAtomic + "; SELECT 1;";
  EXPECT_EQ(SplitStatements(text).method, SplitMethod::kScanner);
  EXPECT_THAT(Texts(text), ElementsAre(kNewer, kAtomic, "SELECT 1"));
}

TEST(Split, ABeginAtomicBodyStaysWholeByTheLexer) {
  const std::string text = std::string(kJunk) + "; " + kAtomic + "; SELECT 1;";
  EXPECT_EQ(SplitStatements(text).method, SplitMethod::kLexer);
  EXPECT_THAT(Texts(text), ElementsAre(kJunk, kAtomic, "SELECT 1"));
}

TEST(Split, AnEmptyBeginAtomicBodyEndsAtItsEnd) {
  const char* body = "CREATE PROCEDURE p() BEGIN ATOMIC END";
  EXPECT_THAT(Texts(std::string(body) + "; " + kNewer), ElementsAre(body, kNewer));
}

TEST(Split, TheWordsBeginAtomicOutsideOfARoutineOpenNothing) {
  const std::string text = std::string(kNewer) + "; SELECT begin atomic FROM t; SELECT 2";
  EXPECT_THAT(Texts(text), ElementsAre(kNewer, "SELECT begin atomic FROM t", "SELECT 2"));
}

TEST(Split, NewerSyntaxIsCutByTheScannerAndTheRefusalIsReported) {
  const std::string text = std::string("SELECT 1;\n") + kNewer + ";\nSELECT 2;";
  const SplitResult result = SplitStatements(text);
  EXPECT_EQ(result.method, SplitMethod::kScanner);
  EXPECT_THAT(result.parse_error, testing::HasSubstr("syntax error"));
  EXPECT_EQ(text.substr(result.parse_error_offset, 10), "EXPRESSION");
  EXPECT_THAT(Texts(text), ElementsAre("SELECT 1", kNewer, "SELECT 2"));
}

TEST(Split, ARefusalsOffsetIsInBytesAlsoBehindMultibyteCharacters) {
  const std::string text = "SELECT 'äöü日'; SELECT é é é";
  const SplitResult result = SplitStatements(text);
  EXPECT_FALSE(result.parse_error.empty());
  EXPECT_EQ(text.substr(result.parse_error_offset), "é");
}

TEST(Split, WhatTheScannerRefusesIsCutByTheLexer) {
  const SplitResult result = SplitStatements("SELECT 1a; SELECT 2; SELECT 'open; SELECT 3");
  EXPECT_EQ(result.method, SplitMethod::kLexer);
  EXPECT_FALSE(result.parse_error.empty());
  EXPECT_THAT(Texts("SELECT 1a; SELECT 2; SELECT 'open; SELECT 3"),
              ElementsAre("SELECT 1a", "SELECT 2", "SELECT 'open; SELECT 3"));
}

TEST(Split, WhatFollowsANulByteIsNotLost) {
  const std::string text("SELECT 1;\0; DROP TABLE t", 24);
  EXPECT_EQ(SplitStatements(text).method, SplitMethod::kLexer);
  EXPECT_EQ(SplitStatements(text).parse_error_offset, 9u);
  EXPECT_THAT(Texts(text), ElementsAre("SELECT 1", std::string(1, '\0'), "DROP TABLE t"));
}

TEST(Split, AnUnbalancedParenthesisHidesNoLaterTextFromTheCaller) {
  const std::string text = "SELECT (1; SELECT 2";
  const SplitResult result = SplitStatements(text);
  ASSERT_EQ(result.statements.size(), 1u);
  EXPECT_EQ(TextOf(text, result.statements[0]), text);
}

TEST(Split, WhatTheScannerDropsWithoutAnErrorIsKept) {
  EXPECT_THAT(Texts("SELECT 1; SELECT (2; DROP TABLE t"),
              ElementsAre("SELECT 1", "SELECT (2; DROP TABLE t"));
  EXPECT_THAT(Texts("SELECT 1; \\i other.sql\nDROP TABLE t; SELECT 2"),
              ElementsAre("SELECT 1", "\\i other.sql\nDROP TABLE t", "SELECT 2"));
}

TEST(Split, LinesAndColumnsAreOfTheFirstTokenInCharacters) {
  const std::string text = "-- ä\nSELECT 'ä日';  SELECT 2;\n\n  /* ü */ SELECT 3;";
  const std::vector<Statement> statements = SplitStatements(text).statements;
  ASSERT_EQ(statements.size(), 3u);
  EXPECT_EQ(statements[0].line, 2);
  EXPECT_EQ(statements[0].column, 1);
  EXPECT_EQ(statements[1].line, 2);
  EXPECT_EQ(statements[1].column, 15);
  EXPECT_EQ(statements[2].line, 4);
  EXPECT_EQ(statements[2].column, 11);
}

TEST(Split, PositionsCountCharactersFromOne) {
  const absl::string_view text = "aé\n日x";
  EXPECT_EQ(PositionOf(text, 0).column, 1);
  EXPECT_EQ(PositionOf(text, 1).column, 2);
  EXPECT_EQ(PositionOf(text, 3).column, 3);  // The line feed itself.
  EXPECT_EQ(PositionOf(text, 4).line, 2);
  EXPECT_EQ(PositionOf(text, 4).column, 1);
  EXPECT_EQ(PositionOf(text, 7).column, 2);
  EXPECT_EQ(PositionOf(text, 99).line, 2);
  EXPECT_EQ(PositionOf(text, 99).column, 3);
  EXPECT_EQ(PositionOf("", 0).line, 1);
  EXPECT_EQ(PositionOf("", 0).column, 1);
}

TEST(Split, CharactersAsPostgresCountsThemAreTurnedIntoBytes) {
  const absl::string_view text = "aé\n日x";
  EXPECT_EQ(ByteOffsetOfCharacter(text, 1), 0u);
  EXPECT_EQ(ByteOffsetOfCharacter(text, 2), 1u);
  EXPECT_EQ(ByteOffsetOfCharacter(text, 4), 4u);
  EXPECT_EQ(ByteOffsetOfCharacter(text, 5), 7u);
  EXPECT_EQ(ByteOffsetOfCharacter(text, 6), text.size());
  EXPECT_EQ(ByteOffsetOfCharacter(text, 0), 0u);
  EXPECT_EQ(ByteOffsetOfCharacter("", 1), 0u);
}

TEST(Split, AVeryDeepExpressionIsCutWithoutFailing) {
  std::string deep = "SELECT 1";
  for (int i = 0; i < 200'000; ++i) deep += "+1";
  EXPECT_THAT(Texts(deep + "; SELECT 2"), ElementsAre(deep, "SELECT 2"));
}

// Statements that grammar 15 reads, each with something that cuts a naive splitter short.
const std::vector<std::string>& Corpus() {
  static const auto* const kCorpus = new std::vector<std::string>{
      "SELECT 1",
      "INSERT INTO t VALUES ('a;b', E'\\';', $$;$$, U&';')",
      "CREATE TABLE \"t;\"\"x\" (a int /* ; /* ; */ */, b text -- ; '\n)",
      "DO $x$ BEGIN EXECUTE $$;$$; END $x$",
      "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)",
      kAtomic,
      "SELECT E'a'\n'b\\';' , 'c'",
      "UPDATE größe SET a = -1 WHERE b@>'{}'::jsonb AND c = $1",
      "COMMENT ON TABLE t IS '-- /* ;'",
      "CREATE PROCEDURE p() LANGUAGE sql BEGIN ATOMIC INSERT INTO t VALUES (1); END",
      "SELECT 1e-5, .5, 5 -/* ; */- 3, a->>'x'"};
  return *kCorpus;
}

std::string Separator(std::mt19937* random) {
  static const std::vector<std::string> kGaps = {
      "", " ", "\n", "\t", "-- ; ' $$ /*\n", "/* ; /* ' */ */", "\r\n", ";", "-- é;\n"};
  std::string gap;
  for (unsigned i = (*random)() % 4; i > 0; --i) gap += kGaps[(*random)() % kGaps.size()];
  return gap + ";" + kGaps[(*random)() % kGaps.size()];
}

TEST(Split, AllThreeWaysCutAGeneratedFileAlike) {
  std::mt19937 random(42);
  for (int round = 0; round < 400; ++round) {
    std::vector<std::string> expected;
    std::string text;
    for (unsigned i = random() % 6; i > 0; --i) {
      expected.push_back(Corpus()[random() % Corpus().size()]);
      text += expected.back() + Separator(&random);
    }
    ASSERT_EQ(SplitStatements(text).method, SplitMethod::kParser) << text;
    ASSERT_EQ(Texts(text), expected) << text;
    for (const std::string head : {kNewer, kJunk}) {
      std::vector<std::string> with_head = expected;
      with_head.insert(with_head.begin(), head);
      ASSERT_EQ(Texts(head + ";" + text), with_head) << text;
    }
  }
}

// Statements are in order, and between them stand only blanks, comments and semicolons.
void ExpectNothingLost(const std::string& text) {
  const std::vector<Token> tokens = Tokenize(text);
  size_t at = 0;
  size_t next = 0;
  std::string rebuilt;
  const auto add_gap_until = [&](size_t end) {
    rebuilt += text.substr(at, end - at);
    for (; next < tokens.size() && tokens[next].offset < end; ++next) {
      if (tokens[next].offset < at) continue;  // Of the statement before.
      const absl::string_view token = TextOf(text, tokens[next]);
      EXPECT_TRUE(token == ";" || tokens[next].kind == TokenKind::kLineComment ||
                  tokens[next].kind == TokenKind::kBlockComment)
          << token << " is lost in " << text;
    }
  };
  for (const Statement& statement : SplitStatements(text).statements) {
    ASSERT_GE(statement.offset, at) << text;
    ASSERT_GT(statement.size, 0u) << text;
    ASSERT_LE(statement.offset + statement.size, text.size()) << text;
    add_gap_until(statement.offset);
    rebuilt.append(TextOf(text, statement).data(), statement.size);
    at = statement.offset + statement.size;
  }
  add_gap_until(text.size());
  EXPECT_EQ(rebuilt, text);
}

TEST(Split, TextsAndGapsTogetherAreTheInput) {
  static const std::vector<std::string> kPieces = {
      "SELECT 1",      ";",    "'", "$$", "/*", "*/",  "--", "\n",   "(", ")",
      "BEGIN ATOMIC ", " END", "é", "E'", "\\", "$a$", "\"", " AS ", "1", "CREATE FUNCTION ",
      " CASE "};
  std::mt19937 random(99);
  for (int round = 0; round < 3'000; ++round) {
    std::string text;
    for (unsigned i = random() % 16; i > 0; --i) text += kPieces[random() % kPieces.size()];
    ExpectNothingLost(text);
  }
}

}  // namespace
}  // namespace lockstep::sql
