#include "engine/chain/directory.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

#include "engine/base/error_info.h"
#include "engine/base/ids.h"
#include "tests/chain/expect_error.h"

namespace lockstep::chain {
namespace {

namespace fs = std::filesystem;

constexpr char kBackfill[] =
    "-- lockstep:after 1\n-- lockstep:table t\n-- lockstep:key id\n-- lockstep:section batch\n"
    "UPDATE t SET a = 1;\n";

// A directory of its own for each test, removed at the end.
class Directory : public testing::Test {
 protected:
  Directory() : root_(fs::temp_directory_path() / ("lockstep_chain_" + base::NewUuid())) {
    fs::create_directories(root_);
  }
  ~Directory() override {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }

  std::string path(const std::string& name = "") const { return (root_ / name).string(); }
  std::string root() const { return root_.string(); }

  void Write(const std::string& name, const std::string& text) {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name, std::ios::binary) << text;
  }
  void WriteTwo() {
    Write("001_a.sql", "CREATE TABLE t (a int);\n");
    Write("002_b.sql", "CREATE TABLE u (a int);\n");
  }
  Chain Load() {
    auto chain = LoadDirectory(root());
    EXPECT_TRUE(chain.ok()) << chain.status();
    return chain.ok() ? *std::move(chain) : Chain();
  }

