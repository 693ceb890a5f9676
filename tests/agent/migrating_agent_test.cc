// An agent that applies leased runs on a real PostgreSQL, told to by a coordinator on the real
// wire.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "lockstep/agent.h"

#include "agent/wire.h"
#include "engine/base/error_info.h"
#include "proto/convert/time.h"
#include "tests/agent/test_coordinator.h"
#include "tests/apply/fixture.h"
#include "tests/support/eventually.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

// Answers FetchRun with what `spec` leases, two versions at a time.
auto Serve(const apply::RunSpec& spec) {
  return [spec](const v1::FetchRunRequest& request, v1::FetchRunResponse* response) {
    if (!(agent::FromProto(request.token()) == spec.token)) {
      return base::MakeError(absl::StatusCode::kFailedPrecondition, "FENCED", "not current");
    }
    for (const apply::RunItem& item : spec.items) {
      if (item.version < request.from()) continue;
      if (response->migrations_size() == 2) {
        response->set_more(true);
        break;
      }
      v1::RunMigration& migration = *response->add_migrations();
      migration.mutable_ref()->set_version(item.version);
      migration.mutable_ref()->set_title(item.title);
      migration.mutable_ref()->set_digest(item.digest);
      migration.set_sql(item.sql);
    }
    response->set_owner_role(spec.settings.owner_role);
    response->set_search_path(spec.settings.search_path);
    *response->mutable_lock_timeout() = convert::ToProto(spec.settings.lock_timeout);
    return absl::OkStatus();
  };
}

class MigratingAgentTest : public ::testing::Test {
 protected:
  std::unique_ptr<Agent> Start(const std::string& conninfo) {
    AgentOptions options;
    options.addresses = {coordinator_.address()};
    options.reconnect_cap = absl::Milliseconds(50);
    options.migrate_database = conninfo;
    auto agent = Agent::Start(options);
    EXPECT_THAT(agent, IsOk());
    return *std::move(agent);
  }
  bool WaitUntilFit() {
    return Eventually([&] { return coordinator_.last_hello().can_migrate(); });
  }
  bool WaitForReports(size_t count) {
    return Eventually([&] { return coordinator_.reports().size() >= count; });
  }
  void Offer(const apply::RunSpec& spec) {
    coordinator_.on_fetch = Serve(spec);
    coordinator_.Send(
        OfferResponse(spec.token, spec.items.front().version, spec.items.back().version));
  }

  LeasedDatabase db_;
  TestCoordinator coordinator_;
};

TEST_F(MigratingAgentTest, AppliesALeasedRun) {
  for (int i = 1; i <= 5; ++i) db_.Publish(absl::StrCat("CREATE TABLE t", i, " (id int)"));
  auto agent = Start(db_.db().conninfo(db_.agent()));
  ASSERT_TRUE(WaitUntilFit());
  ASSERT_TRUE(Eventually([&] { return agent->connected(); }));
  Offer(db_.LeaseAll());
  ASSERT_TRUE(WaitForReports(1));
  const v1::CompleteRunRequest report = coordinator_.reports()[0];
  EXPECT_EQ(report.outcome(), v1::RUN_OUTCOME_SUCCEEDED) << report.ShortDebugString();
  EXPECT_EQ(report.committed(), 5);
  EXPECT_EQ(report.session_id(), coordinator_.last_hello().session_id());
  EXPECT_EQ(db_.HistorySize(), 5);
  EXPECT_TRUE(coordinator_.WaitFor(
      [](const auto& r) { return r.has_lease_answer() && r.lease_answer().accepted(); }));
  EXPECT_TRUE(coordinator_.WaitFor([](const auto& r) { return r.has_progress(); }));
}

TEST_F(MigratingAgentTest, TellsInItsFirstHelloThatItIsFit) {
  auto agent = Start(db_.db().conninfo(db_.agent()));
  ASSERT_TRUE(coordinator_.WaitForStream(1));
  EXPECT_TRUE(coordinator_.last_hello().can_migrate());
}

TEST_F(MigratingAgentTest, ReportsWhereARunFailed) {
  db_.Publish("CREATE TABLE a (id int);\nSELECT nonsense;");
  auto agent = Start(db_.db().conninfo(db_.agent()));
  ASSERT_TRUE(WaitUntilFit());
  ASSERT_TRUE(Eventually([&] { return agent->connected(); }));
  Offer(db_.LeaseAll());
  ASSERT_TRUE(WaitForReports(1));
  const v1::RunError error = coordinator_.reports()[0].error();
  EXPECT_EQ(coordinator_.reports()[0].outcome(), v1::RUN_OUTCOME_FAILED);
  EXPECT_EQ(error.version(), 1);
  EXPECT_EQ(error.statement(), 2);
  EXPECT_EQ(error.line(), 2);
  EXPECT_EQ(error.column(), 8);
  EXPECT_EQ(error.sqlstate(), "42703");
}

