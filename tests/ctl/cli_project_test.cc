// What makes and grows a project: init, new.
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "engine/base/file.h"
#include "tests/ctl/fake_coordinator.h"
#include "tests/support/temp_dir.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

std::string Read(const std::string& path) { return base::ReadFile(path, 1 << 20).value_or(""); }

class Project : public ::testing::Test {
 protected:
  // In the project's directory, as people do.
  CommandResult Run(std::vector<std::string> words) {
    SubprocessOptions options = LockstepCommand("unix:/nonexistent", std::move(words));
    options.working_directory = dir_.path();
    return RunCommand(options);
  }
  TempDir dir_;
};

TEST_F(Project, InitMakesWhatTheOtherCommandsNeed) {
  const CommandResult result = Run({"init", "--service", "cart"});
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("made ./migrations/chain.sum\n"));
  EXPECT_THAT(result.err, HasSubstr("lockstep new initial schema"));
  EXPECT_EQ(Read(dir_.File("migrations/chain.sum")), "lockstep chain.sum ls1-sha256\n");
  EXPECT_TRUE(std::filesystem::is_directory(dir_.File("migrations/backfills")));
  EXPECT_TRUE(std::filesystem::is_directory(dir_.File("migrations/models")));
  EXPECT_THAT(Read(dir_.File("services/cart/lockstep.yaml")), HasSubstr("service: cart\n"));
  EXPECT_EQ(CodeOf(Run({"sum", "--check"})), 0);
}

TEST_F(Project, InitOverwritesNothing) {
  dir_.Write("migrations/001_mine.sql", "SELECT 1;\n");
  dir_.Write("migrations/chain.sum", "mine");
  dir_.Write("services/cart/lockstep.yaml", "mine");
  const CommandResult result = Run({"init", "--service", "cart"});
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("kept ./migrations/chain.sum, which was there\n"));
  EXPECT_EQ(Read(dir_.File("migrations/chain.sum")), "mine");
  EXPECT_EQ(Read(dir_.File("services/cart/lockstep.yaml")), "mine");
}

TEST_F(Project, InitGivesExistingMigrationsTheirSum) {
  dir_.Write("shop/migrations/001_mine.sql", "SELECT 1;\n");
  const auto json = nlohmann::json::parse(Run({"init", "shop", "-o", "json"}).out);
  EXPECT_EQ(json.at("made").size(), 3);
  EXPECT_THAT(Read(dir_.File("shop/migrations/chain.sum")), HasSubstr("\n001 mine "));
}

TEST_F(Project, InitRefusesABadServiceNameBeforeItMakesAnything) {
  for (const char* name : {"../up", "Shop", "a b", "x: y"}) {
    EXPECT_EQ(CodeOf(Run({"init", "--service", name})), 2) << name;
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

TEST_F(Project, NewTakesTheNextNumberAndRewritesTheSum) {
  Run({"init"});
  const CommandResult first = Run({"new", "initial", "schema"});
  EXPECT_EQ(CodeOf(first), 0) << first.err;
  EXPECT_EQ(first.out, "./migrations/001_initial_schema.sql\n");
  EXPECT_EQ(Run({"new", "Add user settings"}).out, "./migrations/002_add_user_settings.sql\n");
  EXPECT_THAT(Read(dir_.File("migrations/002_add_user_settings.sql")),
              HasSubstr("-- 002 add user settings\n"));
  EXPECT_EQ(CodeOf(Run({"sum", "--check"})), 0);
}

TEST_F(Project, NewMakesABackfillThatRunsAfterTheNewestMigration) {
  Run({"init"});
  EXPECT_EQ(CodeOf(Run({"new", "--backfill", "fill", "--table", "users"})), 2);
  Run({"new", "users"});
  EXPECT_EQ(CodeOf(Run({"new", "--backfill", "fill"})), 2);
  EXPECT_EQ(CodeOf(Run({"new", "--backfill", "fill", "--table", "users; DROP TABLE x"})), 2);
  const CommandResult result = Run({"new", "--backfill", "Fill totals", "--table", "users"});
  EXPECT_EQ(result.out, "./migrations/backfills/fill_totals.sql\n");
  EXPECT_THAT(Read(dir_.File("migrations/backfills/fill_totals.sql")),
              HasSubstr("-- lockstep:after 1\n-- lockstep:table users\n-- lockstep:key id\n"));
  EXPECT_EQ(CodeOf(Run({"sum", "--check"})), 0);
  const CommandResult again = Run({"new", "--backfill", "fill totals", "--table", "users"});
  EXPECT_EQ(CodeOf(again), 5);
  EXPECT_THAT(again.err, HasSubstr("fill_totals.sql is there already"));
}

TEST_F(Project, NewRefusesToBuildOnABrokenChain) {
  dir_.Write("migrations/001_a.sql", "SELECT 1;\n");
  dir_.Write("migrations/003_c.sql", "SELECT 3;\n");
  const CommandResult gap = Run({"new", "next"});
  EXPECT_EQ(CodeOf(gap), 1);
  EXPECT_THAT(gap.err, HasSubstr("003_c.sql"));
  // The newest file is gone: its number is not free.
  std::filesystem::remove(dir_.File("migrations/003_c.sql"));
  dir_.Write("migrations/002_b.sql", "SELECT 2;\n");
  ASSERT_EQ(CodeOf(Run({"sum"})), 0);
  std::filesystem::remove(dir_.File("migrations/002_b.sql"));
  const CommandResult missing = Run({"new", "next"});
  EXPECT_EQ(CodeOf(missing), 5);
  EXPECT_THAT(missing.err, HasSubstr("lists 002_b.sql, which is not there"));
  EXPECT_FALSE(std::filesystem::exists(dir_.File("migrations/002_next.sql")));
}

TEST_F(Project, NewRefusesABadTitleAndSaysWhatFits) {
  Run({"init"});
  const CommandResult result = Run({"new", "it's", "new"});
  EXPECT_EQ(CodeOf(result), 2);
  EXPECT_THAT(result.err, HasSubstr("not \"it's new\""));
  EXPECT_EQ(CodeOf(Run({"new"})), 2);
  const CommandResult nowhere = Run({"new", "a", "--migrations", "elsewhere"});
  EXPECT_EQ(CodeOf(nowhere), 1);
  EXPECT_THAT(nowhere.err, HasSubstr("elsewhere"));
}

}  // namespace
}  // namespace lockstep::testing
