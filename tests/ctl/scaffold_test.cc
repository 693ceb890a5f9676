#include "ctl/scaffold.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/chain/chain.h"
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
}

TEST(Templates, OfAMigrationMayLoseItsCommentWithoutAChangeOfDigest) {
  EXPECT_EQ(chain::DigestOf(MigrationTemplate(7, "a_title")), chain::DigestOf(""));
}

}  // namespace
}  // namespace lockstep::ctl
