// What a digest depends on, and what it does not. The golden digests are the format ls1-sha256
// itself: they are stored in every chain.sum and database, so a test here that fails means a new
// version of the lexer is needed, never a new golden value.
#include "engine/base/digest.h"

#include <set>
#include <string>

#include "gtest/gtest.h"

#include "engine/chain/chain.h"
#include "engine/chain/migration.h"

namespace lockstep::chain {
namespace {

std::string Hex(absl::string_view sql) { return base::ToHex(DigestOf(sql)); }

std::string DigestOfFile(absl::string_view bytes) { return DigestOf(NormalizeText(bytes)); }

struct Golden {
  const char* sql;
  const char* hex;
};

TEST(Digest, GoldenValuesNeverChange) {
  const Golden kGolden[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"-- only a comment\n", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"SELECT 1;", "d4ccd000279bf3a99b0be8f4c4ab5a58bc0bcfd0b5b46e6c1810e443b65d20f1"},
      {"CREATE TABLE users (id uuid PRIMARY KEY, email text NOT NULL);",
       "54b89627c5f41aeb991d70db90609dc76419786beb00375c50866f1e5ac36449"},
      {"-- lockstep:phase contract\nDROP TABLE t;",
       "83b0f30fe5beac77cdf84815e2cc5ea21a8018378e0dfb0e5196ed68c2dce364"},
      {"SELECT 'it''s', E'a\\'b', U&'\\0041', B'01', $x$ ; $$ $x$, \"q\"\"q\", $1, größe",
       "35252490c9f8dec7e74fd59d1b3d3f627f958648a17a3f9ceedbc193755507d6"},
      {"SELECT a<=-1, b@-c, d::int, e:=1, 1.5e-3, .5, 0x1F, 1..9 /* /* */ */ -- x",
       "609d779ea4f6f04a833efde4a52937eb56ec365826ad8bc3512d0b79f35a0c59"},
      {"SELECT E'a'\n'b\\';' ;",
       "45a8998abbb15d433a5ec8ab9fef399ebb5a98b8a1e37c5c9f916deaf593a952"},
  };
  for (const Golden& golden : kGolden) EXPECT_EQ(Hex(golden.sql), golden.hex) << golden.sql;
}

TEST(Digest, IsTheHashOfTokensAndDirectivesEachWithItsEndMark) {
  EXPECT_EQ(DigestOf("-- lockstep:phase  contract \nDROP /* x */ TABLE t"),
            base::Sha256Of("DROP\x1fTABLE\x1ft\x1fphase\x1f"
                           "contract\x1e"));
  EXPECT_EQ(DigestOf(""), base::Sha256Of(""));
}

constexpr char kText[] = "CREATE TABLE t (a int, b text DEFAULT 'x  y', c int CHECK (c<=-1));";

TEST(Digest, BlanksAndCommentsBetweenTokensDoNotCount) {
  const std::string expected = DigestOf(kText);
  for (const char* text :
       {"CREATE  TABLE\n\tt(a int,b text DEFAULT'x  y',c int CHECK(c <= - 1)) ;",
        "-- what for\nCREATE TABLE t (a int, -- id\n b text DEFAULT 'x  y',\n"
        "c int CHECK (c<=-1));\n-- end",
        "/* a /* b */ */CREATE/**/TABLE t (a int, b text DEFAULT 'x  y', c int CHECK (c<=-1));",
        "CREATE TABLE t (a int, b text DEFAULT 'x  y', c int CHECK (c<=-1));\n\n\n"}) {
    EXPECT_EQ(DigestOf(text), expected) << text;
  }
}

TEST(Digest, LineEndsAndByteOrderMarksDoNotCountAlsoInsideOfStrings) {
  const std::string expected = DigestOfFile("-- c\nSELECT 'a\nb',\n$$x\n$$;\n");
  EXPECT_EQ(DigestOfFile("-- c\r\nSELECT 'a\r\nb',\r\n$$x\r\n$$;\r\n"), expected);
  EXPECT_EQ(DigestOfFile("\xEF\xBB\xBF-- c\nSELECT 'a\nb',\n$$x\n$$;\n"), expected);
}

TEST(Digest, EveryByteOfATokenCounts) {
  const std::string text = kText;
  std::set<std::string> digests = {DigestOf(text)};
  size_t expected = 1;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ' && text.compare(i - 1, 4, "x  y") != 0 && text[i - 1] != 'x') {
      if (text[i - 1] != ' ') continue;
    }
    std::string changed = text;
    changed[i] = '7';
    digests.insert(DigestOf(changed));
    ++expected;
  }
  EXPECT_EQ(digests.size(), expected);
}

