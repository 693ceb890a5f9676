// The gate's facts in the coordinator's memory, for questions that must not cost a query.
//
//   memory.Remember(facts, began);                       // the driver, after each look
//   if (auto verdict = memory.Ask(declaration)) ...      // anybody; never blocks on SQL
//
// Not guaranteed: that an answer is the newest. It was true at most `limit` ago; commits that
// agents report wake the driver, so that it is newer by far while an upgrade runs. Whoever needs
// more registers (lockstep.admit), and nothing here admits anybody.
//
// Age is the only thing that makes memory invalid: the facts were read from the database, whoever
// leads. On a follower, and where the database is away, they age and Ask says nothing.
#ifndef LOCKSTEP_COORDINATOR_FLEET_GATE_MEMORY_H_
#define LOCKSTEP_COORDINATOR_FLEET_GATE_MEMORY_H_

#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

#include "coordinator/fleet/gate_rule.h"
#include "engine/base/clock.h"
#include "engine/base/mutex.h"

namespace lockstep::coordinator {

// Thread-safe.
class GateMemory {
 public:
  GateMemory(absl::Duration limit, const base::Clock* clock) : limit_(limit), clock_(clock) {}

  // `read_at`: before the facts were read, on the clock's SinceBoot scale.
  void Remember(GateFacts facts, absl::Duration read_at);
  // Empties it, e.g. because this process leads no more.
  void Forget();

  // Absent when there are no facts, or none as young as `limit`, and for a build that is too old:
  // ask the database then.
  std::optional<Verdict> Ask(const Declaration& declaration) const;

 private:
  const absl::Duration limit_;
  const base::Clock* const clock_;
  mutable base::Mutex mu_;
  std::shared_ptr<const GateFacts> facts_ ABSL_GUARDED_BY(mu_);
  absl::Duration read_at_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_FLEET_GATE_MEMORY_H_
