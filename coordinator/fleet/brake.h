// The brake on expiry: when many sessions fall silent at once, the fault is more likely the
// network's or ours than theirs, and nobody is expired for his silence.
//
//   const BrakeState state = JudgeBrake(sessions, silent_since, durations.session_ttl);
//   if (state.frozen) ...
//
// Frozen while more than a fifth of all sessions, and at least kBrakeMinimum of them, fell silent
// within one session TTL and have been silent since. So it ends by itself as soon as enough of them
// are heard again, end in another way (a goodbye, their newer start, a person's attestation), or
// are outnumbered by instances that took their place; and after `suspect_expiry`, for which the
// caller leaves out those that are silent for longer. Nothing is remembered, so a change of leader
// changes nothing.
//
// Not guaranteed: that a crash of many `stop` instances at once is told from a network that is cut.
// That is what a person is for.
#ifndef LOCKSTEP_COORDINATOR_FLEET_BRAKE_H_
#define LOCKSTEP_COORDINATOR_FLEET_BRAKE_H_

#include <cstddef>
#include <vector>

#include "absl/time/time.h"

namespace lockstep::coordinator {

// More than one in so many.
inline constexpr size_t kBrakeShare = 5;
// Fewer are never too many: a fleet of three may lose one.
inline constexpr size_t kBrakeMinimum = 5;

struct BrakeState {
  bool frozen = false;
  size_t silent = 0;    // The most that fell silent within one TTL and still are.
  size_t sessions = 0;  // All that count.
  bool operator==(const BrakeState&) const = default;
};

// `sessions`: how many count, silent ones included. `silent_since`: of each silent one since when,
// in any order, on any one scale.
BrakeState JudgeBrake(size_t sessions, std::vector<absl::Duration> silent_since,
                      absl::Duration session_ttl);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_FLEET_BRAKE_H_
