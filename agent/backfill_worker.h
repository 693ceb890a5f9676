// The one thread on which an agent works on parts of backfills, one at a time. What it has to know
// of a part, and what became of it, is between it and the database.
//
//   BackfillWorker worker(conninfo, allow_superuser, ended);
//   worker.Offer(token, "fill_totals");   // the stream's thread; never blocks
//   worker.Stop();
//
// Thread-safe.
#ifndef LOCKSTEP_AGENT_BACKFILL_WORKER_H_
#define LOCKSTEP_AGENT_BACKFILL_WORKER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

#include "engine/apply/cancellation.h"
#include "engine/apply/lease.h"
#include "engine/backfill/part.h"
#include "engine/backfill/vacuum.h"
#include "engine/base/mutex.h"

namespace lockstep::agent {

class BackfillWorker {
 public:
  // `ended` is called on the worker's thread when a part is worked on no more; it must not block.
  using Ended = std::function<void(const apply::LeaseToken&)>;

  BackfillWorker(std::string conninfo, bool allow_superuser, Ended ended);
  ~BackfillWorker();
  BackfillWorker(const BackfillWorker&) = delete;
  BackfillWorker& operator=(const BackfillWorker&) = delete;

  // Works on the part. There is one at a time: another offer means that the one in flight is not
  // ours any more.
  void Offer(const apply::LeaseToken& token, const std::string& name);
  // Gives the part in flight back behind its batch, and takes no more.
  void Drain();
  // Likewise; ends the thread. Idempotent.
  void Stop();

 private:
  struct Taken {
    backfill::PartSpec part;
    std::string name;
    std::shared_ptr<apply::Cancellation> cancellation;
  };
  void Loop();
  void Work(const Taken& taken, backfill::VacuumKeeper& keeper);
  // Waits for an offer. Absent when there was none for `patience`, and when the thread is to end.
  std::optional<Taken> Next(absl::Duration patience);

  const std::string conninfo_;
  const bool allow_superuser_;
  const Ended ended_;
  base::Mutex mu_;
  base::CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<Taken> next_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<apply::Cancellation> current_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace lockstep::agent

#endif  // LOCKSTEP_AGENT_BACKFILL_WORKER_H_
