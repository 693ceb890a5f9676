#include "agent/process/launch.h"

#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "absl/strings/str_cat.h"

#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace lockstep::process {
namespace {

using ::testing::Contains;
using testing::IsOkAndHolds;
using ::testing::Not;
using ::testing::StartsWith;
using testing::StatusIs;
using testing::TempDir;

TEST(FindProgram, LooksThroughThePath) {
  TempDir dir;
  std::filesystem::create_directories(dir.File("a/tool"));  // A directory is no program.
  const std::string tool = dir.Write("b/tool", "#!/bin/sh\n");
  chmod(tool.c_str(), 0755);
  EXPECT_THAT(FindProgram("tool", absl::StrCat(dir.File("a"), ":", dir.File("b"))),
              IsOkAndHolds(tool));
  EXPECT_THAT(FindProgram("tool", dir.File("a")), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(FindProgram("", dir.File("b")), StatusIs(absl::StatusCode::kNotFound));
  chmod(tool.c_str(), 0644);
  EXPECT_THAT(FindProgram("tool", dir.File("b")), StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST(FindProgram, TakesAPathAsItIs) {
  EXPECT_THAT(FindProgram("./tool", "/usr/bin"), IsOkAndHolds("./tool"));
  EXPECT_THAT(FindProgram("/no/such", "/usr/bin"), IsOkAndHolds("/no/such"));
}

TEST(EnvironmentWithout, LeavesOutWhatBeginsWithTheName) {
  setenv("PROCESS_TEST_SECRET", "a", 1);
  setenv("PROCESS_TEST_SECRET_FILE", "b", 1);
  setenv("PROCESS_TEST_OTHER", "c", 1);
  const auto kept = EnvironmentWithout({"PROCESS_TEST_SECRET"});
  EXPECT_THAT(kept, Contains("PROCESS_TEST_OTHER=c"));
  EXPECT_THAT(kept, Not(Contains(StartsWith("PROCESS_TEST_SECRET"))));
  EXPECT_THAT(EnvironmentWithout({}), Contains("PROCESS_TEST_SECRET=a"));
  for (const char* name :
       {"PROCESS_TEST_SECRET", "PROCESS_TEST_SECRET_FILE", "PROCESS_TEST_OTHER"}) {
    unsetenv(name);
  }
}

}  // namespace
}  // namespace lockstep::process
