// Leader election: one thread that acquires and renews the leader row.
//
// Not guaranteed: that only one process believes to lead at a time. What is guaranteed is that no
// write of a deposed leader commits, because every write names its (epoch, holder) and the database
// checks it under a lock (lockstep.leader_fence). leadership() is a hint that spares useless tries:
// it turns empty leader_depose after the send time of the last acknowledged renewal, on a clock
// that also runs while the machine is suspended.
//
// PostgreSQL may lose what it had committed. A leader that notices it (another timeline, another
// server, numbers that went back) takes itself for deposed, so that everything it remembers is
// dropped, and takes the row over anew, which begins a new incarnation. A follower that noticed
// waits a TTL for the leader to do so and then does it itself.
//
//   Elector elector({...});
//   elector.Start();
//   if (auto token = elector.leadership()) ...
//   elector.Stop();        // resigns, so that another takes over at once
//
// Thread-safe, but for Start and StartLeading, one of which is called once.
#ifndef LOCKSTEP_COORDINATOR_LEASE_ELECTOR_H_
#define LOCKSTEP_COORDINATOR_LEASE_ELECTOR_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

#include "coordinator/durations.h"
#include "coordinator/lease/server_memory.h"
#include "coordinator/store/database.h"
#include "coordinator/store/leader_store.h"
#include "engine/base/clock.h"
#include "engine/base/mutex.h"

namespace lockstep::coordinator {

// The address of a process that leads for one upgrade only and serves nobody: "direct:HOST/PID".
// Written to the leader row; do not change.
std::string DirectAddress(absl::string_view identity);
// "HOST/PID" of such an address; empty for a coordinator's.
std::optional<std::string> DirectIdentity(absl::string_view address);

struct ElectorOptions {
  postgres::ConnectionOptions connection;
  // What followers send clients to; asked for at each election, when the port is known.
  std::function<std::string()> address = [] { return std::string(); };
  Durations durations;
  const base::Clock* clock = base::SystemClock();
  // Called from the elector's thread when leadership is won (with the token) or lost.
  std::function<void(const LeaderToken&)> on_elected = [](const LeaderToken&) {};
  std::function<void()> on_deposed = [] {};
};

class Elector {
 public:
  explicit Elector(ElectorOptions options);
  ~Elector();

  void Start();
  // The same for who has won already: with `won` of an AcquireLeadership that was sent at `sent`
  // (SinceBoot scale) over `connection`, which is used for renewals from here on.
  void StartLeading(std::unique_ptr<postgres::Connection> connection, const LeaderRow& won,
                    absl::Duration sent);
  // Resigns when leading, and joins. Idempotent.
  void Stop();

  // The token while this process leads.
  std::optional<LeaderToken> leadership() const;

  // The address of whoever leads, as last seen; "" when nobody does.
  std::string leader_address() const;

  // Somebody noticed that the database is not the one that this process remembers, because of
  // `why`: a leader steps down and takes over anew. `incarnation` is the highest one that whoever
  // noticed remembers: when a later one has begun since, that was the answer. Never blocks.
  void Distrust(int64_t incarnation, const std::string& why);

 private:
  void Run();
  // One round; returns how long to wait before the next.
  absl::Duration Step();
  absl::Duration Follow(postgres::Connection& connection);
  absl::Duration Renew(postgres::Connection& connection, const LeaderToken& token);
  void StepDown(absl::string_view why);
  // A new incarnation is due: at once, or when nobody else has begun it within a TTL.
  void Doubt(const std::string& why, bool at_once);
  void AnnounceIncarnation(int64_t incarnation);
  postgres::Connection* connection();

  const ElectorOptions options_;

  // Of the elector's thread alone.
  std::unique_ptr<postgres::Connection> connection_;
  LeaderRow seen_;
  absl::Duration seen_since_;
  ServerMemory memory_;
  // The incarnation that the next one has to exceed, and from when on to take the row over for it,
  // whoever leads.
  int64_t beyond_ = 0;
  absl::Duration take_over_at_ = absl::InfiniteDuration();

  mutable base::Mutex mu_;
  base::CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  // Told to Distrust and not looked at yet; `why` is "" for none.
  struct Doubted {
    int64_t incarnation = 0;
    std::string why;
  };
  Doubted distrust_ ABSL_GUARDED_BY(mu_);
  std::optional<LeaderToken> token_ ABSL_GUARDED_BY(mu_);
  absl::Duration acknowledged_ ABSL_GUARDED_BY(mu_);  // Send time of the last acknowledged renewal.
  std::string leader_address_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_LEASE_ELECTOR_H_
