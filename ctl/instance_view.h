// What an instance's gate means to a person. Pure functions.
#ifndef LOCKSTEP_CTL_INSTANCE_VIEW_H_
#define LOCKSTEP_CTL_INSTANCE_VIEW_H_

#include <string>

#include "absl/time/time.h"
#include "lockstep/v1/status.pb.h"

#include "ctl/style.h"

namespace lockstep::ctl {

// How bad an instance is; the worst of its instances is a build's, and a service's.
enum class Health {
  kOpen = 0,
  kUnknown = 1,
  kStarting = 2,
  kLost = 3,
  kSuspect = 4,
  kWaiting = 5,
  kRefused = 6
};

Health HealthOf(const v1::InstanceStatus& instance);
Tone ToneOf(Health health);

// "open", "waiting 12s", "refused", "lost" (open, but its stream is not connected), "suspect 3m"
// (lost for the session TTL, and it counts on), "starting" (an init container has reserved its
// place).
std::string GateWord(const v1::InstanceStatus& instance, absl::Time now);

// "2s"; "-" when it is not connected.
std::string LastSeen(const v1::InstanceStatus& instance);

// The gate's own sentence, its reason when it has none; "" for an open gate.
std::string GateNote(const v1::InstanceStatus& instance);

// What to do about it: the gate's hint, or how to evict a suspect; "" when there is nothing to do.
std::string HintFor(const v1::InstanceStatus& instance);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_INSTANCE_VIEW_H_
