// One run: builds the world, breaks it for as long as asked, heals it, judges.
#ifndef LOCKSTEP_TESTS_CHAOS_SUITE_H_
#define LOCKSTEP_TESTS_CHAOS_SUITE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "tests/chaos/chain.h"
#include "tests/chaos/faults/fault.h"
#include "tests/chaos/journal.h"
#include "tests/chaos/load.h"
#include "tests/chaos/observer.h"
#include "tests/chaos/options.h"
#include "tests/chaos/postgres_pair.h"
#include "tests/chaos/processes.h"
#include "tests/chaos/proxy.h"
#include "tests/chaos/workload.h"
#include "tests/chaos/world.h"

namespace lockstep::chaos {

class Suite {
 public:
  // `directory` exists and is empty; everything of the run is in it.
  Suite(const Options& options, const std::string& directory, Journal* journal);

  // Fails when the world could not be built; what went wrong in it is in the journal.
  absl::Status Run();
  // The kinds that were to happen.
  const std::vector<Fault>& armed() const { return armed_; }

 private:
  absl::Status Build();
  absl::Status AwaitSchema();
  void Break();
  void HitOne(const Fault& fault);
  void RollSome();
  void WatchProgress();
  // Starts a server that gave up, as one does that runs into a full disk while it recovers.
  void WatchServer();
  // Heals everything, lets the pending versions run, stops all, checks the rest.
  void Heal();
  bool AwaitEverythingApplied();
  void Judge();

  const Options options_;
  const std::string directory_;
  Journal* const journal_;
  std::vector<Fault> armed_;
  Proxy proxy_;
  PostgresPair postgres_;
  Chain chain_;
  Processes processes_;
  Link* const observer_wire_;
  Link* const load_wire_;
  Observer observer_;
  World world_;
  Load load_;
  Workload workload_;
  bool told_stuck_ = false;
};

}  // namespace lockstep::chaos

#endif  // LOCKSTEP_TESTS_CHAOS_SUITE_H_
