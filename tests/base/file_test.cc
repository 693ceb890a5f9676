#include "engine/base/file.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <sched.h>
#include <set>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "tests/support/matchers.h"
#include "tests/support/temp_dir.h"

namespace lockstep::base {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::StatusIs;
using testing::TempDir;

std::set<std::string> NamesIn(const std::string& directory) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    names.insert(entry.path().filename().string());
  }
  return names;
}

TEST(ReadFile, ReturnsAllBytesUpToTheLimit) {
  TempDir dir;
  const std::string bytes = std::string("a\0b", 3) + std::string(200'000, 'x');
  const std::string path = dir.Write("file", bytes);
  EXPECT_THAT(ReadFile(path, static_cast<int64_t>(bytes.size())), IsOkAndHolds(bytes));
  EXPECT_THAT(ReadFile(path, static_cast<int64_t>(bytes.size()) - 1),
              StatusIs(absl::StatusCode::kResourceExhausted, "FILE_TOO_LARGE"));
  EXPECT_THAT(ReadFile(dir.Write("empty", ""), 0), IsOkAndHolds(""));
}

TEST(ReadFile, StopsReadingWhatNeverEnds) {
  EXPECT_THAT(ReadFile("/dev/zero", 100'000), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(ReadFile, NamesThePathAndTheCause) {
  TempDir dir;
  const absl::Status missing = ReadFile(dir.File("none"), 10).status();
  EXPECT_THAT(missing, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(std::string(missing.message()), HasSubstr(dir.File("none")));
  EXPECT_THAT(ReadFile(dir.path(), 10), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ReadFile, SaysWhenItMayNot) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read anything";
  TempDir dir;
  const std::string path = dir.Write("file", "x");
  chmod(path.c_str(), 0);
  EXPECT_THAT(ReadFile(path, 10), StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST(WriteFileAtomically, ReplacesTheFileAndLeavesNoOther) {
  TempDir dir;
  const std::string path = dir.Write("chain.sum", "old");
  EXPECT_THAT(WriteFileAtomically(path, "new"), IsOk());
  EXPECT_THAT(ReadFile(path, 100), IsOkAndHolds("new"));
  EXPECT_EQ(NamesIn(dir.path()), std::set<std::string>{"chain.sum"});
}

TEST(WriteFileAtomically, AReaderWithTheOldFileOpenKeepsIt) {
  TempDir dir;
  const std::string path = dir.Write("file", "old");
  FILE* const reader = fopen(path.c_str(), "r");
  ASSERT_NE(reader, nullptr);
  ASSERT_THAT(WriteFileAtomically(path, "new and longer"), IsOk());
  char buffer[32] = {};
  EXPECT_EQ(fread(buffer, 1, sizeof(buffer), reader), 3u);
  EXPECT_STREQ(buffer, "old");
  fclose(reader);
}

TEST(WriteFileAtomically, ManyWritersNeverMixTheirContents) {
  TempDir dir;
  const std::string path = dir.File("file");
  std::vector<std::thread> writers;
  for (char letter : {'a', 'b', 'c', 'd'}) {
    writers.emplace_back([&path, letter] {
      for (int i = 0; i < 50; ++i) {
        EXPECT_THAT(WriteFileAtomically(path, std::string(100'000, letter)), IsOk());
        const auto bytes = ReadFile(path, 1'000'000);
        ASSERT_THAT(bytes, IsOk());
        ASSERT_EQ(bytes->size(), 100'000u);
        EXPECT_EQ(bytes->find_first_not_of(bytes->front()), std::string::npos);
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(NamesIn(dir.path()), std::set<std::string>{"file"});
}

TEST(WriteFileAtomically, FailsWithoutADirectory) {
  TempDir dir;
  EXPECT_THAT(WriteFileAtomically(dir.File("none/file"), "x"),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST(WriteFileAtomically, AFailedReplaceLeavesNothingBehind) {
  TempDir dir;
  std::filesystem::create_directories(dir.File("taken/inside"));
  EXPECT_FALSE(WriteFileAtomically(dir.File("taken"), "x").ok());
  EXPECT_EQ(NamesIn(dir.path()), std::set<std::string>{"taken"});
}

// In a process of its own, with a file system of 64 KiB that only it sees.
int WriteToAFullDisk(const std::string& directory) {
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", nullptr, MS_REC | MS_PRIVATE, "") != 0 ||
      mount("none", directory.c_str(), "tmpfs", 0, "size=64k") != 0) {
    return 77;
  }
  const std::string path = directory + "/file";
  if (!WriteFileAtomically(path, "old").ok()) return 1;
  const absl::Status full = WriteFileAtomically(path, std::string(1 << 20, 'x'));
  if (full.code() != absl::StatusCode::kResourceExhausted) return 2;
  const auto kept = ReadFile(path, 100);
  if (!kept.ok() || *kept != "old") return 3;
  return NamesIn(directory).size() == 1 ? 0 : 4;
}

TEST(WriteFileAtomically, AFullDiskLeavesTheOldFile) {
  TempDir dir;
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(WriteToAFullDisk(dir.path()));
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "may not mount a file system";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(WriteNewFile, LeavesAFileThatIsThereAlone) {
  TempDir dir;
  const std::string path = dir.File("file");
  EXPECT_THAT(WriteNewFile(path, "mine", 0600), IsOk());
  EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms(0600));
  EXPECT_THAT(WriteNewFile(path, "other"), StatusIs(absl::StatusCode::kAlreadyExists, "FILE"));
  EXPECT_THAT(ReadFile(path, 100), IsOkAndHolds("mine"));
  EXPECT_THAT(WriteNewFile(dir.File("no/such"), ""), StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace lockstep::base
