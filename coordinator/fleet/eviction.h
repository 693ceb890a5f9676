// A person states that an instance is gone: which of its sessions that is about, and that what was
// shown to him is what is done.
#ifndef LOCKSTEP_COORDINATOR_FLEET_EVICTION_H_
#define LOCKSTEP_COORDINATOR_FLEET_EVICTION_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "coordinator/fleet/fleet.h"

namespace lockstep::coordinator {

struct EvictRequest {
  std::string service;
  std::string instance;  // Its name, or the id of a session.
  Attestation attestation;
  bool validate_only = false;
  std::set<std::string> expected;  // Session ids that were shown; empty: whichever there are.
};

// Returns the sessions that are evicted: those of the instance that count and are not connected.
// NOT_FOUND (INSTANCE_NOT_FOUND) when nobody of that name is known; FAILED_PRECONDITION (BLOCKED)
// with each session as a blocker when none can be evicted; ABORTED (ETAG_MISMATCH) when they are
// not those that were expected; else as Fleet::Attest. Blocks on SQL unless `validate_only`.
absl::StatusOr<std::vector<std::string>> Evict(Fleet& fleet, const LeaderToken& leader,
                                               const EvictRequest& request);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_FLEET_EVICTION_H_
