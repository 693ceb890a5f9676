// The processes of lockstep in a run: three coordinators, instances of services with their agents,
// a pooler. All of them are started, and started again, from one thread.
//
//   Processes processes(&proxy, &postgres, &chain, directory, options);
//   processes.Start();
//   loop: processes.Tick();     // starts what has ended, when its pause is over
#ifndef LOCKSTEP_TESTS_CHAOS_PROCESSES_H_
#define LOCKSTEP_TESTS_CHAOS_PROCESSES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "tests/chaos/chain.h"
#include "tests/chaos/journal.h"
#include "tests/chaos/options.h"
#include "tests/chaos/postgres_pair.h"
#include "tests/chaos/proxy.h"
#include "tests/chaos/roles.h"
#include "tests/support/subprocess.h"

namespace lockstep::chaos {

// One program with its place in the world; the process in it comes and goes.
struct Program {
  std::string name;
  std::unique_ptr<testing::Subprocess> process;  // Null or ended: down.
  absl::Time start_at = absl::InfinitePast();    // When it may start again.
  bool frozen = false;
  bool crashed = false;  // It was killed, and has not started since.
  int starts = 0;
  std::vector<pid_t> orphans;  // Children that outlived it; ended when it starts again.

  bool running() const;
  // The process and its children.
  std::vector<pid_t> pids() const;
  // Kills it and its children, as the end of a container does; or leaves the children running.
  void Kill(absl::Duration pause, bool children_too = true);
  void EndOrphans();
  void Freeze();
  void Thaw();
};

struct Coordinator : Program {
  std::string database;
  Link* wire = nullptr;   // To PostgreSQL.
  Link* front = nullptr;  // From agents and people.
};

struct Instance : Program {
  std::string service;
  bool stops = false;    // on_session_loss.
  std::string migrate;   // Connection string; empty: it cannot migrate.
  Link* wire = nullptr;  // Of that connection.
  bool pooled = false;   // It leads through a transaction pooler.
  Build build;
  bool draining = false;

  std::string who() const { return service + "@" + name; }
};

class Processes {
 public:
  // `canaries`: the file that canaries write to.
  Processes(Proxy* proxy, PostgresPair* postgres, Chain* chain, Journal* journal,
            std::string directory, const Options& options);

  // Roles in the new database; before Start.
  absl::Status MakeRoles();
  // Lets roles use what a coordinator made; canaries read schema lockstep.
  absl::Status GrantRights();
  void StartCoordinators();
  void StartPooler();
  void StartInstances();

  // Starts what is due. Instances start with the newest build, those that were killed with theirs,
  // as a container does; when the gate refuses that, they end, and the newest build comes.
  void Tick();
  // Ends an instance politely; it comes back with the newest build.
  void Roll(Instance& instance);
  void KillPooler(absl::Duration pause) { pooler_.Kill(pause); }
  // No more restarts but by this; ends all instances politely and waits.
  bool DrainInstances();
  void StopAll();
  void ThawAll();

  std::vector<std::unique_ptr<Coordinator>>& coordinators() { return coordinators_; }
  std::vector<std::unique_ptr<Instance>>& instances() { return instances_; }
  Program& pooler() { return pooler_; }
  // For LOCKSTEP_ADDRESS: all coordinators.
  std::string addresses() const;
  std::string log(const std::string& name) const { return directory_ + "/" + name + ".log"; }

 private:
  // Waits for processes that ended and that this one inherited, e.g. the backends of a postmaster
  // that was killed.
  void ReapInherited() const;
  void Start(Coordinator& coordinator);
  void Start(Instance& instance);
  void Launch(Program& program, testing::SubprocessOptions options);
  std::string PoolerConninfo(const std::string& database, const std::string& user) const;

  Proxy* const proxy_;
  PostgresPair* const postgres_;
  Chain* const chain_;
  Journal* const journal_;
  const std::string directory_;
  const Options options_;
  Link* const app_wire_;
  Link* const pooler_wire_;
  bool instances_may_start_ = false;
  absl::Time next_reap_ = absl::InfinitePast();
  Program pooler_{.name = "pooler"};
  std::vector<std::unique_ptr<Coordinator>> coordinators_;
  std::vector<std::unique_ptr<Instance>> instances_;
};

}  // namespace lockstep::chaos

#endif  // LOCKSTEP_TESTS_CHAOS_PROCESSES_H_
