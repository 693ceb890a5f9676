// Commands that only read: plan, status, history, operations.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "engine/base/error_info.h"
#include "tests/ctl/fake_coordinator.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

absl::Status OneMigration(const v1::PlanUpgradeRequest& request, v1::PlanUpgradeResponse* plan) {
  plan->set_applied(12);
  plan->set_target(request.target() == 0 ? 13 : request.target());
  plan->set_migrators(1);
  auto* migration = plan->add_migrations();
  migration->mutable_ref()->set_version(13);
  migration->mutable_ref()->set_title("point_rules");
  migration->set_phase(v1::PHASE_EXPAND);
  migration->set_transactional(true);
  migration->add_statements()->set_sql("CREATE TABLE point_rules (id int)");
  return absl::OkStatus();
}

TEST(Plan, ShowsATableAndASummary) {
  FakeCoordinator fake;
  fake.plan = OneMigration;
  const CommandResult result = RunLockstep(fake, {"plan"});
  EXPECT_EQ(CodeOf(result), 0) << result.err;
  EXPECT_EQ(result.out,
            "VERSION  TITLE        PHASE   STATEMENTS  NOTES\n"
            "     13  point_rules  expand           1\n"
            "\n"
            "12 -> 13: 1 migration (13)\n");
}

TEST(Plan, PrintsSqlThatCanBeRun) {
  FakeCoordinator fake;
  fake.plan = OneMigration;
  const CommandResult result = RunLockstep(fake, {"plan", "--sql"});
  EXPECT_EQ(result.out, "-- 13 point_rules (expand)\nCREATE TABLE point_rules (id int);\n");
  EXPECT_EQ(result.err, "12 -> 13: 1 migration (13)\n");
}

TEST(Plan, ExitsWith3OnlyWhenAskedTo) {
  FakeCoordinator fake;
  fake.plan = OneMigration;
  EXPECT_EQ(CodeOf(RunLockstep(fake, {"plan"})), 0);
  EXPECT_EQ(CodeOf(RunLockstep(fake, {"plan", "--detailed-exitcode"})), 3);
  fake.plan = [](const auto&, auto* plan) {
    plan->set_applied(16);
    return absl::OkStatus();
  };
  const CommandResult result = RunLockstep(fake, {"plan", "--detailed-exitcode"});
  EXPECT_EQ(CodeOf(result), 0);
  EXPECT_EQ(result.out, "up to date at 16\n");
}

TEST(Plan, SaysThatNobodyCouldApplyIt) {
  FakeCoordinator fake;
  fake.plan = [](const auto& request, auto* plan) {
    const absl::Status status = OneMigration(request, plan);
    plan->set_migrators(0);
    return status;
  };
  EXPECT_THAT(RunLockstep(fake, {"plan"}).err, HasSubstr("--migrate-database"));
  EXPECT_EQ(RunLockstep(fake, {"plan", "-q"}).err, "");
}

TEST(Plan, SendsTargetAndContractsAndPrintsTheAnswerAsJson) {
  FakeCoordinator fake;
  v1::PlanUpgradeRequest seen;
  fake.plan = [&](const auto& request, auto* plan) {
    seen = request;
    return OneMigration(request, plan);
  };
  const CommandResult result =
      RunLockstep(fake, {"plan", "--to", "14", "--contracts", "-o", "json"});
  EXPECT_EQ(seen.target(), 14);
  EXPECT_TRUE(seen.contracts());
  EXPECT_EQ(nlohmann::json::parse(result.out).at("migrations").at(0).at("ref").at("version"), 13);
  EXPECT_EQ(result.err, "");
}

TEST(Status, ShowsOneServiceOrSaysThatThereIsNone) {
  FakeCoordinator fake;
  fake.get_status = [](const auto&, v1::GetStatusResponse* response) {
    for (const char* name : {"core", "engine"}) {
      auto* service = response->mutable_status()->add_services();
      service->set_service(name);
      service->add_instances()->set_instance("pod-1");
    }
    return absl::OkStatus();
  };
  EXPECT_THAT(RunLockstep(fake, {"status"}).out, HasSubstr("core"));
  EXPECT_THAT(RunLockstep(fake, {"status", "core"}).out, HasSubstr("INSTANCE"));
  const CommandResult missing = RunLockstep(fake, {"status", "cor"});
  EXPECT_EQ(CodeOf(missing), 1);
  EXPECT_THAT(missing.err, HasSubstr("error: no instance of cor is registered\n"));
  const auto json = nlohmann::json::parse(RunLockstep(fake, {"status", "core", "-o", "json"}).out);
  EXPECT_EQ(json.at("status").at("services").size(), 1);
}

