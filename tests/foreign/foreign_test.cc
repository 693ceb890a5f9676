// The .proto files are all that a client in another language needs.
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

#include "absl/strings/str_replace.h"

#include "tests/e2e/cluster.h"
#include "tests/support/repo_paths.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

// The distribution's, which has the packages.
constexpr char kPython[] = "/usr/bin/python3";

TEST(Foreign, APythonClientPublishesPlansUpgradesWatchesAndReadsErrors) {
  Cluster cluster;
  cluster.StartCoordinator();
  cluster.WriteSum();
  auto migrator =
      cluster.StartAgent({.service = "migrator", .yaml = "adapted_to: 9\n", .migrate = true});
  auto old = cluster.StartAgent({.service = "shop"});
  ASSERT_TRUE(migrator->WaitForOutput("open ")) << migrator->stderr_text();
  ASSERT_TRUE(old->WaitForOutput("open ")) << old->stderr_text();
  const CommandResult result =
      RunCommand({.argv = {kPython, SourcePath("tests/foreign/python/release.py"),
                           SourcePath("proto"), cluster.socket()},
                  .env = {{"PYTHONDONTWRITEBYTECODE", "1"}}},
                 absl::Minutes(2));
  std::printf("%s", result.out.c_str());
  EXPECT_EQ(result.exit, ExitStatus{}) << result.err;
}

// Every ```python block of docs/wire.md, one after the other, in a directory with `proto`.
TEST(Foreign, TheClientInTheDocumentRunsAsItIsPrinted) {
  Cluster cluster;
  cluster.StartCoordinator();
  cluster.WriteSum();
  auto migrator = cluster.StartAgent({.service = "migrator", .migrate = true});
  ASSERT_TRUE(migrator->WaitForOutput("open ")) << migrator->stderr_text();
  std::ifstream file(SourcePath("docs/wire.md"));
  std::stringstream text;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("```", 0) == 0) {
      inside = line == "```python";
    } else if (inside) {
      text << line << "\n";
    }
  }
  const std::string program =
      absl::StrReplaceAll(text.str(), {{"127.0.0.1:7411", cluster.socket()}});
  ASSERT_NE(program, text.str());
  TempDir directory;
  std::filesystem::create_directory_symlink(SourcePath("proto"), directory.File("proto"));
  const CommandResult result = RunCommand({.argv = {kPython, directory.Write("client.py", program)},
                                           .working_directory = directory.path()},
                                          absl::Minutes(2));
  EXPECT_EQ(result.exit, ExitStatus{}) << result.err;
  EXPECT_THAT(result.out, HasSubstr("OPERATION_STATE_SUCCEEDED 2"));
  EXPECT_THAT(result.out, HasSubstr("ABORTED CHAIN_DIVERGED {"));
  EXPECT_THAT(result.out, HasSubstr("renumber the unpublished migrations"));
}

}  // namespace
}  // namespace lockstep::testing
