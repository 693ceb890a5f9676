// deploy/examples/rolling: a column is renamed under a service that serves all the time, in three
// builds, with a rollback in the middle. Each instance queries as its build does, every 50 ms in
// several threads; not one query fails.
#include <csignal>
#include <deque>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <regex>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "engine/base/file.h"
#include "tests/e2e/cluster.h"
#include "tests/support/eventually.h"
#include "tests/support/repo_paths.h"

namespace lockstep::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// The distribution's, which has the packages.
constexpr char kPython[] = "/usr/bin/python3";
constexpr int kReplicas = 3;

std::string Example(const std::string& file) {
  return SourcePath(absl::StrCat("deploy/examples/rolling/", file));
}

class RollingTest : public ::testing::Test {
 protected:
  struct Instance {
    std::string build;
    std::unique_ptr<Subprocess> process;
  };

  RollingTest() {
    const std::string service = cluster_.db().CreateLogin("people");
    cluster_.db().RunScript(absl::StrCat("ALTER DEFAULT PRIVILEGES FOR ROLE ", cluster_.owner(),
                                         " GRANT SELECT, INSERT ON TABLES TO ", service));
    database_ = cluster_.db().conninfo(service);
    AddMigrations({"001_people.sql"});
    cluster_.StartCoordinator();
    Publish();
    migrator_ = cluster_.StartAgent(
        {.service = "migrator", .yaml = "adapted_to: 5\nneeds: 0\n", .migrate = true});
    Upgrade();
  }

  void AddMigrations(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      const auto text = base::ReadFile(Example("migrations/" + name), 1 << 20);
      ASSERT_TRUE(text.ok()) << name;
      cluster_.WriteMigration(name, *text);
    }
  }
  void Publish() {
    const CommandResult result = cluster_.Ctl({"publish"});
    ASSERT_EQ(result.exit->code, 0) << result.err;
  }
  std::string Upgrade() {
    const CommandResult result = cluster_.Ctl({"upgrade", "--yes"});
    EXPECT_EQ(result.exit->code, 0) << result.err;
    return result.out;
  }
  // What images of `build` have: the chain as it is now.
  void BuildImage(const std::string& build) {
    ASSERT_EQ(RunCommand({.argv = {"cp", cluster_.chain_sum(), SumOf(build)}}).exit, ExitStatus{});
  }
  std::string SumOf(const std::string& build) const {
    return absl::StrCat(cluster_.migrations(), "/../", build, ".sum");
  }

  // Starts an instance and waits until it serves.
  void Start(const std::string& build) {
    fleet_.push_back(
        {build,
         cluster_.StartAgent(
             {.service = "people",
              .service_file = false,
              .chain_sum = SumOf(build),
              .flags = {"--build", build, "--service-file", Example(build + "/lockstep.yaml")},
              .command = {kPython, Example("app.py"), Example(build)},
              .env = {{"DATABASE_URL", database_}, {"PYTHONDONTWRITEBYTECODE", "1"}}})});
    Subprocess& process = *fleet_.back().process;
    EXPECT_TRUE(process.WaitForOutput(build + " serves")) << process.stderr_text();
  }
  // Stops the oldest instance, which must have answered and never have failed.
  void StopOldest() {
    ASSERT_FALSE(fleet_.empty());
    const Instance instance = std::move(fleet_.front());
    fleet_.pop_front();
    instance.process->Signal(SIGTERM);
    EXPECT_EQ(instance.process->Wait(), ExitStatus{}) << instance.process->stderr_text();
    const std::string said = instance.process->stdout_text();
    std::smatch counted;
    ASSERT_TRUE(std::regex_search(said, counted, std::regex("answered ([0-9]+), failed ([0-9]+)")))
        << said;
    EXPECT_EQ(counted[2], "0") << instance.build << ": " << said;
    int answered = 0;
    EXPECT_TRUE(absl::SimpleAtoi(counted[1].str(), &answered));
    EXPECT_GT(answered, 0) << instance.build;
    answered_ += answered;
  }
  // As an orchestrator does: one more first, then one less. `times` instances are replaced.
  void Roll(const std::string& build, int times = kReplicas) {
    for (int i = 0; i < times; ++i) {
      Start(build);
      LetItServe();
      StopOldest();
    }
  }
  // The whole fleet has done some work since.
  void LetItServe() {
    const int before = People();
    EXPECT_TRUE(Eventually([&] { return People() > before + 10; })) << "the service stands still";
  }
  int People() {
    int count = 0;
    EXPECT_TRUE(absl::SimpleAtoi(cluster_.db().Scalar("SELECT count(*) FROM people"), &count));
    return count;
  }
  bool HasRun(int version) {
    return cluster_.db().Scalar(absl::StrCat(
               "SELECT count(*) FROM lockstep.history WHERE version = ", version)) == "1";
  }

  Cluster cluster_;
  std::string database_;
  std::unique_ptr<Subprocess> migrator_;
  std::deque<Instance> fleet_;
  int answered_ = 0;
};

TEST_F(RollingTest, AColumnIsRenamedUnderLoadWithARollbackInTheMiddle) {
  BuildImage("before");
  for (int i = 0; i < kReplicas; ++i) Start("before");

  // The expand, then the build that knows both names.
  AddMigrations({"002_add_display_name.sql"});
  Publish();
  Upgrade();
  BuildImage("dual");
  Roll("dual");

  // The data, the contract, and what the newest build needs besides, which the contract does not
  // hold up.
  AddMigrations({"003_copy_nicknames.sql", "004_drop_nickname.sql", "005_visits.sql"});
  Publish();
  EXPECT_THAT(Upgrade(), HasSubstr("1 contract waiting"));
  EXPECT_TRUE(HasRun(3) && HasRun(5));
  EXPECT_FALSE(HasRun(4));
  BuildImage("after");

  // Two of three are new when something is wrong with them: back, as was asked before.
  Roll("after", 2);
  const CommandResult back =
      cluster_.Ctl({"can-deploy", "people", "--build", "dual", "--rollback"});
  EXPECT_EQ(back.exit->code, 0) << back.err;
  EXPECT_THAT(back.out, HasSubstr("contract 4 drop_nickname waits and would shut it out"));
  Roll("dual", kReplicas);

  // Once more. The last old instance is all that the contract waits for.
  Roll("after", 2);
  ASSERT_EQ(fleet_.front().build, "dual");
  // The test's own connections to the database are of nobody's instance.
  auto contract = cluster_.StartCtl({"contract", "4", "--when-drained", "--deadline", "10m",
                                     "--accept-unknown", "the test itself", "--yes"});
  EXPECT_TRUE(Eventually([&] {
    return cluster_.db().Scalar("SELECT barrier FROM lockstep.chain") == "4";
  })) << contract->stderr_text();
  LetItServe();
  EXPECT_FALSE(HasRun(4));
  Start("after");
  StopOldest();
  EXPECT_EQ(contract->Wait(), ExitStatus{}) << contract->stderr_text();
  EXPECT_TRUE(HasRun(4));
  LetItServe();

  // There is no way back any more, and that is told.
  const CommandResult late =
      cluster_.Ctl({"can-deploy", "people", "--build", "dual", "--rollback"});
  EXPECT_EQ(late.exit->code, 5);
  EXPECT_THAT(late.err, AllOf(HasSubstr("contract 4 (drop_nickname) ran at"),
                              HasSubstr("build after (adapted to 4) would start")));
  while (!fleet_.empty()) StopOldest();
  RecordProperty("answered", answered_);
}

}  // namespace
}  // namespace lockstep::testing