TEST_F(MigratingAgentTest, SaysWhyItCannotMigrateAndWhenItCanAgain) {
  db_.db().Query(absl::StrCat("REVOKE lockstep_agents FROM ", db_.agent()));
  auto agent = Start(db_.db().conninfo(db_.agent()));
  ASSERT_TRUE(coordinator_.WaitForStream(1));
  EXPECT_FALSE(coordinator_.last_hello().can_migrate());
  EXPECT_THAT(coordinator_.last_hello().migrate_error(), ::testing::HasSubstr("may not execute"));
  db_.db().Query(absl::StrCat("GRANT lockstep_agents TO ", db_.agent()));
  EXPECT_TRUE(WaitUntilFit());
}

TEST_F(MigratingAgentTest, NeverTellsAPassword) {
  const std::string login = db_.db().CreateLogin("locked", "right-one");
  auto agent = Start(db_.db().conninfo(login, "wr0ng-s3cret"));
  ASSERT_TRUE(coordinator_.WaitForStream(1));
  EXPECT_FALSE(coordinator_.last_hello().can_migrate());
  EXPECT_NE(coordinator_.last_hello().migrate_error(), "");
  for (const auto& request : coordinator_.requests()) {
    EXPECT_THAT(request.DebugString(), ::testing::Not(::testing::HasSubstr("wr0ng-s3cret")));
  }
}

TEST_F(MigratingAgentTest, ARevokedRunIsRolledBack) {
  db_.Publish("CREATE TABLE a (id int); SELECT pg_sleep(30);");
  auto agent = Start(db_.db().conninfo(db_.agent()));
  ASSERT_TRUE(WaitUntilFit());
  ASSERT_TRUE(Eventually([&] { return agent->connected(); }));
  const apply::RunSpec spec = db_.LeaseAll();
  Offer(spec);
  ASSERT_TRUE(WaitForBackendRunning(db_.db(), "pg_sleep(30)"));
  coordinator_.Send(RevokedResponse(spec.token, "expired"));
  ASSERT_TRUE(WaitForReports(1));
  EXPECT_EQ(coordinator_.reports()[0].outcome(), v1::RUN_OUTCOME_FAILED);
  EXPECT_EQ(db_.HistorySize(), 0);
  EXPECT_EQ(db_.Scalar("SELECT to_regclass('a')"), "NULL");
}

TEST_F(MigratingAgentTest, GoesOnWithItsRunWhileTheCoordinatorIsAway) {
  db_.Publish("SELECT pg_advisory_xact_lock(1); CREATE TABLE a (id int);");
  auto blocker = db_.db().Connect();
  auto agent = Start(db_.db().conninfo(db_.agent()));
  ASSERT_TRUE(WaitUntilFit());
  ASSERT_TRUE(Eventually([&] { return agent->connected(); }));
  apply::RunSpec spec = db_.LeaseAll();
  spec.settings.lock_timeout = absl::ZeroDuration();
  ASSERT_THAT(blocker->Query("SELECT pg_advisory_lock(1)"), IsOk());
  Offer(spec);
  ASSERT_TRUE(WaitForBackendRunning(db_.db(), "pg_advisory_xact_lock(1)"));
  coordinator_.Stop();
  ASSERT_THAT(blocker->Query("SELECT pg_advisory_unlock(1)"), IsOk());
  ASSERT_TRUE(Eventually([&] { return db_.HistorySize() == 1; }));
  coordinator_.Start();
  ASSERT_TRUE(WaitForReports(1));
  EXPECT_EQ(coordinator_.reports()[0].outcome(), v1::RUN_OUTCOME_SUCCEEDED);
  EXPECT_EQ(coordinator_.last_hello().held_lease().epoch(), spec.token.epoch);
}

TEST_F(MigratingAgentTest, StoppingRollsBackAndReports) {
  db_.Publish("CREATE TABLE a (id int); SELECT pg_sleep(30);");
  auto agent = Start(db_.db().conninfo(db_.agent()));
  ASSERT_TRUE(WaitUntilFit());
  ASSERT_TRUE(Eventually([&] { return agent->connected(); }));
  Offer(db_.LeaseAll());
  ASSERT_TRUE(WaitForBackendRunning(db_.db(), "pg_sleep(30)"));
  agent->Stop("shutdown", kPatience);
  ASSERT_EQ(coordinator_.reports().size(), 1u);
  EXPECT_TRUE(coordinator_.reports()[0].error().retryable());
  EXPECT_EQ(db_.HistorySize(), 0);
  EXPECT_TRUE(coordinator_.WaitFor([](const auto& r) { return r.has_goodbye(); }));
}

}  // namespace
}  // namespace lockstep::testing