TEST(Status, TellsWhatIsExceptedAsTextAndAsJson) {
  FakeCoordinator fake;
  fake.get_status = [](const auto&, v1::GetStatusResponse* response) {
    v1::ClusterStatus& status = *response->mutable_status();
    status.mutable_read_at()->set_seconds(1000);
    auto* pin = status.add_pins();
    pin->set_service("orders");
    pin->set_build("8d02b17");
    pin->set_holds_up(13);
    pin->mutable_expires_at()->set_seconds(1000 + 90);
    pin->set_actor("ci");
    pin->set_reason("release 42");
    status.set_pins_total(2);
    auto* excepted = status.add_overrides();
    excepted->set_override_id("ov-1");
    excepted->set_contract(13);
    excepted->set_targets(2);
    excepted->mutable_expires_at()->set_seconds(1000);
    excepted->set_actor("ann");
    excepted->set_reason("mine");
    status.set_overrides_total(1);
    return absl::OkStatus();
  };
  const std::string text = RunLockstep(fake, {"status"}).out;
  EXPECT_THAT(text,
              HasSubstr("OVERRIDE  ov-1  contract 13 may break 2 targets  ends now  ann: mine\n"
                        "PIN       orders@8d02b17  holds up contract 13  ends in 1m30s  ci: "
                        "release 42\n          and 1 more: `lockstep pins`\n"));
  const auto json = nlohmann::json::parse(RunLockstep(fake, {"status", "-o", "json"}).out);
  EXPECT_EQ(json.at("status").at("pins")[0].at("holdsUp"), 13);
  EXPECT_EQ(json.at("status").at("pinsTotal"), 2);
  EXPECT_EQ(json.at("status").at("overrides")[0].at("overrideId"), "ov-1");
}

TEST(History, CollectsAllPages) {
  FakeCoordinator fake;
  fake.list_migrations = [](const v1::ListMigrationsRequest& request, auto* response) {
    const int first = request.page_token().empty() ? 1 : 3;
    for (int i = first; i < first + 2; ++i) {
      auto* migration = response->add_migrations();
      migration->mutable_ref()->set_version(i);
      migration->mutable_ref()->set_title(absl::StrCat("m", i));
      migration->set_phase(v1::PHASE_EXPAND);
      migration->set_state(i < 4 ? v1::MIGRATION_STATE_APPLIED : v1::MIGRATION_STATE_PENDING);
      if (i == 4) continue;
      migration->mutable_applied_at()->set_seconds(1'800'000'000);
      migration->mutable_duration()->set_nanos(42'000'000);
      migration->set_applied_by("core@pod-1");
      migration->set_how("run");
    }
    if (first == 1) response->set_next_page_token("3");
    return absl::OkStatus();
  };
  const CommandResult result = RunLockstep(fake, {"history"});
  EXPECT_EQ(result.out,
            "VERSION  TITLE  PHASE   STATE    APPLIED AT            DURATION  BY          HOW\n"
            "      1  m1     expand  applied  2027-01-15 08:00:00Z     42 ms  core@pod-1  run\n"
            "      2  m2     expand  applied  2027-01-15 08:00:00Z     42 ms  core@pod-1  run\n"
            "      3  m3     expand  applied  2027-01-15 08:00:00Z     42 ms  core@pod-1  run\n"
            "      4  m4     expand  pending  -                            -  -           -\n");
  const auto json = nlohmann::json::parse(RunLockstep(fake, {"history", "-o", "json"}).out);
  EXPECT_EQ(json.at("migrations").size(), 4);
  EXPECT_EQ(json.at("nextPageToken"), "");
}

TEST(Operations, ListsGetsAndCancels) {
  FakeCoordinator fake;
  fake.list_operations = [](const auto&, auto* response) {
    *response->add_operations() = RunningOperation(16);
    return absl::OkStatus();
  };
  fake.get_operation = [](const auto&, auto* response) {
    *response->mutable_operation() = RunningOperation(16);
    return absl::OkStatus();
  };
  v1::CancelOperationRequest seen;
  fake.cancel = [&](const auto& request, auto* response) {
    seen = request;
    *response->mutable_operation() = RunningOperation(16);
    response->mutable_operation()->set_state(v1::OPERATION_STATE_CANCELLING);
    return absl::OkStatus();
  };
  EXPECT_THAT(RunLockstep(fake, {"operations", "list"}).out, HasSubstr("op-7f3a    running"));
  EXPECT_THAT(RunLockstep(fake, {"operations", "get", "op-7f3a"}).out,
              HasSubstr("OPERATION  op-7f3a\nSTATE      running\n"));
  EXPECT_EQ(RunLockstep(fake, {"operations", "cancel", "op-7f3a", "--reason", "oops"}).out,
            "op-7f3a is cancelling\n");
  EXPECT_EQ(seen.reason(), "oops");
}

TEST(Operations, SaysWhereToLookForAnUnknownOne) {
  FakeCoordinator fake;
  fake.get_operation = [](const auto&, auto*) {
    return base::MakeError(absl::StatusCode::kNotFound, "OPERATION_NOT_FOUND", "no operation op-x");
  };
  const CommandResult result = RunLockstep(fake, {"operations", "get", "op-x"});
  EXPECT_EQ(CodeOf(result), 1);
  EXPECT_EQ(result.err, "error: no operation op-x\n  hint: `lockstep operations list`\n");
}

}  // namespace
}  // namespace lockstep::testing
