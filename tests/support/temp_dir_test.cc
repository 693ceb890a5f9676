#include "tests/support/temp_dir.h"

#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "tests/support/matchers.h"
#include "tests/support/repo_paths.h"

namespace lockstep::testing {
namespace {

TEST(TempDir, GoesWithAllThatIsInIt) {
  std::string path;
  {
    TempDir dir;
    path = dir.path();
    const std::string file = dir.Write("a/b/c.txt", "hello");
    EXPECT_THAT(base::ReadFile(file, 100), IsOkAndHolds("hello"));
    struct stat info = {};
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0755u);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(TempDir, StaysWhenAForkedCopyEnds) {
  auto dir = std::make_unique<TempDir>();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    dir.reset();
    _exit(0);
  }
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(std::filesystem::exists(dir->path()));
}

TEST(RepoPaths, ProgramsMayComeFromAnInstalledPackage) {
  EXPECT_TRUE(std::filesystem::exists(SourcePath("tests/support/repo_paths.h")));
  EXPECT_TRUE(std::filesystem::exists(ProgramPath("support_test")));
  setenv("LOCKSTEP_TEST_PROGRAMS", "/opt/lockstep/bin", 1);
  EXPECT_EQ(ProgramPath("lockstep"), "/opt/lockstep/bin/lockstep");
  unsetenv("LOCKSTEP_TEST_PROGRAMS");
}

}  // namespace
}  // namespace lockstep::testing
