// PostgreSQL loses what it had committed: a standby that lagged behind is promoted, or an older
// copy of its files is put back. Everybody starts anew from what is there.
#include <csignal>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

#include "engine/postgres/connection.h"
#include "tests/e2e/canary.h"
#include "tests/e2e/cluster.h"
#include "tests/support/eventually.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// One value as text; "" when the server does not answer.
std::string Ask(const std::string& conninfo, const std::string& sql) {
  const auto connection = postgres::Connection::Open({.conninfo = conninfo});
  if (!connection.ok()) return "";
  const auto result = (*connection)->Query(sql);
  return result.ok() && !result->empty() ? result->rows[0].Text(0) : "";
}

TEST(Failover, AStandbyThatLostCommitsBeginsANewIncarnationAndTheFleetStartsAnewFromIt) {
  PostgresServer primary;
  ASSERT_THAT(primary.Start(), IsOk());
  PostgresServer standby({.standby_of = primary.conninfo()});
  Cluster cluster(&primary);
  // Both servers, as a service name of PostgreSQL's clients has them.
  const auto both = [&](const std::string& conninfo) {
    return absl::StrReplaceAll(
        conninfo, {{primary.socket_directory(),
                    absl::StrCat(primary.socket_directory(), ",", standby.socket_directory())},
                   {"port=5432", "port=5432,5432"}});
  };
  const std::string after = absl::StrReplaceAll(
      cluster.db().conninfo(), {{primary.socket_directory(), standby.socket_directory()}});
  cluster.UseDatabase(both(cluster.db().conninfo()));
  cluster.WriteMigration("001_first.sql", "CREATE TABLE first (id int)");
  cluster.WriteMigration("002_second.sql", "CREATE TABLE second (id int)");
  Subprocess& coordinator = cluster.StartCoordinator("a", {"--time-scale", "10"});
  ASSERT_EQ(cluster.Ctl({"publish"}).exit->code, 0);
  auto kept =
      cluster.StartAgent({.service = "kept",
                          .instance = "kept",
                          .yaml = "needs: 0\n",
                          .migrate = true,
                          .migrate_database = both(cluster.db().conninfo(cluster.migrator())),
                          .flags = {"--http", "0"}});
  ReadyCanary kept_canary(*kept);
  ASSERT_EQ(cluster.Ctl({"upgrade", "--to", "1", "--yes"}).exit->code, 0);

  // The standby has all up to here, and is then cut off.
  ASSERT_THAT(standby.Start(), IsOk());
  ASSERT_THAT(standby.Stop(), IsOk());
  ASSERT_EQ(cluster.Ctl({"upgrade", "--yes"}).exit->code, 0);
  auto lost = cluster.StartAgent(
      {.service = "lost", .instance = "lost", .yaml = "needs: 0\n", .flags = {"--http", "0"}});
  ReadyCanary lost_canary(*lost);
  auto events = cluster.StartCtl({"events", "--follow"});
  ASSERT_TRUE(events->WaitForOutput("operation_succeeded"));

  primary.Kill();
  ASSERT_THAT(standby.Start(), IsOk());
  ASSERT_EQ(
      Ask(absl::StrCat(after, " target_session_attrs=any"), "SELECT applied FROM lockstep.chain"),
      "1");
  ASSERT_THAT(standby.Promote(), IsOk());

  EXPECT_TRUE(coordinator.WaitForOutput("a new incarnation began")) << coordinator.stderr_text();
  // Another one may follow when a slow machine lets the leader change once more.
  EXPECT_EQ(Ask(after, "SELECT incarnation >= 2 FROM lockstep.chain"), "t");
  EXPECT_EQ(Ask(after, "SELECT timeline FROM lockstep.chain"), "2");
  // The instance whose row was lost registers again, the other one too, and nobody noticed.
  EXPECT_TRUE(Eventually([&] {
    return Ask(after, "SELECT count(*) FROM lockstep.session WHERE state = 'live'") == "2";
  }));
  // Instances that nobody remembers have their time: TTL and admission validity.
  EXPECT_TRUE(coordinator.WaitForOutput("settling[^\n]*\"rows_may_be_lost\":\"true\""));
  EXPECT_TRUE(Eventually([&] {
    return Ask(after,
               "SELECT settled_incarnation = incarnation AND incarnation >= 2"
               " FROM lockstep.chain") == "t";
  })) << coordinator.stderr_text();
  // Whoever followed the log is told, and goes on from the new one.
  EXPECT_TRUE(events->WaitForOutput("incarnation [2-9] began")) << events->stderr_text();
  EXPECT_TRUE(events->WaitForOutput("incarnation_began")) << events->stdout_text();

  // Effect and history were lost together, so the upgrade is simply done again.
  EXPECT_EQ(Ask(after, "SELECT to_regclass('second') IS NULL"), "t");
  const CommandResult again = cluster.Ctl({"upgrade", "--yes"});
  EXPECT_EQ(again.exit->code, 0) << again.err;
  EXPECT_EQ(Ask(after, "SELECT string_agg(version::text, ' ') FROM lockstep.history"), "1 2");
  EXPECT_EQ(Ask(after, "SELECT to_regclass('second') IS NOT NULL"), "t");
  EXPECT_EQ(kept_canary.Stop(), "");
  EXPECT_EQ(lost_canary.Stop(), "");
  EXPECT_THAT(kept->stderr_text(), Not(HasSubstr("session lost")));
}

