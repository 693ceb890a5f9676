#include "engine/chain/coverage.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "engine/chain/analysis.h"

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

// When its turn comes.
Columns Uncovered(const Backfill& job, const std::vector<Migration>& migrations) {
  std::vector<Migration> before = migrations;
  std::erase_if(before, [&](const Migration& m) { return m.version > job.after; });
  Columns names;
  for (const UncoveredColumn& column : UncoveredColumns(job, migrations, Replay(before, {}))) {
    names.push_back(column.name);
    EXPECT_EQ(job.sql.substr(column.offset, column.name.size()), column.name);
  }
  return names;
}

const char kUpdate[] =
    "UPDATE app.orders SET cents = coalesce(total, 0) * 100, note = 'a = b' WHERE id > $1;";
const char kTable[] = "CREATE TABLE app.orders (id int, total int, cents int, note text);";
const char kTrigger[] =
    "CREATE TRIGGER fill BEFORE INSERT OR UPDATE ON app.orders FOR EACH ROW EXECUTE FUNCTION f();";

TEST(Coverage, ColumnsThatNobodyFillsAreNamed) {
  EXPECT_EQ(Uncovered(Job(kUpdate), {At(1, kTable)}), (Columns{"cents", "note"}));
  EXPECT_EQ(Uncovered(Job("UPDATE app.orders AS o SET (note, cents) = ('', 1) WHERE id > $1;"),
                      {At(1, kTable)}),
            (Columns{"note", "cents"}));
}

TEST(Coverage, ATriggerOnTheTableCoversAllUpToItsVersion) {
  EXPECT_EQ(Uncovered(Job(kUpdate), {At(1, kTable), At(2, kTrigger)}), Columns{});
  EXPECT_EQ(Uncovered(Job(kUpdate), {At(1, kTable), At(2, "SELECT 1;"), At(3, kTrigger)}),
            (Columns{"cents", "note"}));
  EXPECT_EQ(Uncovered(Job(kUpdate), {At(1, kTable), At(2,
                                                       "CREATE TABLE app.other (id int);"
                                                       "CREATE TRIGGER f AFTER INSERT ON app.other "
                                                       "FOR EACH ROW EXECUTE FUNCTION f();")}),
            (Columns{"cents", "note"}));
}

TEST(Coverage, ATriggerThatIsGoneAgainCoversNothing) {
  EXPECT_EQ(Uncovered(Job(kUpdate), {At(1, absl::StrCat(kTable, kTrigger)),
                                     At(2, "DROP TRIGGER fill ON app.orders;")}),
            (Columns{"cents", "note"}));
  EXPECT_EQ(Uncovered(Job(kUpdate), {At(1, absl::StrCat(kTable, kTrigger)),
                                     At(2, "ALTER TABLE app.orders DISABLE TRIGGER fill;")}),
            (Columns{"cents", "note"}));
}

TEST(Coverage, ADefaultOrAGeneratedColumnCoversItself) {
  EXPECT_EQ(Uncovered(Job(kUpdate),
                      {At(1, "CREATE TABLE app.orders (id int, cents int DEFAULT 0, note text);")}),
            Columns{"note"});
  EXPECT_EQ(
      Uncovered(Job(kUpdate),
                {At(1, kTable), At(2, "ALTER TABLE app.orders ALTER COLUMN note SET DEFAULT '';")}),
      Columns{"cents"});
}

TEST(Coverage, EveryWriterGivesAColumnThatMustNotBeNull) {
  EXPECT_EQ(Uncovered(Job(kUpdate),
                      {At(1, "CREATE TABLE app.orders (id int, cents int NOT NULL, note text);")}),
            Columns{"note"});
  EXPECT_EQ(Uncovered(Job(kUpdate), {At(1, kTable), At(2,
                                                       "ALTER TABLE app.orders ADD CONSTRAINT c "
                                                       "CHECK (cents IS NOT NULL) NOT VALID;")}),
            Columns{"note"});
}

TEST(Coverage, WhatIsSaidOrNeedsNoneIsCovered) {
  const std::vector<Migration> chain = {At(1, kTable)};
  EXPECT_EQ(Uncovered(Job(kUpdate, "-- lockstep:dual-write the shop\n"), chain), Columns{});
  EXPECT_EQ(Uncovered(Job("DELETE FROM app.orders WHERE id > $1;"), chain), Columns{});
  EXPECT_EQ(Uncovered(Job("INSERT INTO other SELECT id FROM app.orders WHERE id > $1;"), chain),
            Columns{});
}

TEST(Coverage, AnUpdateInsideOfACteIsSeen) {
  EXPECT_EQ(Uncovered(Job("WITH done AS (UPDATE app.orders SET cents = 1 WHERE id > $1 "
                          "RETURNING id) INSERT INTO log SELECT id FROM done;"),
                      {At(1, kTable)}),
            Columns{"cents"});
}

TEST(Coverage, WhatCannotBeToldIsLeftAlone) {
  EXPECT_EQ(Uncovered(Job(kUpdate), {At(1, "SELECT 1;")}), Columns{});
  EXPECT_EQ(Uncovered(Job(kUpdate),
                      {At(1, kTable), At(2,
                                         "DO $$ BEGIN EXECUTE format('CREATE  OR REPLACE\n"
                                         "TRIGGER f BEFORE INSERT ON %s FOR EACH ROW EXECUTE "
                                         "FUNCTION f()', 'app.orders'); END $$;")}),
            Columns{});
}

}  // namespace
}  // namespace lockstep::chain
