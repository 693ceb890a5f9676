// A whole cluster of real processes for one test: PostgreSQL, coordinators, agents, the command
// line.
//
//   Cluster cluster;
//   cluster.StartCoordinator();
//   cluster.WriteMigration("001_users.sql", "CREATE TABLE users (id int)");
//   EXPECT_EQ(cluster.Ctl({"publish"}).exit->code, 0);
//   auto agent = cluster.StartAgent({.service = "shop", .migrate = true});
//   EXPECT_EQ(cluster.Ctl({"upgrade", "--yes"}).exit->code, 0);
//
// Functions that cannot do their work end the test with an exception, which GoogleTest reports. Not
// thread-safe.
#ifndef LOCKSTEP_TESTS_E2E_CLUSTER_H_
#define LOCKSTEP_TESTS_E2E_CLUSTER_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

#include "tests/support/postgres_server.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_database.h"

namespace lockstep::testing {

struct AgentSpec {
  std::string verb = "run";  // Or "wait", "sidecar".
  std::string service = "shop";
  std::string instance = "";              // Empty: made up, unique in the cluster.
  std::string yaml = "";                  // More lines of lockstep.yaml.
  bool migrate = false;                   // As the migrator.
  std::string migrate_database = "";      // Instead of the migrator's connection string.
  bool service_file = true;               // Whether --service-file is given.
  std::string chain_sum = "";             // Instead of the cluster's: as an older image has it.
  std::string address = "";               // Instead of the first coordinator's.
  std::string gate_timeout = "60s";       // Not of a sidecar.
  std::vector<std::string> flags = {};    // More flags of the verb.
  std::vector<std::string> command = {};  // Empty: prints the time, waits for SIGTERM, ends with 0.
  std::map<std::string, std::string> env = {};
};

class Cluster {
 public:
  // `server` null: the shared one.
  explicit Cluster(PostgresServer* server = nullptr);
  // Ends what runs, also the services of agents that were killed.
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  TestDatabase& db() { return db_; }
  const std::string& migrator() const { return migrator_; }
  const std::string& owner() const { return owner_; }
  std::string migrations() const { return directory_.File("migrations"); }
  std::string chain_sum() const { return migrations() + "/chain.sum"; }
  std::string socket(const std::string& name = "a") const;

  // What coordinators started from now on get as --database, instead of db()'s own.
  void UseDatabase(const std::string& conninfo) { database_ = conninfo; }

  // Starts a coordinator and waits until it listens; makes the migrator an agent when schema
  // lockstep is there. `flags` and `env` are added. One of that name that ran before is killed.
  Subprocess& StartCoordinator(const std::string& name = "a",
                               const std::vector<std::string>& flags = {},
                               const std::map<std::string, std::string>& env = {});
  bool has_coordinator(const std::string& name) const { return coordinators_.contains(name); }
  Subprocess& coordinator(const std::string& name = "a") { return *coordinators_.at(name); }

  // Writes a file into the migrations folder and chain.sum anew.
  void WriteMigration(const std::string& name, const std::string& sql);
  // Copies the repository's own chain.
  void UsePlayground();
  void WriteSum();

  std::unique_ptr<Subprocess> StartAgent(AgentSpec spec);

  // Runs `lockstep ARGS`, in the cluster's directory, against coordinator `name`.
  CommandResult Ctl(std::vector<std::string> args, const std::string& name = "a",
                    absl::Duration timeout = absl::Seconds(60));
  std::unique_ptr<Subprocess> StartCtl(std::vector<std::string> args,
                                       const std::string& name = "a");
  // `lockstep ARGS -o json`; must exit with 0.
  nlohmann::json Json(std::vector<std::string> args, const std::string& name = "a");
  nlohmann::json Status() { return Json({"status"}); }
  // The gate of an instance as `status` tells it: "waiting", "live", ...; "" when there is none.
  std::string StateOf(const std::string& service, const std::string& instance);
  std::string ReasonOf(const std::string& service, const std::string& instance);

 private:
  std::optional<nlohmann::json> InstanceOf(const std::string& service, const std::string& instance);

  TestDatabase db_;
  TempDir directory_;
  std::string database_;
  std::string owner_;
  std::string migrator_;
  std::map<std::string, std::unique_ptr<Subprocess>> coordinators_;
  int agents_ = 0;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_E2E_CLUSTER_H_
