#include "engine/chain/coverage.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace lockstep::chain {
namespace {

using Columns = std::vector<std::string>;

Migration At(Version version, const std::string& sql) {
  auto migration = ReadMigration(absl::StrCat("00", version, "_step.sql"), sql);
  EXPECT_TRUE(migration.ok()) << migration.status();
  return *std::move(migration);
}

Backfill Job(const std::string& batch, const std::string& more = "") {
  auto job =
      ReadBackfill("fill.sql", absl::StrCat("-- lockstep:after 2\n-- lockstep:table app.orders\n"
                                            "-- lockstep:key id\n",
                                            more, "-- lockstep:section batch\n", batch));
  EXPECT_TRUE(job.ok()) << job.status();
  return *std::move(job);
}

const char kUpdate[] =
    "UPDATE app.orders SET cents = coalesce(total, 0) * 100, note = 'a = b' WHERE id > $1;";
const char kTable[] = "CREATE TABLE app.orders (id int, total int, cents int, note text);";

TEST(Coverage, ColumnsThatNobodyFillsAreNamed) {
  EXPECT_EQ(UncoveredColumns(Job(kUpdate), {At(1, kTable)}), (Columns{"cents", "note"}));
}

TEST(Coverage, ATriggerOnTheTableCoversAllUpToItsVersion) {
  const std::string trigger =
      "CREATE TRIGGER fill BEFORE INSERT OR UPDATE ON app.orders FOR EACH ROW EXECUTE FUNCTION "
      "f();";
  EXPECT_EQ(UncoveredColumns(Job(kUpdate), {At(1, kTable), At(2, trigger)}), Columns{});
  EXPECT_EQ(UncoveredColumns(Job(kUpdate), {At(1, kTable), At(2, "SELECT 1;"), At(3, trigger)}),
            (Columns{"cents", "note"}));
  EXPECT_EQ(UncoveredColumns(Job(kUpdate),
                             {At(1, kTable), At(2,
                                                "CREATE TRIGGER f AFTER INSERT ON app.other "
                                                "FOR EACH ROW EXECUTE FUNCTION f();")}),
            (Columns{"cents", "note"}));
}

TEST(Coverage, ADefaultOrAGeneratedColumnCoversItself) {
  EXPECT_EQ(UncoveredColumns(
                Job(kUpdate),
                {At(1, "CREATE TABLE app.orders (id int, cents int DEFAULT 0, note text);")}),
            Columns{"note"});
  EXPECT_EQ(UncoveredColumns(
                Job(kUpdate),
                {At(1, kTable), At(2, "ALTER TABLE app.orders ALTER COLUMN note SET DEFAULT '';")}),
            Columns{"cents"});
}

TEST(Coverage, WhatIsSaidOrNeedsNoneIsCovered) {
  const std::vector<Migration> chain = {At(1, kTable)};
  EXPECT_EQ(UncoveredColumns(Job(kUpdate, "-- lockstep:dual-write the shop\n"), chain), Columns{});
  EXPECT_EQ(UncoveredColumns(Job("DELETE FROM app.orders WHERE id > $1;"), chain), Columns{});
  EXPECT_EQ(
      UncoveredColumns(Job("INSERT INTO other SELECT id FROM app.orders WHERE id > $1;"), chain),
      Columns{});
}

TEST(Coverage, AnUpdateInsideOfACteIsSeen) {
  EXPECT_EQ(UncoveredColumns(Job("WITH done AS (UPDATE app.orders SET cents = 1 WHERE id > $1 "
                                 "RETURNING id) INSERT INTO log SELECT id FROM done;"),
                             {At(1, kTable)}),
            Columns{"cents"});
}

}  // namespace
}  // namespace lockstep::chain
