// The lessor: grants runs to agents, remembers how long their holder may still be silent, takes
// runs back.
//
// Not guaranteed: that a holder whose lease is overdue here has stopped. That is the fence's
// business: Revoke returns only when nothing of the old token can commit any more
// (lockstep.revoke_run).
//
// Thread-safe. Grant, Revoke, TakeBack, Settle and Complete block on SQL; the others only touch
// memory.
#ifndef LOCKSTEP_COORDINATOR_LEASE_LESSOR_H_
#define LOCKSTEP_COORDINATOR_LEASE_LESSOR_H_

#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "coordinator/durations.h"
#include "coordinator/store/database.h"
#include "coordinator/store/run_store.h"
#include "engine/base/clock.h"
#include "engine/base/mutex.h"

namespace lockstep::coordinator {

// How far the holder says it is.
struct RunProgress {
  Version version = 0;
  int statement = 0;
  int statements = 0;
  Version committed = 0;
  std::string activity = {};  // What a statement outside of a transaction does; "" when not known.
  int percent = -1;           // How far that is; -1 when not known.
  std::optional<LockWait> lock = {};  // What it waits for right now.
};

// A held lease as the leader remembers it.
struct HeldLease {
  LeaseRow lease;
  std::string holder;       // "service@instance"
  absl::Duration since;     // When it was granted or adopted, SinceBoot scale.
  absl::Duration deadline;  // When it is overdue, SinceBoot scale.
  RunProgress progress;
  bool taken = false;  // Its holder has said that it works on it.
};

struct LessorOptions {
  Database* database = nullptr;  // Must outlive the lessor.
  const base::Clock* clock = base::SystemClock();
  Durations durations;
};

class Lessor {
 public:
  explicit Lessor(LessorOptions options) : options_(std::move(options)) {}

  // Grants and remembers. Fails as GrantRun does.
  absl::StatusOr<LeaseToken> Grant(const LeaderToken& leader, int64_t seen_epoch,
                                   const GrantRequest& request);

  // Takes a lease over that the database says is held and this memory does not know: its holder
  // gets a full TTL to come back.
  void Adopt(const LeaseRow& lease, const std::string& holder);

  // Forgets everything: this process leads no more, and what it remembers grows old.
  void Reset();

  // Forgets what is held; the database says it ended.
  void Forget(int64_t epoch);

  // The holder took the offer: from here on its heartbeats renew the lease. Until then they would
  // keep a run for ever whose offer was lost.
  void Accept(const std::string& session_id, const LeaseToken& token);
  void Heartbeat(const std::string& session_id);
  // The holder's stream broke: it has lease_reconnect to come back.
  void StreamLost(const std::string& session_id);
  // The holder declined the offer, or works on it no more: overdue at once, whatever its heartbeats
  // say.
  void Decline(const std::string& session_id, const LeaseToken& token);
  // The holder said goodbye: it does not come back, and that it is away says nothing of its run.
  void Left(const std::string& session_id);
  // The holder is back and was offered the run again, as it does not know of it: a full TTL to
  // accept it.
  void OfferedAgain(const std::string& session_id);
  // The holder is back and still works on `token`. False when that is not what is held: the agent
  // must let go.
  bool StreamBack(const std::string& session_id, const LeaseToken& token);
  // False when `token` is not what is held.
  bool Progress(const LeaseToken& token, const RunProgress& progress);

  std::optional<HeldLease> held() const;
  bool Overdue() const;
  // Until the held lease is overdue; infinite when none is held.
  absl::Duration UntilOverdue() const;

  // Takes the held lease back: waits for the holder's open transaction, terminating its backend
  // from revoke_patience on. OK also when the run had ended. DEADLINE_EXCEEDED after revoke_wait.
  // `overdue`: because its holder is; when it had taken the run, that is counted (HolderLosses).
  absl::Status Revoke(const LeaderToken& leader, const std::string& reason, bool overdue = false);

  // Takes the held lease back without disturbing its holder: waits take_back_wait for the migration
  // that runs to commit, and takes the right to the next one. False when it still runs. The lock
  // queues fairly: a wait that is there when a migration commits comes before the next one.
  absl::StatusOr<bool> TakeBack(const LeaderToken& leader, const std::string& reason);

  // What Settle found.
  struct Settled {
    SettleOutcome outcome = SettleOutcome::kGone;
    std::string why;  // Of kBusy: who is at work, and how far.
  };
  // Ends the taking back of a run outside of a transaction, once nobody is at work. A backend that
  // has the lock of statements and runs nothing serves an agent that is stopped or gone: it is
  // terminated. One that is at work is left to finish, because what it makes is adopted; unless
  // `force`: then it has revoke_wait to undo what its agent was told to stop.
  absl::StatusOr<Settled> Settle(const LeaderToken& leader, const LeaseRow& lease, bool force);
  // Whether Settle has found that the revoking lease of `epoch` covers a half-done contract.
  bool IsHalfDone(int64_t epoch) const;

  // Records the holder's report. Returns true when the holder gave the lease back by it.
  absl::StatusOr<bool> Complete(const LeaderToken& leader, const LeaseToken& token,
                                const std::string& outcome, Version committed,
                                const std::optional<RunError>& error);

 private:
  const LessorOptions options_;
  mutable base::Mutex mu_;
  std::optional<HeldLease> held_ ABSL_GUARDED_BY(mu_);
  int64_t half_done_epoch_ ABSL_GUARDED_BY(mu_) = 0;    // Of a revoking lease; 0 for none.
  int64_t settling_epoch_ ABSL_GUARDED_BY(mu_) = 0;     // Of the lease that is being settled,
  absl::Duration settling_since_ ABSL_GUARDED_BY(mu_);  // SinceBoot scale.
};

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_LEASE_LESSOR_H_
