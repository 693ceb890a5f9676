#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

#include "engine/base/digest.h"
#include "engine/base/error_info.h"
#include "engine/chain/chain.h"
#include "tests/chain/expect_error.h"

namespace lockstep::chain {
namespace {

constexpr char kFile[] = "migrations/chain.sum";

ChainSum Example(int versions) {
  ChainSum sum;
  for (int i = 1; i <= versions; ++i) {
    ChainEntry entry = {.version = i, .title = absl::StrCat("title_", i)};
    entry.digest = base::Sha256Of(entry.title);
    entry.chain_hash = NextChainHash(sum.head_hash(), i, entry.title, entry.digest);
    sum.entries.push_back(entry);
  }
  sum.backfills = {{"alpha", base::Sha256Of("a")}, {"beta", base::Sha256Of("b")}};
  return sum;
}

absl::Status StatusOf(absl::string_view text) { return ParseChainSum(kFile, text).status(); }

void ExpectBad(absl::string_view text, absl::string_view place) {
  ExpectError(StatusOf(text), "BAD_CHAIN_SUM", absl::StrCat("migrations/chain.sum:", place, ": "));
}

TEST(ChainSum, RoundTrips) {
  for (const int versions : {0, 1, 3, 1200}) {
    ChainSum sum = Example(versions);
    const std::string text = FormatChainSum(sum);
    const auto parsed = ParseChainSum(kFile, text);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, sum);
    EXPECT_EQ(FormatChainSum(*parsed), text);
    EXPECT_EQ(parsed->head(), versions);
  }
}

TEST(ChainSum, HasOneLineForEachMigrationAndBackfillBelowItsHeader) {
  const std::vector<std::string> lines = absl::StrSplit(FormatChainSum(Example(2)), '\n');
  ASSERT_EQ(lines.size(), 6u);
  EXPECT_EQ(lines[0], "lockstep chain.sum ls1-sha256");
  EXPECT_EQ(lines[1].substr(0, 12), "001 title_1 ");
  EXPECT_EQ(lines[2].size(), 12u + 64 + 1 + 64);
  EXPECT_EQ(lines[3], absl::StrCat("B alpha ", base::ToHex(base::Sha256Of("a"))));
  EXPECT_EQ(lines[5], "");
}

TEST(ChainSum, ForgivesCrlfByteOrderMarkAndAMissingLastLineFeed) {
  const std::string text = FormatChainSum(Example(2));
  EXPECT_EQ(*ParseChainSum(kFile, absl::StrReplaceAll(text, {{"\n", "\r\n"}})), Example(2));
  EXPECT_EQ(*ParseChainSum(kFile, "\xEF\xBB\xBF" + text), Example(2));
  EXPECT_EQ(*ParseChainSum(kFile, text.substr(0, text.size() - 1)), Example(2));
}

TEST(ChainSum, AWrongHeaderIsRefused) {
  ExpectBad("", "1");
  ExpectBad("001 a", "1");
  ExpectBad("lockstep chain.sum ls2-sha256\n", "1");
  ExpectError(StatusOf("lockstep chain.sum ls2-sha256\n"), "BAD_CHAIN_SUM", "newer lockstep");
}

TEST(ChainSum, EveryChangedByteIsNoticed) {
  ChainSum sum = Example(3);
  sum.backfills.clear();
  const std::string text = FormatChainSum(sum);
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == '1' ? '2' : '1';
    const auto parsed = ParseChainSum(kFile, changed);
    EXPECT_FALSE(parsed.ok()) << "byte " << i;
  }
}

TEST(ChainSum, AnEditedLineIsNamed) {
  const std::string text = FormatChainSum(Example(3));
  ExpectBad(absl::StrReplaceAll(text, {{"title_2", "title_x"}}), "3");
  ExpectError(StatusOf(absl::StrReplaceAll(text, {{"title_2", "title_x"}})), "BAD_CHAIN_SUM",
              "the file was edited");
  EXPECT_EQ(base::MetadataOf(StatusOf(absl::StrReplaceAll(text, {{"title_2", "x"}})), "line"), "3");
}

TEST(ChainSum, MissingSwappedAndRepeatedLinesAreRefused) {
  const std::vector<std::string> lines = absl::StrSplit(FormatChainSum(Example(3)), '\n');
  ExpectBad(absl::StrJoin({lines[0], lines[1], lines[3]}, "\n"), "3");
  ExpectBad(absl::StrJoin({lines[0], lines[2], lines[1]}, "\n"), "2");
  ExpectBad(absl::StrJoin({lines[0], lines[1], lines[1]}, "\n"), "3");
  ExpectBad(absl::StrJoin({lines[0], lines[4], lines[1]}, "\n"), "3");
  ExpectBad(absl::StrJoin({lines[0], lines[5], lines[4]}, "\n"), "3");
  ExpectBad(absl::StrJoin({lines[0], lines[4], lines[4]}, "\n"), "3");
}

TEST(ChainSum, LinesOfAnotherShapeAreRefused) {
  const std::vector<std::string> lines = absl::StrSplit(FormatChainSum(Example(1)), '\n');
  const std::string digest(64, 'a');
  for (const std::string& line :
       {std::string(), std::string("# a comment"), std::string("<<<<<<< HEAD"), "B Alpha " + digest,
        "B alpha " + digest.substr(1), "B alpha " + std::string(64, 'A'), "b alpha " + digest,
        "B  alpha " + digest, "B alpha " + digest + " ", "002 title_2 " + digest,
        "2 title_2 " + digest + " " + digest, "0002 title_2 " + digest + " " + digest,
        "002 Title " + digest + " " + digest}) {
    ExpectBad(absl::StrCat(lines[0], "\n", lines[1], "\n", line, "\nB z ", digest), "3");
  }
  ExpectError(StatusOf(lines[0] + "\n<<<<<<< HEAD\n"), "BAD_CHAIN_SUM", "nobody resolved");
}

}  // namespace
}  // namespace lockstep::chain
