#include "engine/chain/chain.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "engine/base/digest.h"
#include "engine/base/error_info.h"
#include "tests/chain/expect_error.h"

namespace lockstep::chain {
namespace {

using ::testing::ElementsAre;

Migration At(int version, const std::string& title = "t", const std::string& sql = "SELECT 1") {
  auto migration = ReadMigration(absl::StrFormat("m/%03d_%s.sql", version, title), sql);
  EXPECT_TRUE(migration.ok()) << migration.status();
  return *std::move(migration);
}

ChainSum SumOf(std::vector<Migration> migrations) {
  auto chain = MakeChain(std::move(migrations), {});
  EXPECT_TRUE(chain.ok()) << chain.status();
  return chain->sum();
}

TEST(Chain, AnEmptyOneIsLegal) {
  const auto chain = MakeChain({}, {});
  ASSERT_TRUE(chain.ok());
  EXPECT_EQ(chain->head(), 0);
  EXPECT_EQ(chain->sum().head(), 0);
  EXPECT_EQ(chain->sum().head_hash(), std::string(32, '\0'));
}

TEST(Chain, MigrationsAreOrderedByTheirNumbers) {
  const auto chain = MakeChain({At(3, "c"), At(1, "a"), At(2, "b")}, {});
  ASSERT_TRUE(chain.ok()) << chain.status();
  std::vector<std::string> titles;
  for (const Migration& migration : chain->migrations) titles.push_back(migration.title);
  EXPECT_THAT(titles, ElementsAre("a", "b", "c"));
  EXPECT_EQ(chain->head(), 3);
}

TEST(Chain, BackfillsAreOrderedByTheirNames) {
  const auto chain = MakeChain({}, {{.name = "b"}, {.name = "a"}});
  ASSERT_TRUE(chain.ok());
  EXPECT_EQ(chain->backfills[0].name, "a");
}

TEST(Chain, TwoMigrationsWithOneNumberAreRefusedNamingBothFiles) {
  Migration other = At(2, "b");
  other.file = "m/0002_b.sql";
  const auto chain = MakeChain({At(1), At(2, "a"), other}, {});
  ExpectError(chain.status(), "CHAIN_DUPLICATE", "m/002_a.sql");
  ExpectError(chain.status(), "CHAIN_DUPLICATE", "m/0002_b.sql");
  EXPECT_EQ(base::MetadataOf(chain.status(), "other_file"), "m/002_a.sql");
  EXPECT_EQ(base::MetadataOf(chain.status(), "file"), "m/0002_b.sql");
}

TEST(Chain, TwoBackfillsWithOneNameAreRefusedNamingBothFiles) {
  const auto chain =
      MakeChain({}, {{.name = "a", .file = "x/a.sql"}, {.name = "a", .file = "y/a.sql"}});
  ExpectError(chain.status(), "CHAIN_DUPLICATE", "x/a.sql and y/a.sql");
}

TEST(Chain, AGapIsRefusedNamingWhatIsMissingAndTheFileAfterIt) {
  const auto chain = MakeChain({At(1), At(2), At(5, "e")}, {});
  ExpectError(chain.status(), "CHAIN_GAP", "m/005_e.sql: version 003 ");
  EXPECT_EQ(base::MetadataOf(chain.status(), "missing_version"), "3");
  EXPECT_EQ(base::MetadataOf(chain.status(), "file"), "m/005_e.sql");
  ExpectError(MakeChain({At(2)}, {}).status(), "CHAIN_GAP", "version 001");
}

TEST(Chain, AChainHashIsMadeOfItsPredecessorVersionTitleAndDigest) {
  const std::string previous(32, 'p');
  const std::string digest(32, 'd');
  EXPECT_EQ(NextChainHash(previous, 0x010203, "title", digest),
            base::Sha256Of(absl::StrCat(previous, absl::string_view("\0\x01\x02\x03", 4), "title",
                                        "\x1f", digest)));
}

TEST(Chain, GoldenChainHashesNeverChange) {
  const ChainSum sum = SumOf({At(1, "a", "CREATE TABLE t (a int)"), At(2, "b", "DROP TABLE t")});
  EXPECT_EQ(base::ToHex(sum.entries[0].chain_hash),
            "2fc4d24b10df67f7391c618feff48fabc3b96012b6a0139b4bb3e06ca04a144a");
  EXPECT_EQ(base::ToHex(sum.head_hash()),
            "ef96393e44d3349ec61bc57b2bd20afa5bfd0cb6bc7183f5dc6bb3d21309bcb4");
}

TEST(Chain, EqualChainsHaveEqualHashesWhateverTheirCommentsAndFolders) {
  Migration moved = At(2, "b", "-- why\nSELECT\n1");
  moved.file = "elsewhere/002_b.sql";
  EXPECT_EQ(SumOf({At(1), At(2, "b")}), SumOf({At(1), moved}));
}

TEST(Chain, AChangeOfTitleOrTextChangesAllLaterHashes) {
  const ChainSum sum = SumOf({At(1), At(2), At(3)});
  for (const ChainSum& other :
       {SumOf({At(1), At(2, "u"), At(3)}), SumOf({At(1), At(2, "t", "SELECT 2"), At(3)})}) {
    EXPECT_EQ(sum.entries[0].chain_hash, other.entries[0].chain_hash);
    EXPECT_NE(sum.entries[1].chain_hash, other.entries[1].chain_hash);
    EXPECT_NE(sum.entries[2].chain_hash, other.entries[2].chain_hash);
    EXPECT_EQ(sum.entries[2].digest, other.entries[2].digest);
  }
}

TEST(Chain, APrefixIsNoDivergence) {
  const ChainSum longer = SumOf({At(1), At(2)});
  const ChainSum shorter = SumOf({At(1)});
  EXPECT_FALSE(FindDivergence(longer, shorter).has_value());
  EXPECT_FALSE(FindDivergence(shorter, longer).has_value());
  EXPECT_FALSE(FindDivergence(longer, longer).has_value());
  EXPECT_FALSE(FindDivergence(ChainSum(), longer).has_value());
}

TEST(Chain, ADivergenceIsTheFirstVersionThatDiffers) {
  const ChainSum ours = SumOf({At(1), At(2, "ours"), At(3)});
  const ChainSum theirs = SumOf({At(1), At(2, "theirs"), At(3), At(4)});
  const auto divergence = FindDivergence(ours, theirs);
  ASSERT_TRUE(divergence.has_value());
  EXPECT_EQ(divergence->version, 2);
  EXPECT_EQ(divergence->ours.title, "ours");
  EXPECT_EQ(divergence->theirs.title, "theirs");
}

}  // namespace
}  // namespace lockstep::chain
