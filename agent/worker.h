// The one thread on which an agent applies migrations. It is offered runs, takes one at a time,
// fetches its SQL, applies it on a fresh connection and reports how it ended until somebody has
// heard.
//
//   Worker worker({...}, &client, listener);
//   worker.Start();                       // probes the connection first
//   worker.Offer({token, 3, 9});          // the stream's thread; never blocks
//   worker.Revoke(token, "expired");
//   worker.Stop(absl::Seconds(5));
//
// Not guaranteed: that a run that was taken is still ours. A revoked or expired lease is noticed at
// the latest when the database refuses the commit.
//
// Thread-safe; knows nothing of gRPC.
#ifndef LOCKSTEP_AGENT_WORKER_H_
#define LOCKSTEP_AGENT_WORKER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "agent/run_client.h"
#include "engine/apply/cancellation.h"
#include "engine/apply/lease.h"
#include "engine/apply/run.h"
#include "engine/base/backoff.h"
#include "engine/base/mutex.h"
#include "engine/chain/migration.h"

namespace lockstep::agent {

struct LeaseOffer {
  apply::LeaseToken token;
  chain::Version first = 0;
  chain::Version last = 0;  // Inclusive.
};

// Whether this agent may be offered runs.
struct Fitness {
  bool can_migrate = false;
  std::string error;  // Why not although it was given a connection; empty while not known.
  bool operator==(const Fitness&) const = default;
};

// How the worker speaks to the coordinator; called from the worker's thread or from that of Offer,
// without any of the worker's locks held. None may block.
struct WorkerListener {
  std::function<void(const Fitness&)> fitness;
  std::function<void(const apply::LeaseToken&, bool accepted, const std::string& why)> answer;
  std::function<void(const apply::LeaseToken&, const apply::Progress&)> progress;
};

// What touches the database; replaced in tests.
struct WorkerEngine {
  // `owner_role` is empty until a run has told it.
  std::function<absl::Status(const std::string& owner_role)> probe;
  std::function<apply::RunResult(const apply::RunSpec&, apply::Cancellation&,
                                 const apply::Observer&)>
      apply;
};

// Probes and applies on `conninfo`.
WorkerEngine PostgresEngine(const std::string& conninfo, bool allow_superuser);

struct WorkerLimits {
  // A connection that is not fit is tried again with this back-off.
  base::BackoffOptions probe = {.base = absl::Seconds(1), .cap = absl::Seconds(30)};
  // Calls to the coordinator are repeated with this one, for at most the limits below.
  base::BackoffOptions call = {.base = absl::Milliseconds(100), .cap = absl::Seconds(3)};
  // The lease would have expired, and been given to another, some time before.
  absl::Duration fetch = absl::Seconds(60);
  // The database keeps the truth; the report only makes the coordinator look sooner.
  absl::Duration complete = absl::Minutes(5);
};

class Worker {
 public:
  // `client` must outlive the worker.
  Worker(WorkerEngine engine, RunClient* client, WorkerListener listener, WorkerLimits limits = {});
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void Start();

  // Takes the run or declines it; the answer goes to the listener. An offer that repeats the token
  // of the run in flight is answered as before. Never blocks.
  void Offer(const LeaseOffer& offer);
  // Stops the run with this token, if it is in flight. Never blocks.
  void Revoke(const apply::LeaseToken& token, const std::string& why);
  // Declines offers from now on; a run in flight goes on.
  void Drain();

  // The token of the run in flight, from its acceptance until its end was reported.
  std::optional<apply::LeaseToken> held() const;
  Fitness fitness() const;
  // Blocks until the first probe has ended or `timeout` has passed.
  void WaitForFirstProbe(absl::Duration timeout) const;

  // Cancels the run in flight and ends the thread; the run's end is still reported when that takes
  // less than `timeout`. Idempotent; not from a listener.
  void Stop(absl::Duration timeout);

 private:
  enum class Task { kStop, kProbe, kRun };

  // A run that was accepted.
  struct Taken {
    LeaseOffer offer;
    std::shared_ptr<apply::Cancellation> cancellation;
  };

  std::optional<std::string> Refusal(const LeaseOffer& offer) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool IsTaken(const apply::LeaseToken& token) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Accept(const LeaseOffer& offer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  void Loop();
  Task NextTask();
  void Probe();
  void Run();
  void BecomeUnfit(const std::string& error);

  apply::RunResult Apply(const Taken& taken);
  absl::StatusOr<apply::RunSpec> Fetch(const Taken& taken);
  absl::StatusOr<FetchedRun> FetchPart(const Taken& taken, chain::Version from,
                                       absl::Duration deadline);
  void Complete(const apply::LeaseToken& token, const apply::RunResult& result);
  // Returns false when the report is to be given up.
  bool RestBeforeReport(absl::Duration rest, absl::Duration deadline);

  const WorkerEngine engine_;
  RunClient* const client_;
  const WorkerListener listener_;
  const WorkerLimits limits_;

  // The worker's thread only.
  base::Backoff probe_backoff_;
  std::string owner_role_;

  std::thread thread_;  // Start and Stop only.

  mutable base::Mutex mu_;
  mutable base::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  bool probed_ ABSL_GUARDED_BY(mu_) = false;
  absl::Duration next_probe_ ABSL_GUARDED_BY(mu_);  // On the clock since boot.
  absl::Duration stop_by_ ABSL_GUARDED_BY(mu_) = absl::InfiniteDuration();
  Fitness fitness_ ABSL_GUARDED_BY(mu_);
  std::optional<Taken> current_ ABSL_GUARDED_BY(mu_);  // Until its end was reported.
  bool reporting_ ABSL_GUARDED_BY(mu_) = false;        // current_ has been applied.
  std::optional<Taken> next_ ABSL_GUARDED_BY(mu_);     // Accepted while reporting.
};

}  // namespace lockstep::agent

#endif  // LOCKSTEP_AGENT_WORKER_H_
