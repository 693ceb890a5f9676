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
//   fleet.Refresh(view);                            // the chain moved: ask again for those that
//   wait fleet.Sweep();                                  // end what has been silent for too long
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
#include "coordinator/fleet/waiting.h"
#include "coordinator/store/database.h"
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
  bool gone = false;      // It said goodbye.
  bool reserved = false;  // Admitted as a reservation: it counts, connected or not, for its time.
  std::string unfit_for;  // The operation whose runs it cannot apply; "" for none.
  std::string unfit_why;
  std::string unfit_hint;
  absl::Duration declined_until;  // It declined an offer: none before this, SinceBoot scale.
  absl::Duration last_seen;       // On the clock's SinceBoot scale.
};

struct FleetOptions {
  Database* database = nullptr;         // Must outlive the fleet.
  base::WorkerPool* workers = nullptr;  // Must outlive the fleet.
  const base::Clock* clock = base::SystemClock();
  Durations durations;
  size_t max_sessions = 20'000;
  // Who leads now; empty while this process does not.
  std::function<std::optional<LeaderToken>()> leadership;
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

  // Ends sessions that have been silent for too long. Blocks on SQL; called by the driver.
  void Sweep();

  // Loads what the database knows after a change of leader.
  absl::Status Reload();
  // Ends all streams: this process leads no more. `status` tells agents where to go.
  void DisconnectAll(const absl::Status& status);
  // The same of a process that stops: agents come back, elsewhere, spread over `spread` from now.
  void SendAllAway(absl::Duration spread, const absl::Status& status);

  // Sends an offer; false when the session is not connected.
  bool Offer(const std::string& session_id, const LeaseOffer& offer);
  void SendRevoked(const std::string& session_id, const LeaseToken& token,
                   const std::string& reason);
  void MarkDeclined(const std::string& session_id, absl::Duration pause);
  void MarkUnfit(const std::string& session_id, const std::string& operation,
                 const std::string& why, const std::string& hint);

  std::vector<Member> Members() const;
  std::optional<Member> Find(const std::string& session_id) const;

 private:
  struct Entry {
    Member member;
    std::shared_ptr<AgentLink> link;
    bool asking = false;  // A transaction on its row is under way: an admission or a move.
    bool ask_again = false;
  };
  using Entries = std::map<std::string, Entry>;  // By session id.

  Entries TakeAll();
  void AskSoon(Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Ask(const std::string& session_id);
  void Answer(const std::string& session_id, const absl::StatusOr<Verdict>& verdict);
  void EndReservations(const LeaderToken& leader);
  std::string NextState(const Entry& entry) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool MoveRow(const LeaderToken& leader, const std::string& session_id, const std::string& state);
  void EndMove(const std::string& session_id, const std::string& state, bool moved);

  const FleetOptions options_;
  mutable base::Mutex mu_;
  Entries entries_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_FLEET_FLEET_H_
