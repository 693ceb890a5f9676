// `lockstep dev`: one command from a folder of SQL files to a database that follows them, and
// nothing left behind.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <set>
#include <sys/stat.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"

#include "engine/postgres/connection.h"
#include "tests/support/matchers.h"
#include "tests/support/repo_paths.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"

namespace lockstep::testing {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// From nothing, on a machine that does other things, too.
constexpr absl::Duration kLong = absl::Minutes(3);

class Project {
 public:
  std::string path(const std::string& name = "") const {
    return name.empty() ? directory_.path() : directory_.File(name);
  }
  void Write(const std::string& name, const std::string& sql) const {
    directory_.Write("migrations/" + name, sql);
  }
  void Remove(const std::string& name) const { fs::remove(path("migrations/" + name)); }

  std::unique_ptr<Subprocess> Start(std::vector<std::string> flags = {}) const {
    flags.insert(flags.begin(), {ProgramPath("lockstep"), "dev", "--color", "never"});
    auto started = Subprocess::Start(
        {.argv = flags, .env = Environment(), .working_directory = directory_.path()});
    if (!started.ok()) throw std::runtime_error(std::string(started.status().message()));
    return *std::move(started);
  }
  // Starts it and waits until it is ready; its JSON line is `line`.
  std::unique_ptr<Subprocess> StartReady(std::vector<std::string> flags = {}) {
    flags.insert(flags.end(), {"-o", "json"});
    auto dev = Start(flags);
    if (!dev->WaitForOutput("\"ready\".*\n", kLong)) {
      throw std::runtime_error("dev is not ready: " + dev->stderr_text());
    }
    line = nlohmann::json::parse(dev->stdout_text());
    return dev;
  }
  CommandResult Once(std::vector<std::string> flags = {}) const {
    flags.insert(flags.begin(), {"dev", "--once"});
    return Ctl(flags, "");
  }
  CommandResult Ctl(std::vector<std::string> words, const std::string& below = "") const {
    words.insert(words.begin(), ProgramPath("lockstep"));
    return RunCommand(
        {.argv = words, .env = Environment(), .working_directory = directory_.path() + below},
        kLong);
  }
  // The first value of a query, as the application.
  std::string Scalar(const std::string& sql) const {
    const auto connection =
        postgres::Connection::Open({.conninfo = line.at("database").get<std::string>()});
    if (!connection.ok()) return std::string(connection.status().message());
    const auto result = (*connection)->Query(sql);
    return result.ok() ? result->only().Text(0) : std::string(result.status().message());
  }
  bool EventuallyScalar(const std::string& sql, const std::string& value) const {
    return Eventually([&] { return Scalar(sql) == value; });
  }
  // Files of the project that only a running dev may have.
  std::set<std::string> Remains() const {
    std::set<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(directory_.path())) {
      const std::string name = entry.path().filename().string();
      if (entry.is_socket() || name == "running" || name == "postmaster.pid") found.insert(name);
    }
    return found;
  }

  nlohmann::json line;

 private:
  static std::map<std::string, std::string> Environment() {
    return {{"LOCKSTEP_ADDRESS", ""}, {"PGHOST", "/nowhere"}, {"PGOPTIONS", "-c nonsense=1"}};
  }
  TempDir directory_;
};

// All processes below `pid`.
std::set<pid_t> Descendants(pid_t pid) {
  std::multimap<pid_t, pid_t> children;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    pid_t child = 0, parent = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &child)) continue;
    std::ifstream status(entry.path() / "status");
    for (std::string text; std::getline(status, text);) {
      if (absl::StartsWith(text, "PPid:")) (void)absl::SimpleAtoi(text.substr(5), &parent);
    }
    children.emplace(parent, child);
  }
  std::set<pid_t> found;
  std::vector<pid_t> next = {pid};
  while (!next.empty()) {
    const auto [begin, end] = children.equal_range(next.back());
    next.pop_back();
    for (auto it = begin; it != end; ++it) {
      if (found.insert(it->second).second) next.push_back(it->second);
    }
  }
  return found;
}

bool NoneRuns(const std::set<pid_t>& pids) {
  return std::none_of(pids.begin(), pids.end(), [](pid_t pid) { return ProcessRuns(pid); });
}

constexpr char kUsers[] = "CREATE TABLE users (id int PRIMARY KEY)";

