// What migrations have changed since a revision, as the event log tells it.
#ifndef LOCKSTEP_COORDINATOR_STORE_SCHEMA_CHANGE_STORE_H_
#define LOCKSTEP_COORDINATOR_STORE_SCHEMA_CHANGE_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "coordinator/store/types.h"
#include "engine/postgres/connection.h"

namespace lockstep::coordinator {

// A migration that was applied.
struct AppliedChange {
  int64_t revision = 0;  // Of its event.
  Version version = 0;
  std::optional<std::vector<std::string>> touches;  // Absent: not known.
};

// Those applied after revision `after`, in order; at most `limit`, the oldest first.
absl::StatusOr<std::vector<AppliedChange>> ReadAppliedChanges(postgres::Connection& connection,
                                                              int64_t after, int limit);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_STORE_SCHEMA_CHANGE_STORE_H_
