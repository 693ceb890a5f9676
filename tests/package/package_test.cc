// What `cmake --install` gives is enough for a project outside of this tree: it finds the package,
// embeds its chain, starts an agent, and is let through the gate.
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <regex>
#include <sstream>

#include "absl/strings/str_cat.h"

#include "tests/e2e/cluster.h"
#include "tests/support/repo_paths.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"

namespace lockstep::testing {
namespace {

constexpr absl::Duration kBuildLimit = absl::Minutes(3);
// What an agent may add to the memory of its host.
constexpr long kMaxFootprintKib = 16 << 10;

void MustSucceed(const std::vector<std::string>& argv) {
  const CommandResult result = RunCommand({.argv = argv}, kBuildLimit);
  ASSERT_EQ(result.exit, ExitStatus{}) << argv[1] << ": " << result.out << result.err;
}

// Installs the build tree once and builds the outside project against it.
class PackageTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = new TempDir;
    MustSucceed({LOCKSTEP_CMAKE, "--install", LOCKSTEP_BUILD_TREE, "--prefix", Prefix()});
    std::filesystem::copy(SourcePath("tests/package/outside"), Sources(),
                          std::filesystem::copy_options::recursive);
    MustSucceed({LOCKSTEP_CMAKE, "-S", Sources(), "-B", Build(), "-G", "Ninja",
                 absl::StrCat("-DCMAKE_PREFIX_PATH=", Prefix()),
                 absl::StrCat("-DCMAKE_CXX_COMPILER=", LOCKSTEP_CXX),
                 absl::StrCat("-DCMAKE_CXX_FLAGS=", LOCKSTEP_OUTSIDE_FLAGS)});
    MustSucceed({LOCKSTEP_CMAKE, "--build", Build()});
  }
  static void TearDownTestSuite() { delete directory_; }

  static std::string Prefix() { return directory_->File("prefix"); }
  static std::string Sources() { return directory_->File("outside"); }
  static std::string Build() { return directory_->File("build"); }

  // A cluster whose database has the outside project's chain.
  static void Upgrade(Cluster& cluster) {
    std::ifstream sql(Sources() + "/migrations/001_orders.sql", std::ios::binary);
    std::stringstream text;
    text << sql.rdbuf();
    cluster.WriteMigration("001_orders.sql", text.str());
    cluster.StartCoordinator();
    ASSERT_EQ(cluster.Ctl({"publish"}).exit->code, 0);
    migrator_ = cluster.StartAgent({.service = "migrator", .yaml = "needs: 0\n", .migrate = true});
    ASSERT_EQ(cluster.Ctl({"upgrade", "--yes"}).exit->code, 0);
  }
  void TearDown() override { migrator_.reset(); }

  static TempDir* directory_;
  static std::unique_ptr<Subprocess> migrator_;
};

TempDir* PackageTest::directory_ = nullptr;
std::unique_ptr<Subprocess> PackageTest::migrator_;

long KibOf(const std::string& output, const std::string& line, const std::string& what) {
  std::smatch match;
  const std::regex pattern(line + " .*" + what + " ([0-9]+) KiB");
  return std::regex_search(output, match, pattern) ? std::stol(match[1]) : -1;
}

TEST_F(PackageTest, TheProgramsAreInstalledAndRun) {
  for (const char* program : {"lockstep", "lockstep-agent", "lockstep-coordinator"}) {
    const CommandResult result =
        RunCommand({.argv = {absl::StrCat(Prefix(), "/bin/", program), "--version"}});
    EXPECT_EQ(result.exit, ExitStatus{}) << program << ": " << result.err;
  }
}

TEST_F(PackageTest, TheOnlyHeaderIsThePublicOne) {
  std::vector<std::string> headers;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(Prefix() + "/include")) {
    if (entry.is_regular_file()) headers.push_back(entry.path().filename());
  }
  EXPECT_EQ(headers, std::vector<std::string>{"agent.h"});
}

TEST_F(PackageTest, AnOutsideProgramWithAnEmbeddedChainPassesItsGateInSixteenMebibytes) {
  Cluster cluster;
  ASSERT_NO_FATAL_FAILURE(Upgrade(cluster));
  // Not where its files are: it has them in itself.
  const CommandResult orders =
      RunCommand({.argv = {Build() + "/orders", cluster.socket()}, .working_directory = "/"});
  ASSERT_EQ(orders.exit, ExitStatus{}) << orders.out << orders.err;
  EXPECT_NE(orders.out.find("gate ready, applied 1"), std::string::npos) << orders.out;

  const CommandResult bare = RunCommand({.argv = {Build() + "/bare"}});
  const long before = KibOf(orders.out, "before", "VmRSS");
  const long servable = KibOf(orders.out, "servable", "VmRSS");
  const long alone = KibOf(bare.out, "bare", "VmRSS");
  ASSERT_GT(before, 0);
  ASSERT_GT(alone, 0);
  std::printf(
      "resident memory: %ld KiB for a program without lockstep, %ld KiB linked with it, "
      "%ld KiB servable\n%s%s",
      alone, before, servable, bare.out.c_str(), orders.out.c_str());
  std::printf("the agent adds %ld KiB; with the pages of its libraries %ld KiB\n",
              servable - before, servable - alone);
  if (!LOCKSTEP_SANITIZED) {
    EXPECT_LE(servable - before, kMaxFootprintKib);
  }
}

std::string BytesOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

// The probes are of the program lockstep-agent; who links the library has a server of its own.
TEST_F(PackageTest, AnOutsideProgramCarriesNoHealthServer) {
  const std::string described = "grpc/health/v1/health.proto";
  EXPECT_NE(BytesOf(Prefix() + "/bin/lockstep-agent").find(described), std::string::npos);
  const std::string orders = BytesOf(Build() + "/orders");
  EXPECT_NE(orders.find("lockstep/v1/agent.proto"), std::string::npos);
  EXPECT_EQ(orders.find(described), std::string::npos);
}

TEST_F(PackageTest, AChangedChainSumIsEmbeddedAnew) {
  std::ofstream(Sources() + "/migrations/chain.sum", std::ios::app) << "broken\n";
  MustSucceed({LOCKSTEP_CMAKE, "--build", Build()});
  const CommandResult orders = RunCommand({.argv = {Build() + "/orders", "127.0.0.1:1"}});
  EXPECT_EQ(orders.exit, (ExitStatus{.code = 1}));
  EXPECT_NE(orders.err.find("embedded chain.sum"), std::string::npos) << orders.err;
}

}  // namespace
}  // namespace lockstep::testing
