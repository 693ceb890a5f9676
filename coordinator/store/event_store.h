// The event log: what changed the state, in order, without gaps. Written by the SQL functions in
// the transaction of the change; only read here.
#ifndef LOCKSTEP_COORDINATOR_STORE_EVENT_STORE_H_
#define LOCKSTEP_COORDINATOR_STORE_EVENT_STORE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "coordinator/store/types.h"
#include "engine/postgres/connection.h"

namespace lockstep::coordinator {

struct EventRow {
  int64_t sequence = 0;
  absl::Time at;
  std::string kind;
  Version version = 0;    // 0 when it is about none.
  std::string operation;  // "" when it is about none.
  std::string detail;     // A JSON object.
};

struct EventPage {
  std::vector<EventRow> events;  // By sequence.
  int64_t newest = 0;            // Of the whole log, when the page was read; 0 while it is empty.
  int64_t incarnation = 0;       // That the sequences are of.
};

// Events after sequence `after`, the first `limit` of them.
absl::StatusOr<EventPage> ReadEvents(postgres::Connection& connection, int64_t after, int limit);

// The sequence before the first event of the present incarnation; 0 in the first one.
absl::StatusOr<int64_t> ReadIncarnationBegin(postgres::Connection& connection);

// The newest `limit` events.
absl::StatusOr<EventPage> ReadLastEvents(postgres::Connection& connection, int limit);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_STORE_EVENT_STORE_H_
