#include "tests/support/postgres_server.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

#include "engine/postgres/connection.h"
#include "tests/support/matchers.h"
#include "tests/support/postgres_binaries.h"
#include "tests/support/test_database.h"

namespace lockstep::testing {
namespace {

using postgres::Connection;
using ::testing::HasSubstr;

std::string Ask(const PostgresServer& server, const std::string& sql) {
  auto connection = Connection::Open({.conninfo = server.conninfo(), .application_name = "asker"});
  if (!connection.ok()) return Describe(connection.status());
  auto result = (*connection)->Query(sql);
  if (!result.ok()) return Describe(result.status());
  return result->empty() ? "" : result->rows[0].Text(0);
}

TEST(PostgresServer, IsReachableThroughItsSocketOnly) {
  PostgresServer& server = SharedPostgres();
  EXPECT_EQ(Ask(server, "SHOW listen_addresses"), "");
  EXPECT_EQ(Ask(server, "SHOW unix_socket_directories"), server.socket_directory());
  EXPECT_LT(server.socket_directory().size() + sizeof("/.s.PGSQL.5432"), 108u);
  EXPECT_EQ(&SharedPostgres(), &server);
}

TEST(PostgresServer, KeepsItsDataOverAStopAndARestart) {
  PostgresServer server;
  ASSERT_THAT(server.Start(), IsOk());
  Ask(server, "CREATE TABLE kept AS SELECT 7 AS n");
  const std::string conninfo = server.conninfo();
  EXPECT_THAT(server.Restart(), IsOk());
  EXPECT_EQ(server.conninfo(), conninfo);
  EXPECT_EQ(Ask(server, "SELECT n FROM kept"), "7");
  EXPECT_THAT(server.Stop(StopMode::kImmediate), IsOk());
  EXPECT_FALSE(server.running());
  EXPECT_EQ(server.pid(), 0);
  EXPECT_THAT(server.Start(), IsOk());
  EXPECT_EQ(Ask(server, "SELECT n FROM kept"), "7");
}

TEST(PostgresServer, RecoversWhatWasCommittedBeforeAKill) {
  PostgresServer server;
  ASSERT_THAT(server.Start(), IsOk());
  Ask(server, "CREATE TABLE kept AS SELECT 7 AS n");
  auto session = Connection::Open({.conninfo = server.conninfo()});
  ASSERT_THAT(session, IsOk());
  const pid_t backend = (*session)->backend_pid();
  server.Kill();
  EXPECT_FALSE(server.running());
  EXPECT_FALSE(ProcessRuns(backend));
  EXPECT_THAT((*session)->Query("SELECT 1"), StatusIs(absl::StatusCode::kUnavailable));
  ASSERT_THAT(server.Start(), IsOk());
  EXPECT_EQ(Ask(server, "SELECT n FROM kept"), "7");
  EXPECT_THAT(server.ReadLog(), HasSubstr("automatic recovery in progress"));
}

TEST(PostgresServer, NoticesThatItsPostmasterDied) {
  PostgresServer server;
  ASSERT_THAT(server.Start(), IsOk());
  kill(server.pid(), SIGQUIT);
  EXPECT_TRUE(Eventually([&] { return !server.running(); }));
  EXPECT_THAT(server.Stop(), IsOk());
}

TEST(PostgresServer, TakesSettings) {
  PostgresServer server({.fsync = true,
                         .max_connections = 7,
                         .log_statements = true,
                         .settings = {{"work_mem", "5MB"}}});
  ASSERT_THAT(server.Start(), IsOk());
  EXPECT_EQ(Ask(server, "SHOW fsync"), "on");
  EXPECT_EQ(Ask(server, "SHOW max_connections"), "7");
  EXPECT_EQ(Ask(server, "SHOW work_mem"), "5MB");
  EXPECT_THAT(server.ReadLog(), HasSubstr("asker LOG:  "));
  EXPECT_THAT(server.ReadLog(), HasSubstr("SHOW work_mem"));
}

TEST(PostgresServer, SaysWhyItDoesNotStart) {
  PostgresServer server({.settings = {{"work_mem", "nonsense"}}});
  const absl::Status status = server.Start();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(std::string(status.message()), HasSubstr("work_mem"));
  EXPECT_FALSE(server.running());
}

TEST(PostgresServer, LeavesNothingBehind) {
  std::string directory;
  {
    PostgresServer server;
    ASSERT_THAT(server.Start(), IsOk());
    directory = server.data_directory();
    ASSERT_TRUE(std::filesystem::exists(directory));
  }
  EXPECT_FALSE(std::filesystem::exists(directory));
}

TEST(PostgresServer, RemovesWhatAnAbortedTestLeft) {
  // A directory whose lock nobody holds.
  const std::string stale = "/tmp/lockstep-pg-stale0";
  std::filesystem::create_directories(stale);
  std::ofstream(stale + "/in-use").close();
  PostgresServer server;
  ASSERT_THAT(server.Start(), IsOk());
  EXPECT_FALSE(std::filesystem::exists(stale));
  EXPECT_TRUE(SharedPostgres().running());
  EXPECT_TRUE(std::filesystem::exists(SharedPostgres().data_directory()));
}

TEST(PostgresBinaries, ANamedDirectoryWithoutAServerIsAnError) {
  const char* const set = std::getenv("LOCKSTEP_TEST_PG_BINDIR");
  const std::string before = set == nullptr ? "" : set;
  setenv("LOCKSTEP_TEST_PG_BINDIR", "/usr/share", 1);
  EXPECT_THAT(FindPostgresBinaries(), StatusIs(absl::StatusCode::kNotFound));
  setenv("LOCKSTEP_TEST_PG_BINDIR", before.c_str(), 1);  // Empty is as good as none.
  EXPECT_THAT(FindPostgresBinaries(), IsOk());
}

}  // namespace
}  // namespace lockstep::testing