// Same server, same timeline: only who remembers newer numbers can know.
TEST(Failover, AnOlderCopyOfTheFilesIsNoticedByACoordinatorThatRemembersMore) {
  PostgresServer server;
  ASSERT_THAT(server.Start(), IsOk());
  Cluster cluster(&server);
  cluster.WriteMigration("001_first.sql", "CREATE TABLE first (id int)");
  cluster.WriteMigration("002_second.sql", "CREATE TABLE second (id int)");
  Subprocess& coordinator = cluster.StartCoordinator("a", {"--time-scale", "5"});
  ASSERT_EQ(cluster.Ctl({"publish"}).exit->code, 0);
  auto agent = cluster.StartAgent({.instance = "one", .yaml = "needs: 0\n", .migrate = true});
  ASSERT_EQ(cluster.Ctl({"upgrade", "--to", "1", "--yes"}).exit->code, 0);

  TempDir backup;
  const std::string copy = backup.File("data");
  ASSERT_THAT(server.Stop(), IsOk());
  ASSERT_EQ(RunCommand({.argv = {"cp", "-a", server.data_directory(), copy}}).exit, ExitStatus{});
  ASSERT_THAT(server.Start(), IsOk());
  // As soon as the coordinator has found its database again.
  ASSERT_TRUE(Eventually([&] { return cluster.Ctl({"upgrade", "--yes"}).exit->code == 0; }));

  server.Kill();
  ASSERT_EQ(RunCommand({.argv = {"rm", "-rf", server.data_directory()}}).exit, ExitStatus{});
  ASSERT_EQ(RunCommand({.argv = {"cp", "-a", copy, server.data_directory()}}).exit, ExitStatus{});
  ASSERT_THAT(server.Start(), IsOk());
  EXPECT_TRUE(coordinator.WaitForOutput("a new incarnation began")) << coordinator.stderr_text();
  EXPECT_EQ(Ask(server.conninfo(cluster.db().name()), "SELECT incarnation FROM lockstep.chain"),
            "2");
  EXPECT_EQ(Ask(server.conninfo(cluster.db().name()),
                "SELECT detail ->> 'reason' FROM lockstep.event WHERE kind = 'incarnation_began'"),
            "older than what a coordinator remembers");
  EXPECT_TRUE(Eventually([&] { return cluster.Ctl({"upgrade", "--yes"}).exit->code == 0; }));
  EXPECT_EQ(Ask(server.conninfo(cluster.db().name()),
                "SELECT string_agg(version::text, ' ') FROM lockstep.history"),
            "1 2");
}

}  // namespace
}  // namespace lockstep::testing
