// The time after a change of leader in which the new one does nothing that needs to know who lives:
// it ends no session for its silence and grants no contract.
//
// Why: the new leader remembers nobody. Silence means nothing before an instance had a full session
// TTL to come back; and one that was admitted by the leader before may turn ready up to the
// admission validity later, so it has not been heard of either although it is about to serve. Both
// together is how long settling takes. It is over earlier when every row that counts has been heard
// from, also those that are admitted and do not serve yet: leaving these out is wrong
// (tests/model/gate.pml, SETTLEBUG). Heartbeats, admissions and runs of non-contracts go on.
//
// Where PostgreSQL may have lost commits (a failover, a restored backup) rows may be missing, so
// hearing from those that are there proves nothing, and only time ends it.
//
// Not guaranteed: that everybody who lives is known afterwards. A `keep` instance that was cut off
// for longer serves on; it counts as long as its row is there.
//
//   Settle settle({.durations = durations});
//   settle.Begin(ids_of_rows_that_count, /*rows_may_be_lost=*/false);   // on each election
//   settle.Heard(session_id);                                           // on each hello
//   if (settle.over()) ...                                              // expire, grant a contract
//   settle.Reset();                                                     // deposed
//
// Thread-safe; never blocks.
#ifndef LOCKSTEP_COORDINATOR_LEASE_SETTLE_H_
#define LOCKSTEP_COORDINATOR_LEASE_SETTLE_H_

#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

#include "coordinator/durations.h"
#include "engine/base/clock.h"
#include "engine/base/mutex.h"

namespace lockstep::coordinator {

struct SettleOptions {
  const base::Clock* clock = base::SystemClock();
  Durations durations;
};

class Settle {
 public:
  explicit Settle(SettleOptions options) : options_(std::move(options)) {}

  // A leadership begins. `countable`: session ids of all rows that count and are not suspect
  // already, whether they serve or not; a row that was silent under the leader before is not waited
  // for, and goes on to count.
  void Begin(std::set<std::string> countable, bool rows_may_be_lost);

  // The instance said hello to this leader, or its session ended by a committed transition.
  void Heard(const std::string& session_id);

  // This process leads no more: nothing is settled until the next Begin.
  void Reset();

  // Whether sessions may expire and contracts be granted. Once true it stays so until Begin or
  // Reset. False before the first Begin.
  bool over() const;

  // How much longer it may take at most; zero when it is over, infinite before Begin.
  absl::Duration left() const;

  // "a new leader waits for 3 instances to be heard from, 41 s at most"; "" when it is over.
  std::string Describe() const;

 private:
  enum class Phase { kIdle, kSettling, kOver };

  // Ends the phase when its time has come.
  void Update() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const SettleOptions options_;
  mutable base::Mutex mu_;
  mutable Phase phase_ ABSL_GUARDED_BY(mu_) = Phase::kIdle;
  std::set<std::string> unheard_ ABSL_GUARDED_BY(mu_);
  bool rows_may_be_lost_ ABSL_GUARDED_BY(mu_) = false;
  absl::Duration until_ ABSL_GUARDED_BY(mu_);  // SinceBoot scale.
};

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_LEASE_SETTLE_H_
