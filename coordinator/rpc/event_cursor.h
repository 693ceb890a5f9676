// Where a reader of the event log stands. Sequences mean something within an incarnation only: when
// PostgreSQL lost commits they go back, and a number that was one event may become another.
#ifndef LOCKSTEP_COORDINATOR_RPC_EVENT_CURSOR_H_
#define LOCKSTEP_COORDINATOR_RPC_EVENT_CURSOR_H_

#include <compare>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "coordinator/store/event_store.h"

namespace lockstep::coordinator {

struct EventCursor {
  int64_t incarnation = 0;  // 0: the reader does not know.
  int64_t after = 0;
  auto operator<=>(const EventCursor&) const = default;
};

// As page tokens carry it: "2.150".
std::string FormatCursor(const EventCursor& cursor);
// INVALID_ARGUMENT (INVALID_FIELD) for anything else.
absl::StatusOr<EventCursor> ParseCursor(const std::string& token);

// Whether `page`, which was read from `cursor` on, goes on where the reader stands. OUT_OF_RANGE:
// EVENT_COMPACTED when the cursor is of another incarnation, with the present one in metadata
// `incarnation` and the sequence before its first event in `resume_after`; INVALID_FIELD when the
// log does not reach that far.
absl::Status CheckCursor(postgres::Connection& connection, const EventCursor& cursor,
                         const EventPage& page);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_RPC_EVENT_CURSOR_H_