TEST(Digest, CaseOrderAndBlanksInsideOfTokensCount) {
  EXPECT_NE(DigestOf("SELECT a"), DigestOf("select a"));
  EXPECT_NE(DigestOf("SELECT a, b"), DigestOf("SELECT b, a"));
  EXPECT_NE(DigestOf("SELECT 'a b'"), DigestOf("SELECT 'a  b'"));
  EXPECT_NE(DigestOf("SELECT \"a b\""), DigestOf("SELECT \"ab\""));
  EXPECT_NE(DigestOf("DO $$ -- x\n $$"), DigestOf("DO $$ $$"));
}

TEST(Digest, WhereTokensAreCutCounts) {
  EXPECT_NE(DigestOf("SELECT ab"), DigestOf("SELECT a b"));
  EXPECT_NE(DigestOf("SELECT a<=b"), DigestOf("SELECT a< =b"));
  EXPECT_NE(DigestOf("SELECT E'a'"), DigestOf("SELECT E 'a'"));
  EXPECT_NE(DigestOf("SELECT 1; SELECT 2"), DigestOf("SELECT 1 SELECT 2"));
  EXPECT_NE(DigestOf("SELECT 1;"), DigestOf("SELECT 1"));
}

TEST(Digest, EveryDirectiveCountsWithNameValueAndOrder) {
  const std::set<std::string> digests = {
      DigestOf("SELECT 1"),
      DigestOf("-- lockstep:phase data\nSELECT 1"),
      DigestOf("-- lockstep:phase expand\nSELECT 1"),
      DigestOf("-- lockstep:assert data\nSELECT 1"),
      DigestOf("-- lockstep:assert a\n-- lockstep:assert b\nSELECT 1"),
      DigestOf("-- lockstep:assert b\n-- lockstep:assert a\nSELECT 1"),
      DigestOf("-- lockstep:assert a b\nSELECT 1"),
      DigestOf("-- lockstep:assert a  b\nSELECT 1")};
  EXPECT_EQ(digests.size(), 8u);
}

TEST(Digest, BlanksAndCommentsAroundADirectiveDoNotCount) {
  const std::string expected = DigestOf("-- lockstep:phase data\nSELECT 1");
  EXPECT_EQ(DigestOf("-- why\n--lockstep:phase   data\t\n-- more\n\nSELECT 1"), expected);
  EXPECT_EQ(DigestOf("  --   lockstep:phase data\n/* x */ SELECT 1"), expected);
}

TEST(Digest, ADirectiveCannotBeImitatedByTokens) {
  EXPECT_NE(DigestOf("-- lockstep:phase data\n"), DigestOf("phase data"));
  EXPECT_NE(DigestOf("-- lockstep:phase data\nSELECT"), DigestOf("SELECT phase data"));
}

TEST(Digest, SqlThatNoParserReadsHasOneToo) {
  EXPECT_NE(DigestOf("SELECT 'open"), DigestOf("SELECT 'open2"));
  EXPECT_EQ(DigestOf("ALTER TABLE t ALTER c SET EXPRESSION AS (a*2)"),
            DigestOf("ALTER TABLE t ALTER c SET EXPRESSION AS ( a * 2 )"));
}

TEST(Digest, ABackfillsSectionsCountWhereTheyStand) {
  const std::string one = BackfillDigestOf(
      "-- lockstep:after 1\n-- lockstep:section prepare\nSELECT 1;\n-- lockstep:section batch\n"
      "SELECT 2;");
  const std::string other = BackfillDigestOf(
      "-- lockstep:after 1\n-- lockstep:section prepare\n-- lockstep:section batch\nSELECT 1;\n"
      "SELECT 2;");
  EXPECT_NE(one, other);
  EXPECT_EQ(one, BackfillDigestOf("-- lockstep:after 1\n\n--  lockstep:section  prepare \n"
                                  "SELECT /* x */ 1;--\n-- lockstep:section batch\nSELECT 2;\n"));
  EXPECT_EQ(one, base::Sha256Of("section\x1fprepare\x1eSELECT\x1f"
                                "1\x1f;\x1f"
                                "section\x1f"
                                "batch\x1eSELECT\x1f"
                                "2\x1f;\x1f"
                                "after\x1f"
                                "1\x1e"));
}

}  // namespace
}  // namespace lockstep::chain
