// Tells a `stop` instance when it has to stop itself: once the stop time has passed since the send
// time of the last heartbeat that a coordinator acknowledged. From then on nobody need believe that
// it lives.
//
//   SelfStop self_stop;
//   self_stop.Acknowledged(sent, stop_after);    // welcome or heartbeat; also the first
//   self_stop.Arm();                             // the gate is open: it may serve
//   self_stop.Observe([] { ... });
//
// Not guaranteed: that the instance does stop. Time is that of a clock which also counts suspend,
// but a process that does not run cannot stop itself either.
//
// Thread-safe.
#ifndef LOCKSTEP_AGENT_SELF_STOP_H_
#define LOCKSTEP_AGENT_SELF_STOP_H_

#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

#include "engine/base/clock.h"
#include "engine/base/mutex.h"

namespace lockstep::agent {

class SelfStop {
 public:
  explicit SelfStop(const base::Clock* clock = base::SystemClock()) : clock_(clock) {}
  ~SelfStop() { Stop(); }
  SelfStop(const SelfStop&) = delete;
  SelfStop& operator=(const SelfStop&) = delete;

  // What was sent at `sent` (SinceBoot) was acknowledged. An earlier time than the one known, as
  // after a reordering, changes nothing; nor does one that comes when the time is up: a process
  // that stood still and is heard again may have been given up meanwhile.
  void Acknowledged(absl::Duration sent, absl::Duration stop_after);
  // From now on the instance may serve, so that silence counts.
  void Arm();
  // The same, let in by the database: nobody counts its silence before a coordinator is heard, and
  // what was acknowledged before does not count either.
  void ArmWithoutCoordinator();
  // Calls `lost` once, from a thread of its own, when the time is up; at once when it is already.
  // Replaces an earlier observer that has not been called.
  void Observe(std::function<void()> lost);
  // Nothing is called any more; waits for a call under way. Idempotent.
  void Stop();

 private:
  void Run();
  // For how much longer it may serve; infinite while nothing says.
  absl::Duration Left() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const base::Clock* const clock_;
  base::Mutex mu_;
  base::CondVar changed_;
  absl::Duration sent_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();
  absl::Duration stop_after_ ABSL_GUARDED_BY(mu_) = absl::InfiniteDuration();
  bool armed_ ABSL_GUARDED_BY(mu_) = false;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::function<void()> lost_ ABSL_GUARDED_BY(mu_);
  std::thread thread_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep::agent

#endif  // LOCKSTEP_AGENT_SELF_STOP_H_
