// Many agents of one process against one coordinator.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "coordinator/store/session_end_store.h"
#include "tests/fleet/in_process_fleet.h"
#include "tests/support/eventually.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

constexpr int kMany = 100;

int OpenInstances(const v1::ClusterStatus& status) {
  int open = 0;
  for (const auto& service : status.services()) {
    for (const auto& instance : service.instances()) {
      if (instance.gate().state() == v1::GATE_STATE_OPEN) ++open;
    }
  }
  return open;
}

TEST(FleetOfManyAgents, AllWaitAtTheirGatesAndAllOpenAfterOneUpgrade) {
  InProcessFleet fleet;
  fleet.Publish(
      {{"users", "CREATE TABLE users (id int)"}, {"orders", "CREATE TABLE orders (id int)"}});
  std::vector<Agent*> agents;
  for (int i = 0; i < kMany; ++i) {
    agents.push_back(&fleet.AddAgent({.service = absl::StrCat("s", i % 7), .migrate = i < 3}));
  }
  ASSERT_TRUE(Eventually([&] {
    int waiting = 0;
    for (Agent* agent : agents) waiting += agent->gate().reason == "behind" ? 1 : 0;
    return waiting == kMany;
  }));
  EXPECT_EQ(fleet.Upgrade().state(), v1::OPERATION_STATE_SUCCEEDED);
  for (Agent* agent : agents) EXPECT_THAT(agent->WaitUntilServable(absl::Seconds(30)), IsOk());
  EXPECT_EQ(OpenInstances(fleet.Status()), kMany);
  EXPECT_EQ(fleet.db().Scalar("SELECT count(*) FROM lockstep.session WHERE state = 'live'"),
            absl::StrCat(kMany));
  EXPECT_EQ(fleet.db().Scalar("SELECT count(DISTINCT backend_pid) FROM lockstep.history"), "1");
}

TEST(FleetOfManyAgents, AContractOnADatabaseThatIsServedIsLeftWaitingAndHoldsNothingUp) {
  InProcessFleet fleet;
  fleet.Publish({{"users", "CREATE TABLE users (id int, legacy text)"}});
  Agent& old_build = fleet.AddAgent({.service = "shop", .migrate = true});
  ASSERT_EQ(fleet.Upgrade().state(), v1::OPERATION_STATE_SUCCEEDED);
  ASSERT_THAT(old_build.WaitUntilServable(absl::Seconds(30)), IsOk());
  fleet.Publish({{"drop_legacy", "ALTER TABLE users DROP COLUMN legacy"},
                 {"orders", "CREATE TABLE orders (id int)"}});
  const v1::Operation operation = fleet.Upgrade();
  EXPECT_EQ(operation.state(), v1::OPERATION_STATE_SUCCEEDED);
  EXPECT_THAT(operation.contracts_waiting(), ::testing::ElementsAre(2));
  EXPECT_EQ(fleet.db().Scalar("SELECT applied FROM lockstep.chain"), "3");
  EXPECT_EQ(fleet.db().Scalar("SELECT count(*) FROM lockstep.history WHERE version = 2"), "0");
  Agent& new_build = fleet.AddAgent({.service = "shop", .yaml = "needs: 3\nadapted_to: 2\n"});
  EXPECT_THAT(new_build.WaitUntilServable(absl::Seconds(30)), IsOk());
}

TEST(FleetOfManyAgents, ContractsRunInLineOnADatabaseThatWasNeverServed) {
  InProcessFleet fleet;
  // On a table of the same publish it would break nobody, and be no contract.
  fleet.Publish(
      {{"users", "CREATE TABLE users (id int, legacy text)"},
       {"drop_legacy", "-- lockstep:phase contract\nALTER TABLE users DROP COLUMN legacy"},
       {"orders", "CREATE TABLE orders (id int)"}});
  Agent& agent = fleet.AddAgent({.service = "shop", .yaml = "adapted_to: 2\n", .migrate = true});
  EXPECT_EQ(fleet.Upgrade().state(), v1::OPERATION_STATE_SUCCEEDED);
  EXPECT_EQ(fleet.db().Scalar("SELECT count(*) FROM lockstep.history"), "3");
  EXPECT_THAT(agent.WaitUntilServable(absl::Seconds(30)), IsOk());
  // A build that still needs what contract 2 removed does not start any more.
  Agent& stale = fleet.AddAgent({.service = "shop", .yaml = "adapted_to: 0\n"});
  EXPECT_TRUE(Eventually([&] { return stale.gate().reason == "too_old"; }));
}

TEST(FleetOfManyAgents, AnAgentThatLeavesIsClosedAndForgotten) {
  InProcessFleet fleet;
  fleet.Publish({{"users", "CREATE TABLE users (id int)"}});
  Agent& agent = fleet.AddAgent({.service = "shop", .migrate = true});
  ASSERT_EQ(fleet.Upgrade().state(), v1::OPERATION_STATE_SUCCEEDED);
  ASSERT_THAT(agent.WaitUntilServable(absl::Seconds(30)), IsOk());
  fleet.RemoveAgent(agent);
  EXPECT_TRUE(Eventually([&] { return fleet.Status().services_size() == 0; }));
  EXPECT_EQ(fleet.db().Scalar("SELECT state FROM lockstep.session"), "closed");
}

// What the agent says and what the coordinator looks for are the same.
TEST(FleetOfManyAgents, AnAgentsConnectionsAreRecognised) {
  InProcessFleet fleet;
  fleet.Publish({{"users", "CREATE TABLE users (id int)"}});
  fleet.AddAgent({.migrate = true});
  ASSERT_EQ(fleet.Upgrade().state(), v1::OPERATION_STATE_SUCCEEDED);
  for (const std::string& service : {std::string("shop"), std::string(63, 's')}) {
    Agent& agent = fleet.AddAgent({.service = service});
    ASSERT_THAT(agent.WaitUntilServable(absl::Seconds(30)), IsOk());
    auto connection = fleet.db().Connect();
    const std::string id = agent.session_id();
    ASSERT_THAT(connection->Query("SELECT lockstep.check_session($1)", {postgres::Param(id)}),
                IsOk());
    auto look = coordinator::LookForBackends(*connection, {id});
    ASSERT_THAT(look, IsOk());
    EXPECT_EQ(look->backends.count(id), 0u);
    ASSERT_THAT(connection->Query("SELECT set_config('application_name', $1, false)",
                                  {postgres::Param(agent.application_name())}),
                IsOk());
    look = coordinator::LookForBackends(*connection, {id});
    ASSERT_THAT(look, IsOk());
    EXPECT_EQ(look->backends[id], 1);
  }
}

}  // namespace
}  // namespace lockstep::testing
