// Pins: builds that count as live although no instance of them runs.
#ifndef LOCKSTEP_COORDINATOR_STORE_PIN_STORE_H_
#define LOCKSTEP_COORDINATOR_STORE_PIN_STORE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "coordinator/store/types.h"
#include "engine/postgres/connection.h"

namespace lockstep::coordinator {

// Who decides something, and why; neither may be empty.
struct Decider {
  std::string actor;
  std::string reason;
};

struct PinRequest {
  std::string service;
  std::string build;
  // What the build declares; absent: as an instance of it declared, or the pin that is there.
  std::optional<Declaration> declared;
  absl::Duration lasting;
  Decider by;
};

struct PinRow {
  std::string pin_id;
  Declaration declaration;  // Service, build, built_for, needs, adapted_to, uses.
  absl::Time created_at;
  absl::Time expires_at;
  Decider by;
  Version holds_up = 0;  // The first contract that it does, overrides heeded; 0 for none.
};

// Pins a build, or pins it anew; durable when it returns, and it counts from then on. Returns the
// pin's id. NOT_FOUND (BUILD_NOT_FOUND) when nothing is declared and nobody knows the build;
// FAILED_PRECONDITION (PIN_REFUSED), the gate's reason in metadata `detail`, when it could not
// start any more or the fleet drains for a contract that concerns it; UNAVAILABLE (NOT_LEADER).
absl::StatusOr<std::string> PinBuild(postgres::Connection& connection, const LeaderToken& leader,
                                     const PinRequest& request);

// Ends the pin of a build that will not run again, and returns how many that were. No session is
// ended. NOT_FOUND (BUILD_NOT_FOUND); UNAVAILABLE (NOT_LEADER).
absl::StatusOr<int> RetireBuild(postgres::Connection& connection, const LeaderToken& leader,
                                const std::string& service, const std::string& build,
                                const Decider& by);

struct PinQuery {
  std::string after;    // The pin id that the page before ended with; "" for the first page.
  std::string service;  // Only this one's; "" for all.
  int limit = 100;
};

// A page of pins that have not ended, by service, build and pin id.
absl::StatusOr<std::vector<PinRow>> ReadPins(postgres::Connection& connection,
                                             const PinQuery& query);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_STORE_PIN_STORE_H_
