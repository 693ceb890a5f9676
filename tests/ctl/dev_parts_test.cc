// The parts of `lockstep dev` that need no server: where files and database part, the watcher, the
// state directory.
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include "absl/strings/str_cat.h"

#include "ctl/dev/drift.h"
#include "ctl/dev/error.h"
#include "ctl/dev/stack.h"
#include "ctl/dev/state.h"
#include "ctl/dev/watcher.h"
#include "engine/base/error_info.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace lockstep::ctl::dev {
namespace {

using ::lockstep::testing::IsOk;
using ::lockstep::testing::StatusIs;
using ::lockstep::testing::TempDir;

chain::Chain Files(const std::vector<std::string>& sql) {
  std::vector<chain::Migration> migrations;
  for (size_t i = 0; i < sql.size(); ++i) {
    migrations.push_back(*chain::ReadMigration(absl::StrCat("00", i + 1, "_t.sql"), sql[i]));
  }
  return *chain::MakeChain(std::move(migrations), {});
}

Published PublishedAs(const chain::Chain& chain, int applied) {
  Published published;
  for (const chain::Migration& migration : chain.migrations) {
    published.versions.push_back({.version = migration.version,
                                  .title = migration.title,
                                  .digest = migration.digest,
                                  .applied = migration.version <= applied});
  }
  return published;
}

TEST(Drift, IsNothingForTheSameFilesAndForMoreOfThem) {
  const Published published = PublishedAs(Files({"SELECT 1", "SELECT 2"}), 1);
  const auto drift = FindDrift(Files({"SELECT 1", "SELECT 2", "SELECT 3"}), published);
  ASSERT_THAT(drift, IsOk());
  EXPECT_EQ(drift->unpublish_from, 0);
  EXPECT_FALSE(drift->backfills);
  EXPECT_TRUE(published.pending());
  EXPECT_EQ(published.newest_applied(), 1);
}

TEST(Drift, BeginsAtTheFirstVersionThatWasEditedOrRemovedAndHasNotRun) {
  const Published published = PublishedAs(Files({"SELECT 1", "SELECT 2", "SELECT 3"}), 1);
  EXPECT_EQ(FindDrift(Files({"SELECT 1", "SELECT 22", "SELECT 3"}), published)->unpublish_from, 2);
  EXPECT_EQ(FindDrift(Files({"SELECT 1", "SELECT 2"}), published)->unpublish_from, 3);
}

TEST(Drift, NamesEveryVersionThatHasRunAndDiffers) {
  const Published published = PublishedAs(Files({"SELECT 1", "SELECT 2", "SELECT 3"}), 3);
  const auto drift = FindDrift(Files({"SELECT 11", "SELECT 2"}), published);
  EXPECT_THAT(drift, StatusIs(absl::StatusCode::kFailedPrecondition, kReasonAppliedEdited));
  const auto info = base::GetErrorInfo(drift.status());
  ASSERT_EQ(info->blockers.size(), 2u);
  EXPECT_EQ(info->blockers[0].subject, "001_t.sql");
  EXPECT_EQ(info->blockers[1].description, "has no file any more");
}

TEST(Drift, SeesAnEditedBackfill) {
  Published published = PublishedAs(Files({"SELECT 1"}), 1);
  published.backfills["fill"] = "digest";
  EXPECT_TRUE(FindDrift(Files({"SELECT 1"}), published)->backfills);
}

TEST(WatcherTest, TellsNewEditedAndRemovedFilesAlsoInADirectoryThatComesLater) {
  const TempDir directory;
  const std::string folder = directory.File("migrations");
  Watcher watcher(folder);
  const std::string file = directory.Write("migrations/001_a.sql", "SELECT 1");
  EXPECT_EQ(watcher.Wait({}), Watcher::kChanged);
  watcher.Mark();
  directory.Write("migrations/001_a.sql", "SELECT 1, 2");
  EXPECT_EQ(watcher.Wait({}), Watcher::kChanged);
  watcher.Mark();
  directory.Write("migrations/backfills/b.sql", "SELECT 1");
  EXPECT_EQ(watcher.Wait({}), Watcher::kChanged);
  watcher.Mark();
  std::filesystem::remove(file);
  EXPECT_EQ(watcher.Wait({}), Watcher::kChanged);
}

TEST(WatcherTest, IsWokenByAChangeWhileItWaits) {
  const TempDir directory;
  directory.Write("001_a.sql", "SELECT 1");
  Watcher watcher(directory.path());
  std::thread writer([&] { directory.Write("002_b.sql", "SELECT 2"); });
  EXPECT_EQ(watcher.Wait({}), Watcher::kChanged);
  writer.join();
}

TEST(WatcherTest, LeavesOtherFilesAloneAndStopsForOthers) {
  const TempDir directory;
  directory.Write("001_a.sql", "SELECT 1");
  Watcher watcher(directory.path());
  directory.Write("chain.sum", "x");
  directory.Write(".001_a.sql.swp", "x");
  directory.Write("001_a.sql~", "x");
  const int stop = eventfd(1, EFD_CLOEXEC);
  EXPECT_EQ(watcher.Wait({stop}), Watcher::kOther);
  close(stop);
}

TEST(StateTest, ASocketsDirectoryIsShortAndPlain) {
  EXPECT_TRUE(FitsSockets("/home/mara/shop/.lockstep/dev"));
  EXPECT_FALSE(FitsSockets(absl::StrCat("/", std::string(100, 'x'))));
  EXPECT_FALSE(FitsSockets("/home/mara/a,b"));
  EXPECT_FALSE(FitsSockets("/home/mara/a b"));
  EXPECT_FALSE(FitsSockets("/home/mara/a%20b"));
}

TEST(StateTest, IsLockedAgainstASecondOneAndLeavesItsDirectoryAlone) {
  const TempDir directory;
  const std::string path = directory.File("state");
  auto first = State::Open({.path = path});
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT((*first)->Announce(), IsOk());
  EXPECT_THAT(State::Open({.path = path}), StatusIs(absl::StatusCode::kAborted, kReasonRunning));
  first->reset();
  EXPECT_THAT(State::Open({.path = path}), IsOk());
  EXPECT_FALSE(std::filesystem::exists(path + "/running"));
}

TEST(StateTest, ATemporaryOneGoesWithItsOwner) {
  auto state = State::Open({});
  ASSERT_THAT(state, IsOk());
  const std::string path = (*state)->path();
  struct stat info = {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  state->reset();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(StateTest, AddressesAreFoundUpwardsAndNotInOtherPeoplesFiles) {
  const TempDir directory;
  directory.Write("project/src/deep/x", "");
  const std::string running =
      directory.Write("project/.lockstep/dev/running", "12\nunix:/x/lockstep.sock\n");
  EXPECT_EQ(FindAddress(directory.File("project/src/deep")), "unix:/x/lockstep.sock");
  EXPECT_EQ(FindAddress(directory.path()), std::nullopt);
  if (geteuid() != 0) return;  // Only root can give files away.
  ASSERT_EQ(chown(running.c_str(), 4242, 4242), 0);
  EXPECT_EQ(FindAddress(directory.File("project/src/deep")), std::nullopt);
}

TEST(ShellWordTest, QuotesWhatAShellWouldReadOtherwise) {
  EXPECT_EQ(ShellWord("/a/b-c_d.e"), "/a/b-c_d.e");
  EXPECT_EQ(ShellWord("a b"), "'a b'");
  EXPECT_EQ(ShellWord("it's"), "'it'\\''s'");
  EXPECT_EQ(ShellWord(""), "''");
}

}  // namespace
}  // namespace lockstep::ctl::dev
