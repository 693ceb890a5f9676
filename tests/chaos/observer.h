// Looks at the primary ten times a second, from one snapshot each time, for as long as a run lasts:
// runs the checks, replays the events, and holds each look against the looks before it.
//
// The surviving timeline. A failover promotes a standby that has a prefix of the commits of the old
// primary, and what was committed after that prefix never happened: versions that were published or
// applied, sessions, operations, leases, the leader's own row. So
//  - what relates rows of one snapshot is asked of every snapshot (checks.h says why that is
//  sound);
//  - what relates snapshots (applied, revision and epochs only grow; history rows stay; a token is
//    never two) is asked within one timeline. At a change of timeline the memory is taken back to
//    the newest state that the new timeline shares with the old one: history must be a prefix of
//    what was seen (same version, same transaction), or have rows that came after the last look;
//    events are replayed anew from the first one;
//  - pairs of (number, uuid) are remembered over all timelines: numbers may come again after a
//  loss,
//    a uuid never with another number, since then a holder of the lost future would pass the fence;
//  - the incarnation must have grown before anything is granted on the new timeline;
//  - the workload publishes the same files again, so each version still has one meaning, and the
//    effect of each is counted in the database itself: once on the timeline that survived.
// The timeline is the server's own (it is part of the names of WAL files).
#ifndef LOCKSTEP_TESTS_CHAOS_OBSERVER_H_
#define LOCKSTEP_TESTS_CHAOS_OBSERVER_H_

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

#include "engine/base/mutex.h"
#include "engine/postgres/connection.h"
#include "tests/chaos/checks.h"
#include "tests/chaos/journal.h"
#include "tests/chaos/replay.h"

namespace lockstep::chaos {

// What is the case now, as last seen.
struct Look {
  int applied = 0;
  int head = 0;
  int64_t incarnation = 0;
  int timeline = 0;
  std::string lease_state;
  std::string holder;  // service@instance of the held lease.
  int first = 0;       // Of its run.
};

class Observer {
 public:
  Observer(std::string conninfo, Journal* journal);
  ~Observer();

  void Start();
  void Stop();

  Look last() const;
  // How long `applied` has stood still although something is published that is not a contract.
  absl::Duration stuck_for() const;
  // Whether `version` has history.
  bool Ran(int version);
  // Runs every check once, also those for a world at rest; adds violations to the journal.
  // Fails when the database could not be asked.
  absl::Status CheckAtRest();
  // Has looked at the whole history, with the connection that there is now.
  absl::Status LookNow();

 private:
  struct Row {
    std::string xid, lease;
    bool operator==(const Row&) const = default;
  };

  void Run();
  absl::Status LookOnce(bool checks);
  absl::Status Snapshot(Look* look, bool checks);
  absl::Status ReadChain(Look* look);
  absl::Status ReadHistory(const Look& look);
  absl::Status ReadEvents(const Look& look);
  absl::Status RunChecks(When when);
  absl::Status CheckCounter();
  void ForgetTimeline();
  void Progress(const Look& look);
  absl::StatusOr<postgres::Result> Query(const std::string& sql);

  const std::string conninfo_;
  Journal* const journal_;
  base::Mutex work_;  // One look at a time.
  std::unique_ptr<postgres::Connection> connection_;
  Look previous_;
  int64_t revision_ = 0, lease_epoch_ = 0, leader_epoch_ = 0;  // Of the timeline.
  std::map<int, Row> history_;                                 // Of the timeline.
  Replay replay_;
  std::map<std::string, std::string> tokens_;  // Kind and uuid -> number, over all timelines.
  int64_t incarnation_before_ = 0;             // Of the timeline before.

  mutable base::Mutex mu_;
  Look last_ ABSL_GUARDED_BY(mu_);
  absl::Time progress_at_ ABSL_GUARDED_BY(mu_);
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace lockstep::chaos

#endif  // LOCKSTEP_TESTS_CHAOS_OBSERVER_H_
