// The newest verdict of the start-up gate, and those who wait for it.
//
//   GateSlot slot;
//   slot.Set(verdict);                            // the stream's thread; never blocks
//   absl::Status open = slot.WaitUntilOpen(absl::Minutes(10));
//
// Once open it stays open: losing the coordinator, or a coordinator that changes its mind, never
// stops a running instance. Verdicts that come after are dropped.
//
// Not guaranteed: that an observer sees every verdict. It sees the newest, at least once.
//
// Thread-safe.
#ifndef LOCKSTEP_AGENT_GATE_SLOT_H_
#define LOCKSTEP_AGENT_GATE_SLOT_H_

#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "lockstep/agent.h"

#include "engine/base/mutex.h"

namespace lockstep::agent {

using GateObserver = std::function<void(const GateVerdict&)>;

// The one reason that is waited for although its verdict says that this build may not serve: a
// barrier is lifted again.
inline constexpr char kDraining[] = "draining";
inline constexpr char kConnecting[] = "connecting";

class GateSlot {
 public:
  GateSlot() = default;
  ~GateSlot() { Stop(); }
  GateSlot(const GateSlot&) = delete;
  GateSlot& operator=(const GateSlot&) = delete;

  // Never blocks. Ignored once the gate is open.
  void Set(GateVerdict verdict);

  // While no coordinator has answered yet: says why in the verdict's detail.
  void SetConnecting(const std::string& detail);

  // Nobody answers at the gate any more: what was said before is not true for ever. Ignored once
  // the gate is open, and for a build that is refused for good.
  void SetAway(GateVerdict verdict);

  GateVerdict Get() const;
  bool is_open() const;

  // Blocks until the gate is open: OK. FAILED_PRECONDITION (GATE_REFUSED) when this build is
  // refused for good, DEADLINE_EXCEEDED (GATE_TIMEOUT) after `timeout`, CANCELLED after Stop.
  absl::Status WaitUntilOpen(absl::Duration timeout) const;

  // Calls `observer` now and after every change, from a thread of the slot, one call at a time. An
  // earlier observer is not called any more when this returns; an empty one ends the calls. Blocks
  // while the earlier one runs, unless called from it.
  void Observe(GateObserver observer);

  // Wakes those who wait and ends the observer's thread. Idempotent.
  void Stop();

 private:
  void Publish(GateVerdict verdict) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void RunObserver();
  bool NextCall(GateObserver* observer, GateVerdict* verdict);

  mutable base::Mutex mu_;
  mutable base::CondVar changed_;
  GateVerdict verdict_ ABSL_GUARDED_BY(mu_);
  bool away_ ABSL_GUARDED_BY(mu_) = false;  // verdict_ is of SetAway.
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  int64_t version_ ABSL_GUARDED_BY(mu_) =
      1;  // Of verdict_; an observer is behind when it saw less.
  int64_t observed_ ABSL_GUARDED_BY(mu_) = 0;
  bool calling_ ABSL_GUARDED_BY(mu_) = false;
  GateObserver observer_ ABSL_GUARDED_BY(mu_);
  std::thread thread_ ABSL_GUARDED_BY(mu_);
  std::thread::id observer_thread_ ABSL_GUARDED_BY(mu_);
};

// Turns a verdict that is not open into the error that WaitUntilOpen returns for it.
absl::Status RefusedError(const GateVerdict& verdict);

}  // namespace lockstep::agent

#endif  // LOCKSTEP_AGENT_GATE_SLOT_H_