TEST(Dev, OneCommandGoesFromNothingToAnAppliedChain) {
  Project project;
  project.Write("001_users.sql", kUsers);
  project.Write("002_drop.sql", "ALTER TABLE users ADD COLUMN name text");
  project.Write("003_contract.sql", "ALTER TABLE users DROP COLUMN name");
  const CommandResult once = project.Once();
  ASSERT_EQ(once.exit, ExitStatus{}) << once.err;
  EXPECT_THAT(once.out, HasSubstr("applied 3 of 3 (3 migrations in "));
  EXPECT_TRUE(fs::exists(project.path("migrations/chain.sum")));
  EXPECT_EQ(project.Ctl({"sum", "--check"}).exit, ExitStatus{});
  EXPECT_THAT(project.Remains(), IsEmpty());
  struct stat info = {};
  ASSERT_EQ(stat(project.path(".lockstep/dev").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 066, 0u);
  EXPECT_TRUE(fs::exists(project.path(".lockstep/dev/.gitignore")));
}

TEST(Dev, AFailingMigrationGivesOnceTheExitCode1AndWhereItIs) {
  Project project;
  project.Write("001_users.sql", kUsers);
  project.Write("002_broken.sql", "\nCREATE INDEX ON nowhere (id);\n");
  const CommandResult once = project.Once({"--ephemeral"});
  EXPECT_EQ(once.exit, (ExitStatus{.code = 1})) << once.out;
  EXPECT_THAT(once.err, HasSubstr("migrations/002_broken.sql:2:"));
  EXPECT_FALSE(fs::exists(project.path(".lockstep")));
}

TEST(Dev, ASecondStartReusesTheDatabaseAndResetBeginsWithAnEmptyOne) {
  Project project;
  project.Write("001_users.sql", kUsers);
  auto dev = project.StartReady();
  EXPECT_EQ(project.line.at("reused"), false);
  EXPECT_EQ(project.line.at("applied"), 1);
  EXPECT_EQ(project.Scalar("INSERT INTO users VALUES (7) RETURNING id"), "7");
  dev->Signal(SIGINT);
  ASSERT_EQ(dev->Wait(), ExitStatus{}) << dev->stderr_text();

  dev = project.StartReady();
  EXPECT_EQ(project.line.at("reused"), true);
  EXPECT_EQ(project.line.at("ran"), 0);
  EXPECT_EQ(project.Scalar("SELECT id FROM users"), "7");
  dev->Signal(SIGTERM);
  ASSERT_EQ(dev->Wait(), ExitStatus{}) << dev->stderr_text();

  dev = project.StartReady({"--reset"});
  EXPECT_EQ(project.line.at("reused"), false);
  EXPECT_EQ(project.Scalar("SELECT count(*) FROM users"), "0");
}

TEST(Dev, CtrlCLeavesNoProcessNoSocketAndNoLock) {
  Project project;
  project.Write("001_users.sql", kUsers);
  auto dev = project.StartReady();
  const std::set<pid_t> processes = Descendants(dev->pid());
  EXPECT_GE(processes.size(), 4u);
  EXPECT_THAT(project.Remains(), Not(IsEmpty()));
  dev->Signal(SIGINT);
  EXPECT_EQ(dev->Wait(), ExitStatus{}) << dev->stderr_text();
  EXPECT_TRUE(NoneRuns(processes));
  EXPECT_THAT(project.Remains(), IsEmpty());
}

TEST(Dev, ANewFileIsAppliedAndABrokenOneIsToldAndItsCorrectionTaken) {
  Project project;
  project.Write("001_users.sql", kUsers);
  auto dev = project.StartReady();
  project.Write("002_more.sql", "CREATE TABLE more (id int)");
  EXPECT_TRUE(project.EventuallyScalar("SELECT to_regclass('more') IS NOT NULL", "t"));

  project.Write("003_late.sql", "CREATE TABLE late (id int);\nCREATE INDEX ON nowhere (id);\n");
  ASSERT_TRUE(dev->WaitForOutput("003_late.sql")) << dev->stderr_text();
  EXPECT_THAT(dev->stderr_text(), HasSubstr("\"line\":\"2\""));
  project.Write("004_later.sql", "CREATE TABLE later (id int)");
  project.Write("003_late.sql", "CREATE TABLE late (id int)");
  EXPECT_TRUE(project.EventuallyScalar("SELECT to_regclass('late') IS NOT NULL", "t"))
      << dev->stderr_text();
  EXPECT_TRUE(project.EventuallyScalar("SELECT to_regclass('later') IS NOT NULL", "t"))
      << dev->stderr_text();
  EXPECT_EQ(project.Ctl({"sum", "--check"}).exit, ExitStatus{});
}

TEST(Dev, AMigrationThatOnlyWaitsForABackfillGetsIt) {
  Project project;
  project.Write("001_users.sql", absl::StrCat(kUsers, "; ALTER TABLE users ADD COLUMN name text"));
  auto dev = project.StartReady();
  ASSERT_EQ(project.Scalar("WITH new AS (INSERT INTO users VALUES (1), (2) RETURNING id) "
                           "SELECT count(*) FROM new"),
            "2");
  project.Write("backfills/fill_names.sql",
                "-- lockstep:after 1\n-- lockstep:table users\n-- lockstep:key id\n"
                "-- lockstep:section batch\nUPDATE users SET name = 'none' WHERE id > $1 AND id <= "
                "$2 AND name IS NULL;\n"
                "-- lockstep:section verify\nSELECT id FROM users WHERE name IS NULL;\n");
  project.Write("002_named.sql",
                "-- lockstep:needs-backfill fill_names\n"
                "ALTER TABLE users ALTER COLUMN name SET NOT NULL");
  EXPECT_TRUE(project.EventuallyScalar(
      "SELECT attnotnull FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'name'",
      "t"))
      << dev->stderr_text();
  EXPECT_EQ(project.Scalar("SELECT count(*) FROM users WHERE name = 'none'"), "2");
}

TEST(Dev, AFileThatCannotBeReadAsAMigrationIsToldAndTheOthersStayApplied) {
  Project project;
  project.Write("001_users.sql", kUsers);
  auto dev = project.StartReady();
  project.Write("002_bad.sql", "-- lockstep:nonsense\nSELECT 1");
  ASSERT_TRUE(dev->WaitForOutput("UNKNOWN_DIRECTIVE")) << dev->stderr_text();
  project.Remove("002_bad.sql");
  project.Write("002_good.sql", "CREATE TABLE good (id int)");
  EXPECT_TRUE(project.EventuallyScalar("SELECT to_regclass('good') IS NOT NULL", "t"))
      << dev->stderr_text();
}

TEST(Dev, AnEditOfAnAppliedFileIsRefusedByNameUntilItIsRestored) {
  Project project;
  project.Write("001_users.sql", kUsers);
  auto dev = project.StartReady();
  project.Write("001_users.sql", "CREATE TABLE people (id int)");
  ASSERT_TRUE(dev->WaitForOutput("DEV_APPLIED_EDITED")) << dev->stderr_text();
  EXPECT_THAT(dev->stderr_text(), HasSubstr("001_users.sql"));
  EXPECT_THAT(dev->stderr_text(), HasSubstr("lockstep dev --reset"));
  project.Write("001_users.sql", kUsers);
  project.Write("002_more.sql", "CREATE TABLE more (id int)");
  EXPECT_TRUE(project.EventuallyScalar("SELECT to_regclass('more') IS NOT NULL", "t"))
      << dev->stderr_text();
  dev->Signal(SIGINT);
  ASSERT_EQ(dev->Wait(), ExitStatus{});

  project.Write("001_users.sql", "CREATE TABLE people (id int)");
  EXPECT_EQ(project.Once().exit, (ExitStatus{.code = 5}));
  EXPECT_EQ(project.Once({"--reset"}).exit, ExitStatus{});
}

TEST(Dev, ASecondOneInTheSameProjectIsRefusedAndNamesTheFirst) {
  Project project;
  project.Write("001_users.sql", kUsers);
  auto dev = project.StartReady();
  const CommandResult second = project.Once();
  EXPECT_EQ(second.exit, (ExitStatus{.code = 8})) << second.err;
  EXPECT_THAT(second.err, HasSubstr(absl::StrCat("process ", dev->pid())));
  EXPECT_THAT(second.err, HasSubstr("lockstep status --address unix:"));
  EXPECT_EQ(project.Scalar("SELECT 1"), "1");
}

TEST(Dev, OtherCommandsFindItFromTheProjectAndBelow) {
  Project project;
  project.Write("001_users.sql", kUsers);
  auto dev = project.StartReady();
  fs::create_directories(project.path("src/deep"));
  const CommandResult plan = project.Ctl({"plan"}, "/src/deep");
  EXPECT_EQ(plan.exit, ExitStatus{}) << plan.err;
  const CommandResult status = project.Ctl({"status"});
  EXPECT_THAT(status.out, HasSubstr("applied 1  head 1")) << status.err;
  dev->Signal(SIGINT);
  ASSERT_EQ(dev->Wait(), ExitStatus{});
  const CommandResult gone = project.Ctl({"status"});
  EXPECT_THAT(gone.err, Not(HasSubstr("lockstep dev)"))) << "a stopped dev is not asked";
}

TEST(Dev, AKilledOneTakesItsProgramsAlongAndTheNextOneGoesOn) {
  Project project;
  project.Write("001_users.sql", kUsers);
  project.Write("002_slow.sql", "SELECT pg_sleep(600)");
  auto dev = project.Start();
  ASSERT_TRUE(dev->WaitForOutput("running 2 slow", kLong)) << dev->stderr_text();
  const std::set<pid_t> processes = Descendants(dev->pid());
  dev->Signal(SIGKILL);
  ASSERT_TRUE(dev->Wait().has_value());
  EXPECT_TRUE(Eventually([&] { return NoneRuns(processes); }));
  const CommandResult stale = project.Ctl({"status", "--timeout", "20s"});
  EXPECT_THAT(stale.err, HasSubstr("(lockstep dev)")) << "what was asked is told";

  project.Write("002_slow.sql", "CREATE TABLE quick (id int)");
  dev = project.StartReady();
  EXPECT_EQ(project.line.at("reused"), true);
  EXPECT_EQ(project.line.at("applied"), 2) << dev->stderr_text();
  dev->Signal(SIGINT);
  EXPECT_EQ(dev->Wait(), ExitStatus{}) << dev->stderr_text();
}

TEST(Dev, ADatabaseThatEndsIsToldWithItsLogAndNothingRunsOn) {
  Project project;
  project.Write("001_users.sql", kUsers);
  auto dev = project.StartReady();
  const std::set<pid_t> processes = Descendants(dev->pid());
  std::ifstream file(project.path(".lockstep/dev/data/postmaster.pid"));
  pid_t postmaster = 0;
  ASSERT_TRUE(file >> postmaster);
  kill(postmaster, SIGINT);
  EXPECT_EQ(dev->Wait(), (ExitStatus{.code = 1}));
  EXPECT_THAT(dev->stderr_text(), HasSubstr("DEV_PROCESS_FAILED"));
  EXPECT_THAT(dev->stderr_text(), HasSubstr("postgres.log"));
  EXPECT_TRUE(Eventually([&] { return NoneRuns(processes); }));
  EXPECT_THAT(project.Remains(), IsEmpty());
}

TEST(Dev, APathTooLongForSocketsIsServedFromAShortOneThatGoesAgain) {
  Project project;
  project.Write("001_users.sql", kUsers);
  const std::string state = project.path(std::string(60, 'x') + "/" + std::string(60, 'y'));
  auto dev = project.StartReady({"--state", state});
  EXPECT_EQ(project.Scalar("SELECT count(*) FROM users"), "0");
  const std::string address = project.line.at("address");
  EXPECT_THAT(address, Not(HasSubstr("xxx")));
  dev->Signal(SIGINT);
  ASSERT_EQ(dev->Wait(), ExitStatus{});
  EXPECT_FALSE(fs::exists(fs::path(address.substr(5)).parent_path()));
}

TEST(Dev, SeedsRunAsTheApplicationAndThePortAsksForAPassword) {
  Project project;
  project.Write("001_users.sql", kUsers);
  project.Write("seeds/01_users.sql", "INSERT INTO users VALUES (1); INSERT INTO users VALUES (2)");
  auto dev = project.StartReady({"--seed", "--port", "25439"});
  EXPECT_EQ(project.Scalar("SELECT count(*) FROM users"), "2");
  const std::string url = project.line.at("database");
  EXPECT_THAT(url, HasSubstr("@127.0.0.1:25439/app"));
  const auto open = postgres::Connection::Open(
      {.conninfo = "postgresql://postgres@127.0.0.1:25439/app?password=wrong"});
  EXPECT_TRUE(absl::IsUnauthenticated(open.status())) << open.status();
}

TEST(Dev, WithoutMigrationsOrPostgresItSaysWhatToDoAndStartsNothing) {
  Project project;
  const CommandResult none = project.Once();
  EXPECT_EQ(none.exit, (ExitStatus{.code = 1}));
  EXPECT_THAT(none.err, HasSubstr("--migrations"));
  EXPECT_FALSE(fs::exists(project.path(".lockstep")));
  project.Write("001_users.sql", kUsers);
  const CommandResult missing = project.Once({"--postgres-bin", "/nowhere"});
  EXPECT_EQ(missing.exit, (ExitStatus{.code = 1}));
  EXPECT_THAT(missing.err, HasSubstr("no PostgreSQL server found in /nowhere"));
}

}  // namespace
}  // namespace lockstep::testing
