// The people of a run: they keep writing migrations, publish them and upgrade, with the command
// line, and try again whatever fails. After a failover that lost what was published they publish
// the same files again without knowing it: publishing adds what the database lacks.
#ifndef LOCKSTEP_TESTS_CHAOS_WORKLOAD_H_
#define LOCKSTEP_TESTS_CHAOS_WORKLOAD_H_

#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/chaos/chain.h"
#include "tests/chaos/journal.h"
#include "tests/chaos/observer.h"
#include "tests/support/subprocess.h"

namespace lockstep::chaos {

struct WorkloadOptions {
  std::string addresses;  // Of all coordinators.
  std::string log;        // What the command line says goes here.
  uint64_t seed = 1;
};

class Workload {
 public:
  Workload(WorkloadOptions options, Chain* chain, Observer* observer, Journal* journal);
  ~Workload();

  void Start();
  // No new migrations from now on; publishes and upgrades go on until Stop.
  void StopGrowing() { growing_ = false; }
  void Stop();

 private:
  void Run();
  // Exit code of `lockstep ARGS`.
  int Lockstep(std::vector<std::string> args);
  void Upgrade();
  void RunContracts();

  const WorkloadOptions options_;
  Chain* const chain_;
  Observer* const observer_;
  Journal* const journal_;
  std::mt19937_64 random_;
  std::atomic<bool> growing_ = true;
  std::atomic<bool> stopping_ = false;
  int rounds_ = 0;
  std::thread thread_;
};

}  // namespace lockstep::chaos

#endif  // LOCKSTEP_TESTS_CHAOS_WORKLOAD_H_
