#include "ctl/scaffold.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/chain/analysis.h"
#include "engine/chain/chain.h"
#include "engine/chain/coverage.h"
#include "engine/chain/service_file.h"
#include "tests/support/matchers.h"

namespace lockstep::ctl {
namespace {

using ::lockstep::testing::IsOk;
using ::lockstep::testing::IsOkAndHolds;
using ::lockstep::testing::StatusIs;
using ::testing::IsEmpty;

TEST(MakeTitle, IsSnakeCaseOfTheWords) {
  EXPECT_THAT(MakeTitle("Add user settings"), IsOkAndHolds("add_user_settings"));
  EXPECT_THAT(MakeTitle("  add-user__settings 2 "), IsOkAndHolds("add_user_settings_2"));
}

TEST(MakeTitle, RefusesWhatNoFileNameShouldHave) {
  for (const char* words :
       {"", " - ", "../../etc", "it's", "a\x1b[31m", "größe", "a.sql", "a\nb;c"}) {
    EXPECT_THAT(MakeTitle(words), StatusIs(absl::StatusCode::kInvalidArgument, "USAGE")) << words;
  }
  EXPECT_THAT(MakeTitle(std::string(kMaxTitleBytes, 'a')), IsOk());
  EXPECT_THAT(MakeTitle(std::string(kMaxTitleBytes + 1, 'a')),
              StatusIs(absl::StatusCode::kInvalidArgument, "USAGE"));
}

TEST(Templates, AreLegalAsTheyAre) {
  const auto migration =
      chain::ReadMigration(MigrationFileName(7, "a_title"), MigrationTemplate(7, "a_title"));
  ASSERT_THAT(migration, IsOk());
  EXPECT_THAT(migration->statements, IsEmpty());
  EXPECT_EQ(migration->directives, chain::Directives());
  const auto backfill = chain::ReadBackfill(
      "fill.sql",
      BackfillTemplate({.name = "fill", .after = 7, .table = "app.users", .key = "id"}));
  ASSERT_THAT(backfill, IsOk());
  EXPECT_EQ(backfill->table, "app.users");
  EXPECT_EQ(backfill->batch, 1000);
  EXPECT_THAT(chain::ParseServiceFile("lockstep.yaml", ServiceFileTemplate("shop")), IsOk());
  const auto dual = chain::ReadMigration(
      "008_keep.sql",
      DualWriteTemplate(8, "keep", {.table = "orders", .from = "total", .to = "total_cents"}));
  ASSERT_THAT(dual, IsOk());
  EXPECT_EQ(dual->statements.size(), 2u);
  const auto fill = chain::ReadBackfill(
      "fill.sql",
      "-- lockstep:after 8\n-- lockstep:table orders\n-- lockstep:key id\n-- lockstep:section "
      "batch\nUPDATE orders SET total_cents = total WHERE id > $1 AND id <= $2");
  ASSERT_THAT(fill, IsOk());
  const auto table = chain::ReadMigration(
      "001_orders.sql", "CREATE TABLE orders (id int PRIMARY KEY, total int, total_cents int)");
  ASSERT_THAT(table, IsOk());
  const std::vector<chain::Migration> without = {*table};
  const std::vector<chain::Migration> with = {*table, *dual};
  EXPECT_EQ(chain::UncoveredColumns(*fill, without, chain::Replay(without, {})).size(), 1u);
  EXPECT_THAT(chain::UncoveredColumns(*fill, with, chain::Replay(with, {})), IsEmpty());
}

TEST(Templates, OfAMigrationMayLoseItsCommentWithoutAChangeOfDigest) {
  EXPECT_EQ(chain::DigestOf(MigrationTemplate(7, "a_title")), chain::DigestOf(""));
}

}  // namespace
}  // namespace lockstep::ctl
