// Commands that need no coordinator: help, version, sum.
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nlohmann/json.hpp"

#include "engine/base/file.h"
#include "tests/ctl/fake_coordinator.h"
#include "tests/support/temp_dir.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

std::string Read(const std::string& path) { return base::ReadFile(path, 1 << 20).value_or(""); }

class Sum : public ::testing::Test {
 protected:
  Sum() {
    dir_.Write("001_users.sql", "CREATE TABLE users (id int);\n");
    dir_.Write("002_roles.sql", "CREATE TABLE roles (id int);\n");
  }
  CommandResult Run(std::vector<std::string> words = {}) {
    words.insert(words.begin(), {"sum", "--migrations", dir_.path()});
    return RunLockstep(std::move(words));
  }
  TempDir dir_;
};

TEST_F(Sum, WritesTheFileAndSaysWhatChanged) {
  const CommandResult result = Run();
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_EQ(result.out,
            "added 1 users\nadded 2 roles\nwrote " + dir_.File("chain.sum") + " (2 versions)\n");
  EXPECT_THAT(Read(dir_.File("chain.sum")), HasSubstr("lockstep chain.sum ls1-sha256\n001 users "));
}

TEST_F(Sum, IsDeterministicAndChangesNothingTheSecondTime) {
  Run();
  const std::string first = Read(dir_.File("chain.sum"));
  const auto written = std::filesystem::last_write_time(dir_.File("chain.sum"));
  const CommandResult again = Run();
  EXPECT_EQ(again.out, dir_.File("chain.sum") + " is up to date (2 versions)\n");
  EXPECT_EQ(Read(dir_.File("chain.sum")), first);
  EXPECT_EQ(std::filesystem::last_write_time(dir_.File("chain.sum")), written);
}

TEST_F(Sum, DoesNotCountCommentsAsChanges) {
  Run();
  dir_.Write("002_roles.sql", "-- the roles\nCREATE TABLE roles   (id int);\n");
  EXPECT_EQ(CodeOf(Run({"--check"})), 0);
}

TEST_F(Sum, CheckExitsWith3AndWritesNothing) {
  const CommandResult missing = Run({"--check"});
  EXPECT_EQ(CodeOf(missing), 3);
  EXPECT_FALSE(std::filesystem::exists(dir_.File("chain.sum")));
  Run();
  EXPECT_EQ(CodeOf(Run({"--check"})), 0);
  dir_.Write("002_roles.sql", "CREATE TABLE roles (id bigint);\n");
  const CommandResult stale = Run({"--check"});
  EXPECT_EQ(CodeOf(stale), 3);
  EXPECT_THAT(stale.out, HasSubstr("changed 2 roles\n"));
  EXPECT_THAT(stale.out, HasSubstr("is stale: run `lockstep sum`"));
}

TEST_F(Sum, ReplacesAFileWithAnUnresolvedConflict) {
  Run();
  const std::string good = Read(dir_.File("chain.sum"));
  dir_.Write("chain.sum", good + "<<<<<<< HEAD\n");
  EXPECT_EQ(CodeOf(Run({"--check"})), 3);
  const CommandResult result = Run();
  EXPECT_EQ(CodeOf(result), 0);
  EXPECT_THAT(result.out, HasSubstr("replaced: "));
  EXPECT_EQ(Read(dir_.File("chain.sum")), good);
}

TEST_F(Sum, FailsWithThePositionInTheFile) {
  dir_.Write("003_bad.sql", "SELECT 1;\nCOMMIT;\n");
  const CommandResult result = Run();
  EXPECT_EQ(CodeOf(result), 1);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("003_bad.sql:2:1"));
  EXPECT_FALSE(std::filesystem::exists(dir_.File("chain.sum")));
}

TEST_F(Sum, NamesTheFileAfterAGap) {
  dir_.Write("004_later.sql", "SELECT 1;\n");
  const CommandResult result = Run();
  EXPECT_EQ(CodeOf(result), 1);
  EXPECT_THAT(result.err, HasSubstr("004_later.sql"));
}

TEST_F(Sum, SpeaksJson) {
  const auto json = nlohmann::json::parse(Run({"-o", "json"}).out);
  EXPECT_EQ(json.at("head"), 2);
  EXPECT_EQ(json.at("written"), true);
  EXPECT_EQ(json.at("changes").size(), 2);
}

TEST(Local, SaysWhichDirectoryIsMissing) {
  const CommandResult result = RunLockstep({"sum", "--migrations", "/nonexistent"});
  EXPECT_EQ(CodeOf(result), 1);
  EXPECT_THAT(result.err, HasSubstr("/nonexistent"));
  EXPECT_THAT(result.err, HasSubstr("hint: name the migrations directory with --migrations DIR"));
}

TEST(Local, NeedsNoCoordinatorForVersionAndHelp) {
  EXPECT_THAT(RunLockstep({"version"}).out, HasSubstr("lockstep 0."));
  EXPECT_TRUE(
      nlohmann::json::parse(RunLockstep({"version", "-o", "json"}).out).contains("version"));
  const CommandResult bare = RunLockstep({});
  EXPECT_EQ(CodeOf(bare), 0);
  EXPECT_EQ(bare.err, "");
  EXPECT_EQ(bare.out, RunLockstep({"--help"}).out);
}

TEST(Local, AnswersAMistypedLineWithUsage) {
  const CommandResult result = RunLockstep({"upgarde"});
  EXPECT_EQ(CodeOf(result), 2);
  EXPECT_EQ(result.err,
            "error: unknown command \"upgarde\"\n  hint: did you mean `lockstep upgrade`?\n");
}

}  // namespace
}  // namespace lockstep::testing
