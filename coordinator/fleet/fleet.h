// The fleet: which instances are registered, which of them are connected, and who waits at the
// gate.
//
// Registration is durable (lockstep.admit); liveness lives here, in the leader's memory, because a
// row update a heartbeat would not scale and a lost registration would be unsafe. Losing this
// memory loses nothing that safety depends on.
//
//   fleet.Register(link, declaration, serving);     // on each hello; answers through the link
//   fleet.Heartbeat(session_id, serving);
//   fleet.Disconnect(session_id, link, false);      // the stream ended
//   fleet.Refresh(view);                            // the chain moved: ask those that wait again
//   fleet.Sweep();                                  // end what has been silent for too long
//
// Thread-safe. Register and Refresh hand SQL to a worker pool; no lock is held across SQL.
#ifndef LOCKSTEP_COORDINATOR_FLEET_FLEET_H_
#define LOCKSTEP_COORDINATOR_FLEET_FLEET_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"

#include "coordinator/durations.h"
#include "coordinator/fleet/agent_link.h"
#include "coordinator/fleet/backends.h"
#include "coordinator/fleet/brake.h"
#include "coordinator/fleet/ends.h"
#include "coordinator/fleet/waiting.h"
#include "coordinator/store/database.h"
#include "coordinator/store/schema_change_store.h"
#include "coordinator/store/session_end_store.h"
#include "coordinator/store/session_store.h"
#include "engine/base/clock.h"
#include "engine/base/mutex.h"
#include "engine/base/worker_pool.h"

namespace lockstep::coordinator {

// What the fleet knows of one instance.
struct Member {
  Declaration declaration;
  Verdict verdict;
  bool known = false;     // A verdict has come back from the database.
  bool admitted = false;  // It counts: its session is live.
  bool connected = false;
  bool serving = false;
  bool draining = false;
  bool suspect = false;
  bool gone = false;        // It said goodbye.
  bool reserved = false;    // Admitted as a reservation: it counts, connected or not, for its time.
  bool direct = false;      // Admitted without a leader, and not heard by one since.
  bool superseded = false;  // A newer start of the instance said hello after it was last heard.
  bool attested = false;    // Somebody stated that its process is gone.
  std::string unfit_for;    // The operation whose runs it cannot apply; "" for none.
  std::string unfit_why;
  std::string unfit_hint;
  absl::Duration declined_until;  // It declined an offer: none before this, SinceBoot scale.
  // On the clock's SinceBoot scale. Seen: heard, or its stream ended; of a row that was loaded,
  // when.
  absl::Duration last_seen;
  absl::Duration last_heard;  // A hello or a heartbeat; of a row that was loaded, when.
  // Its first hello to this leader; infinitely late before.
  absl::Duration first_heard = absl::InfiniteDuration();
  // Of a suspect one, about, by the wall clock; the database has the true one.
  std::optional<absl::Time> silent_since;
  int backends = 0;                     // Seen in the database at the last look; silent ones only.
  std::optional<absl::Duration> quiet;  // For how long none was seen (BackendWatch::Quiet).
};

// Whether expiry is frozen, and since when on the wall clock.
struct ExpiryBrake {
  BrakeState state;
  absl::Time since;
};

struct FleetOptions {
  Database* database = nullptr;         // Must outlive the fleet.
  base::WorkerPool* workers = nullptr;  // Must outlive the fleet.
  const base::Clock* clock = base::SystemClock();
  Durations durations;
  size_t max_sessions = 20'000;
  // Who leads now; empty while this process does not.
  std::function<std::optional<LeaderToken>()> leadership;
  // Whether a new leader has given everybody the time to come back: before, nobody is expired.
  // Null: TTL and admission validity after Reload.
  std::function<bool()> settled;
  // Something that watchers or the driver care about changed.
  std::function<void()> on_change = [] {};
};

class Fleet {
 public:
  explicit Fleet(FleetOptions options);

  // Takes a hello in: remembers the instance, then registers it durably on a worker and sends the
  // verdict through `link`. RESOURCE_EXHAUSTED (TOO_MANY_SESSIONS, RATE_LIMITED) at once when full.
  absl::Status Register(std::shared_ptr<AgentLink> link, const Declaration& declaration,
                        bool serving);

  // Adds an instance that applies runs in this process and serves nobody: it has no gate and no row
  // in the database, so it never counts as a live instance.
  void AddLocal(std::shared_ptr<AgentLink> link, const Declaration& declaration);

  void Heartbeat(const std::string& session_id, bool serving);
  // The stream of `link` ended; `goodbye` when the agent said so. Ignored when the session has a
  // newer link already.
  void Disconnect(const std::string& session_id, const AgentLink* link, bool goodbye);
  void Drain(const std::string& session_id);

