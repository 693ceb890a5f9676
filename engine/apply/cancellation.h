// Stopping a run from another thread.
//
//   Cancellation cancellation;                     // shared by both threads
//   CancelWatch watch(cancellation, *session);     // the runner, once it is connected
//   cancellation.Request("revoked");               // anybody, at any time
//
// A request that arrives between two statements finds nothing to cancel on the server, so the watch
// repeats the cancel until the runner has noticed; Request itself never blocks and may be called on
// a reactor's thread.
//
// Not guaranteed: a run whose COMMIT is under way is not stopped.
#ifndef LOCKSTEP_ENGINE_APPLY_CANCELLATION_H_
#define LOCKSTEP_ENGINE_APPLY_CANCELLATION_H_

#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"

#include "engine/base/mutex.h"
#include "engine/postgres/script_session.h"

namespace lockstep::apply {

// Thread-safe.
class Cancellation {
 public:
  Cancellation() = default;
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;

  // The first reason is kept.
  void Request(absl::string_view why);
  bool requested() const;
  std::string why() const;

  // Blocks until a request or until `timeout` has passed; returns requested().
  bool WaitFor(absl::Duration timeout) const;

 private:
  friend class CancelWatch;
  mutable base::Mutex mu_;
  mutable base::CondVar changed_;
  bool requested_ ABSL_GUARDED_BY(mu_) = false;
  std::string why_ ABSL_GUARDED_BY(mu_);
};

// Carries requests to the server while it lives, on a thread of its own. Both arguments must
// outlive it. Used by the runner's thread only.
class CancelWatch {
 public:
  CancelWatch(Cancellation& cancellation, postgres::ScriptSession& session);
  ~CancelWatch();
  CancelWatch(const CancelWatch&) = delete;
  CancelWatch& operator=(const CancelWatch&) = delete;

  // From the return of Disarm to Arm no cancel is sent. Blocks while one is on its way.
  void Disarm();
  void Arm();

 private:
  void Run();
  // Waits for something to do; returns false at the end, true when a cancel is to be sent now.
  bool NextCancel();
  void Sent();

  Cancellation& cancellation_;
  postgres::ScriptSession& session_;
  // Guarded by cancellation_.mu_.
  bool armed_ = true;
  bool stopped_ = false;
  bool sending_ = false;
  int sent_ = 0;
  std::thread thread_;
};

}  // namespace lockstep::apply

#endif  // LOCKSTEP_ENGINE_APPLY_CANCELLATION_H_
