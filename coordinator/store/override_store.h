// Overrides: a person decides that a contract runs although it concerns somebody. First the look
// (whom it breaks, and a token over exactly that), then the act with that token.
#ifndef LOCKSTEP_COORDINATOR_STORE_OVERRIDE_STORE_H_
#define LOCKSTEP_COORDINATOR_STORE_OVERRIDE_STORE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "coordinator/store/pin_store.h"
#include "engine/postgres/connection.h"

namespace lockstep::coordinator {

struct OverrideTarget {
  bool pin = false;  // Else a session.
  std::string id;    // Of the session or the pin.
  std::string name;  // "service@build instance", "service@build".
};

struct OverrideLook {
  std::vector<OverrideTarget> targets;  // By kind and id; empty: there is nothing to override.
  std::string token;
};

struct OverrideRequest {
  Version contract = 0;
  absl::Duration lasting;  // Whole seconds.
  std::string token;       // Of the look.
  Decider by;
};

// One that may still be used: neither has its contract run, nor is its time over.
struct OverrideRow {
  std::string override_id;
  Version contract = 0;
  int targets = 0;
  absl::Time created_at;
  absl::Time expires_at;
  Decider by;
};

// All that may still be used, those about the most targets first.
absl::StatusOr<std::vector<OverrideRow>> ReadActiveOverrides(postgres::Connection& connection);

// Whom `contract` concerns now, those of earlier overrides too, and the token for an override that
// lasts so long. FAILED_PRECONDITION (NOT_WAITING) when it is no contract that is yet to run.
absl::StatusOr<OverrideLook> LookAtOverride(postgres::Connection& connection, Version contract,
                                            absl::Duration lasting);

// Records the override and returns its id. ABORTED (ETAG_MISMATCH) when whom the contract concerns
// is no longer what the token is of; FAILED_PRECONDITION (NOTHING_TO_OVERRIDE, NOT_WAITING);
// UNAVAILABLE (NOT_LEADER).
absl::StatusOr<std::string> MakeOverride(postgres::Connection& connection,
                                         const LeaderToken& leader, const OverrideRequest& request);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_STORE_OVERRIDE_STORE_H_