  // Tells those that wait what changed, and asks the database again for those whose gate may open.
  void Refresh(const GateView& view);

  // Moves sessions that said goodbye or fell silent to where the rule wants them (ends.h), at most
  // kMaxMoves of them. Blocks on SQL; called by the driver.
  void Sweep();
  static constexpr size_t kMaxMoves = 500;

  // Somebody states that the process of a silent session is gone. It goes on to count until no
  // backend of it was seen for two TTLs; Sweep then ends it. NOT_FOUND (INSTANCE_NOT_FOUND);
  // FAILED_PRECONDITION (BLOCKED) when it is connected or does not count; ABORTED (BUSY) while its
  // row is being moved. Blocks on SQL.
  absl::Status Attest(const LeaderToken& leader, const std::string& session_id,
                      const Attestation& attestation);

  // Absent unless too many fell silent at once.
  std::optional<ExpiryBrake> expiry_brake() const;
  // False when the coordinator's role cannot see the database's sessions (pg_read_all_stats).
  bool can_see_backends() const;

  // Loads what the database knows after a change of leader.
  absl::Status Reload();
  // Ends all streams: this process leads no more. `status` tells agents where to go.
  void DisconnectAll(const absl::Status& status);
  // The same of a process that stops: agents come back, elsewhere, spread over `spread` from now.
  void SendAllAway(absl::Duration spread, const absl::Status& status);

  // Sends an offer; false when the session is not connected.
  bool Offer(const std::string& session_id, const LeaseOffer& offer);
  // False when it has no stream.
  bool OfferBackfill(const std::string& session_id, const BackfillOffer& offer);
  void SendRevoked(const std::string& session_id, const LeaseToken& token,
                   const std::string& reason);
  void MarkDeclined(const std::string& session_id, absl::Duration pause);
  void MarkUnfit(const std::string& session_id, const std::string& operation,
                 const std::string& why, const std::string& hint);

  // The oldest revision that some instance which may serve knows of, where that is older than
  // `revision`; absent when nobody has anything to hear.
  std::optional<int64_t> SchemaBehind(int64_t revision) const;
  // Tells each of them what it does not know of `changes`, which are complete up to `revision`
  // unless `everything`: then more than that may have changed. Afterwards they know `revision`.
  void TellSchema(const std::vector<AppliedChange>& changes, bool everything, int64_t revision,
                  Version applied);

  std::vector<Member> Members() const;
  std::optional<Member> Find(const std::string& session_id) const;

 private:
  struct Entry {
    Member member;
    std::shared_ptr<AgentLink> link;
    // The revision up to which it knows what migrations changed; 0 before it may serve.
    int64_t schema_told = 0;
    bool asking = false;  // A transaction on its row is under way: an admission or a move.
    bool ask_again = false;
    // The row did not let it end: not tried again before this.
    absl::Duration retry_end = -absl::InfiniteDuration();
    // When its row was told that a backend was seen.
    absl::Duration backends_told = -absl::InfiniteDuration();
  };
  using Entries = std::map<std::string, Entry>;  // By session id.
  struct PlannedMove {
    std::string session_id;
    Move move = Move::kNone;
    absl::Duration silent;
    bool forget = false;  // Of kClose: it never counted, as far as this leader knows.
  };

  Entries TakeAll();
  void AskSoon(Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Ask(const std::string& session_id);
  void Answer(const std::string& session_id, const absl::StatusOr<Verdict>& verdict);
  void EndReservations(const LeaderToken& leader);
  void Load(const SessionRow& row) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // What happened in the database without this leader (reconcile.cc).
  void Reconcile();
  std::vector<std::string> TakeSilent() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // The steps of a sweep (sweep.cc).
  bool Settled() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool IsSilent(const Entry& entry) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void LookForSilent(const LeaderToken& leader);
  void UpdateBrake(const LeaderToken& leader);
  void NoteNewerStarts(const LeaderToken& leader);
  std::vector<PlannedMove> PlanMoves();
  absl::StatusOr<bool> MakeMove(const LeaderToken& leader, const PlannedMove& move);
  void EndMove(const PlannedMove& move, const absl::StatusOr<bool>& moved);
  absl::Status ClaimSilent(const std::string& session_id, absl::Duration& silent);

  const FleetOptions options_;
  mutable base::Mutex mu_;
  Entries entries_ ABSL_GUARDED_BY(mu_);
  BackendWatch backends_ ABSL_GUARDED_BY(mu_);
  absl::Duration next_look_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();
  absl::Duration next_pin_look_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();
  absl::Duration next_reconcile_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();
  absl::Duration loaded_at_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();
  std::optional<absl::Duration> settled_at_ ABSL_GUARDED_BY(mu_);
  std::optional<ExpiryBrake> brake_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_FLEET_FLEET_H_
