// Ctrl-C and SIGTERM. The first one cancels the call in flight, so that a command can say how to
// re-attach and end in order; the work itself goes on in the coordinator. The second one ends the
// process at once.
//
//   Interrupt interrupt;                       // in main, before any other thread exists
//   Interrupt::CancelScope scope(interrupt, &context);
//   ... a blocking call with `context` ...
//   if (interrupt.raised()) return interrupt.ToStatus();
//
// The signals are blocked and read by one thread of its own: nothing ever runs in a signal handler.
// An ignored SIGINT (nohup, a background job) stays ignored. Thread-safe.
#ifndef LOCKSTEP_CTL_INTERRUPT_H_
#define LOCKSTEP_CTL_INTERRUPT_H_

#include <atomic>
#include <grpcpp/client_context.h>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

#include "engine/base/mutex.h"

namespace lockstep::ctl {

class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  bool raised() const { return signal_.load() != 0; }
  // SIGINT, SIGTERM, or 0.
  int signal() const { return signal_.load(); }

  // CANCELLED with the reason INTERRUPTED or TERMINATED; OK when nothing was raised.
  absl::Status ToStatus() const;

  // Waits; returns false at once when a signal was raised before or meanwhile.
  bool SleepFor(absl::Duration duration);

  // Readable once a signal was raised; for poll().
  int fd() const { return raised_fd_; }

  // As if `signal` had arrived; for tests.
  void Raise(int signal);

  // Cancels `context` when a signal is raised in this scope, or was before it.
  class CancelScope {
   public:
    CancelScope(Interrupt& interrupt, grpc::ClientContext* context);
    ~CancelScope();
    CancelScope(const CancelScope&) = delete;
    CancelScope& operator=(const CancelScope&) = delete;

   private:
    Interrupt& interrupt_;
  };

 private:
  void Run();

  int signal_fd_ = -1;
  int stop_fd_ = -1;
  int raised_fd_ = -1;
  std::atomic<int> signal_ = 0;
  base::Mutex mu_;
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mu_) = nullptr;
  std::thread thread_;
};

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_INTERRUPT_H_