 private:
  const fs::path root_;
};

TEST_F(Directory, AnEmptyOneIsAnEmptyChain) { EXPECT_EQ(Load().head(), 0); }

TEST_F(Directory, MigrationsAndBackfillsAreLoadedInOrder) {
  Write("0010_j.sql", "");
  for (int i = 9; i >= 1; --i) Write(absl::StrCat("00", i, "_m.sql"), "SELECT 1;");
  Write("backfills/z.sql", kBackfill);
  Write("backfills/a.sql", kBackfill);
  const Chain chain = Load();
  ASSERT_EQ(chain.head(), 10);
  EXPECT_EQ(chain.migrations[9].title, "j");
  EXPECT_EQ(chain.migrations[0].file, path("001_m.sql"));
  ASSERT_EQ(chain.backfills.size(), 2u);
  EXPECT_EQ(chain.backfills[0].name, "a");
  EXPECT_EQ(chain.backfills[1].file, path("backfills/z.sql"));
}

TEST_F(Directory, ATrailingSlashChangesNothing) {
  WriteTwo();
  EXPECT_EQ(LoadDirectory(root() + "/")->sum(), Load().sum());
}

TEST_F(Directory, OtherFilesAndFoldersAreLeftAlone) {
  WriteTwo();
  Write("README.md", "x");
  Write("chain.sum", "not read here");
  Write(".001_a.sql.swp", "x");
  Write(".#003_c.sql", "x");
  Write("003_c.sql.orig", "x");
  Write("models/anything.sql", "x");
  Write("seeds.sql/file", "x");
  Write("backfills/notes.txt", "x");
  EXPECT_EQ(Load().head(), 2);
}

TEST_F(Directory, ASymbolicLinkToAFileIsRead) {
  Write("elsewhere/x", "SELECT 1;");
  fs::create_symlink(path("elsewhere/x"), path("001_a.sql"));
  EXPECT_EQ(Load().head(), 1);
}

TEST_F(Directory, ADanglingLinkIsAnErrorNamingIt) {
  fs::create_symlink(path("nowhere"), path("001_a.sql"));
  const auto chain = LoadDirectory(root());
  EXPECT_EQ(chain.status().code(), absl::StatusCode::kNotFound) << chain.status();
  EXPECT_TRUE(absl::StrContains(chain.status().message(), "001_a.sql"));
}

TEST_F(Directory, ASqlFileWithAnotherNameIsRefused) {
  for (const char* name : {"fix.sql", "1_b.sql", "003-c.sql", "003_c.SQL", "003_C.sql"}) {
    WriteTwo();
    Write(name, "SELECT 1;");
    const auto chain = LoadDirectory(root());
    if (std::string(name) == "1_b.sql") {
      ExpectError(chain.status(), "CHAIN_DUPLICATE", name);
    } else {
      ExpectError(chain.status(), "BAD_FILE_NAME", path(name));
    }
    fs::remove(path(name));
  }
}

TEST_F(Directory, ANumberIsComparedAsANumberAndBothFilesAreNamed) {
  Write("001_a.sql", "");
  Write("1_b.sql", "");
  const auto chain = LoadDirectory(root());
  ExpectError(chain.status(), "CHAIN_DUPLICATE", path("001_a.sql"));
  ExpectError(chain.status(), "CHAIN_DUPLICATE", path("1_b.sql"));
}

TEST_F(Directory, AShortNumberThatCollidesWithNoneIsABadName) {
  Write("001_a.sql", "");
  Write("2_b.sql", "");
  ExpectError(LoadDirectory(root()).status(), "BAD_FILE_NAME", path("2_b.sql"));
}

TEST_F(Directory, AGapIsRefused) {
  Write("001_a.sql", "");
  Write("003_c.sql", "");
  ExpectError(LoadDirectory(root()).status(), "CHAIN_GAP", path("003_c.sql"));
}

TEST_F(Directory, AnErrorInAFileNamesFileLineAndColumn) {
  WriteTwo();
  Write("003_c.sql", "-- x\n-- lockstep:nonsense\n");
  ExpectError(LoadDirectory(root()).status(), "UNKNOWN_DIRECTIVE",
              absl::StrCat(path("003_c.sql"), ":2:1: "));
  Write("003_c.sql", "");
  Write("backfills/b.sql", "-- lockstep:nonsense\n");
  ExpectError(LoadDirectory(root()).status(), "UNKNOWN_DIRECTIVE",
              absl::StrCat(path("backfills/b.sql"), ":1:1: "));
}

TEST_F(Directory, AFileThatIsTooLargeIsRefusedByName) {
  Write("001_a.sql", std::string(kMaxMigrationBytes + 1, ' '));
  ExpectError(LoadDirectory(root()).status(), "FILE_TOO_LARGE", path("001_a.sql"));
}

TEST_F(Directory, ANeededBackfillMustBeThereAndComeBefore) {
  Write("001_a.sql", "");
  Write("002_b.sql", "-- lockstep:needs-backfill fill\nDROP TABLE t;");
  ExpectError(LoadDirectory(root()).status(), "BAD_DIRECTIVE", "there is no backfills/fill.sql");
  Write("backfills/fill.sql", kBackfill);
  EXPECT_EQ(Load().head(), 2);
  Write("001_a.sql", "-- lockstep:needs-backfill fill\n");
  ExpectError(LoadDirectory(root()).status(), "BAD_DIRECTIVE", "runs only after version 1");
}

TEST_F(Directory, NoSuchDirectoryIsNotFound) {
  const auto chain = LoadDirectory(path("absent"));
  EXPECT_EQ(chain.status().code(), absl::StatusCode::kNotFound) << chain.status();
  EXPECT_TRUE(absl::StrContains(chain.status().message(), path("absent")));
}

TEST_F(Directory, AFileIsNoDirectory) {
  Write("file", "x");
  EXPECT_FALSE(LoadDirectory(path("file")).ok());
}

TEST_F(Directory, LoadingTwiceGivesTheSameSum) {
  WriteTwo();
  Write("backfills/b.sql", kBackfill);
  EXPECT_EQ(FormatChainSum(Load().sum()), FormatChainSum(Load().sum()));
}

class CheckSum : public Directory {
 protected:
  void SetUp() override {
    WriteTwo();
    Write("backfills/b.sql", kBackfill);
    Write("chain.sum", FormatChainSum(Load().sum()));
  }
  void ExpectStale(const std::string& words) {
    const absl::Status status = CheckChainSum(root(), Load());
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_EQ(base::ReasonOf(status), "CHAIN_SUM_STALE");
    EXPECT_TRUE(absl::StrContains(status.message(), words)) << status;
    EXPECT_TRUE(absl::StrContains(base::GetErrorInfo(status)->hint, "lockstep sum"));
  }
};

TEST_F(CheckSum, AgreesWithItsFiles) {
  EXPECT_TRUE(CheckChainSum(root(), Load()).ok());
  Write("001_a.sql", "-- other comments\nCREATE  TABLE t (a int);\r\n");
  EXPECT_TRUE(CheckChainSum(root(), Load()).ok());
}

TEST_F(CheckSum, AnEditedMigrationIsStale) {
  Write("001_a.sql", "CREATE TABLE t (a bigint);");
  ExpectStale("version 001 differs from ");
}

TEST_F(CheckSum, ARenamedMigrationIsStale) {
  fs::rename(path("002_b.sql"), path("002_c.sql"));
  ExpectStale("version 002 differs from ");
}

TEST_F(CheckSum, ANewMigrationIsStale) {
  Write("003_c.sql", "");
  ExpectStale("version 003 (");
}

TEST_F(CheckSum, ARemovedMigrationIsStale) {
  fs::remove(path("002_b.sql"));
  ExpectStale("version 002 is in it, but has no file");
}

TEST_F(CheckSum, BackfillsCountToo) {
  Write("backfills/b.sql", std::string(kBackfill) + "SELECT 1;");
  ExpectStale("backfill b differs");
  fs::remove(path("backfills/b.sql"));
  ExpectStale("backfill b is in it, but has no file");
  Write("backfills/b.sql", kBackfill);
  Write("backfills/a.sql", kBackfill);
  ExpectStale("backfill a is not in it");
}

TEST_F(CheckSum, NoChainSumIsNotFoundAndABadOneIsBad) {
  Write("chain.sum", "nonsense");
  ExpectError(CheckChainSum(root(), Load()), "BAD_CHAIN_SUM", path("chain.sum") + ":1: ");
  fs::remove(path("chain.sum"));
  EXPECT_EQ(CheckChainSum(root(), Load()).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(LoadChainSum(path("chain.sum")).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace lockstep::chain
