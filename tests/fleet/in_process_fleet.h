// A coordinator and any number of agents in this process, over real gRPC and a real PostgreSQL: for
// tests of many instances that need no processes of their own.
//
//   InProcessFleet fleet;
//   fleet.Publish({{"users", "CREATE TABLE users (id int)"}});
//   Agent& agent = fleet.AddAgent({.service = "shop", .migrate = true});
//   fleet.Upgrade();
//   EXPECT_THAT(agent.WaitUntilServable(absl::Seconds(30)), IsOk());
//
// Functions that cannot do their work end the test with an exception. Not thread-safe.
#ifndef LOCKSTEP_TESTS_FLEET_IN_PROCESS_FLEET_H_
#define LOCKSTEP_TESTS_FLEET_IN_PROCESS_FLEET_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lockstep/v1/operation.grpc.pb.h"
#include "lockstep/v1/release.grpc.pb.h"
#include "lockstep/v1/status.grpc.pb.h"

#include "agent/include/lockstep/agent.h"
#include "coordinator/program/environment.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_database.h"

namespace lockstep::testing {

struct FleetAgent {
  std::string service = "shop";
  std::string yaml = "";  // More lines of lockstep.yaml.
  bool migrate = false;
};

class InProcessFleet {
 public:
  // Durations are divided by `time_scale`.
  explicit InProcessFleet(double time_scale = 1.0);
  ~InProcessFleet();

  TestDatabase& db() { return db_; }
  coordinator::Environment& coordinator() { return *environment_; }

  // Appends migrations {title, sql} to the chain.
  void Publish(const std::vector<std::pair<std::string, std::string>>& migrations);
  Agent& AddAgent(const FleetAgent& spec);
  // Ends an agent as a clean shutdown does.
  void RemoveAgent(Agent& agent);
  // Starts an upgrade to the head and waits for its end; returns the operation.
  v1::Operation Upgrade();
  v1::ClusterStatus Status();

 private:
  TestDatabase db_;
  TempDir directory_;
  std::string migrator_;
  std::unique_ptr<coordinator::Environment> environment_;
  std::string address_;
  std::shared_ptr<grpc::Channel> channel_;
  std::vector<std::pair<std::string, std::string>> chain_;
  std::vector<std::unique_ptr<Agent>> agents_;
  int files_ = 0;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_FLEET_IN_PROCESS_FLEET_H_
