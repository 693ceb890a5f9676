// Registered instances, a page at a time, with the liveness that only the leader's memory has.
#ifndef LOCKSTEP_COORDINATOR_STATUS_INSTANCES_H_
#define LOCKSTEP_COORDINATOR_STATUS_INSTANCES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "coordinator/fleet/concern.h"
#include "coordinator/fleet/fleet.h"
#include "coordinator/store/session_store.h"

namespace lockstep::coordinator {

struct InstanceState {
  SessionRow session;
  bool connected = false;
  bool serving = false;
  std::optional<absl::Duration> last_seen;  // How long ago; absent when this process does not know.
  int backends = 0;        // Of a silent one: its connections to the database, as far as seen.
  std::string why_counts;  // Of a suspect one, for a person; "" for others.
  std::optional<Concern> concern;  // Where a contract was asked for.
};

// What holds suspect sessions that is no property of one of them.
struct ExpiryView {
  bool frozen = false;
  bool can_see_backends = true;
};
ExpiryView ExpiryOf(const Fleet& fleet);

// Adds what the fleet remembers of the instance, absent when nothing.
InstanceState InstanceOf(SessionRow row, const std::optional<Member>& member, absl::Duration now,
                         const ExpiryView& expiry);

// Instances that have not ended, by service and name. Blocks on SQL. INVALID_ARGUMENT
// (INVALID_FIELD) when `query.after` is no session; as ReadContract for `query.concerned_by`.
absl::StatusOr<std::vector<InstanceState>> ListInstances(Database& database, const Fleet& fleet,
                                                         const SessionQuery& query,
                                                         absl::Duration now);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_STATUS_INSTANCES_H_
