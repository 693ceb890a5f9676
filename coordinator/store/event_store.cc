#include "coordinator/store/event_store.h"

#include <algorithm>

#include "coordinator/store/sql_values.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

using postgres::Connection;
using postgres::Param;
using postgres::Row;

// Events and the newest revision come from one statement, hence from one snapshot.
constexpr char kEvents[] = R"sql(
SELECT c.revision, e.revision, extract(epoch FROM e.at), e.kind, e.version, e.operation, e.detail, c.incarnation
  FROM lockstep.chain c
  LEFT JOIN LATERAL (SELECT * FROM lockstep.event x WHERE x.revision > $1
                      ORDER BY x.revision LIMIT $2) e ON true
 ORDER BY e.revision)sql";

constexpr char kLast[] = R"sql(
SELECT c.revision, e.revision, extract(epoch FROM e.at), e.kind, e.version, e.operation, e.detail, c.incarnation
  FROM lockstep.chain c
  LEFT JOIN LATERAL (SELECT * FROM lockstep.event x
                      ORDER BY x.revision DESC LIMIT $1) e ON true
 ORDER BY e.revision)sql";

EventPage PageOf(const postgres::Result& result) {
  EventPage page;
  for (const Row& row : result.rows) {
    page.newest = row.Long(0);
    page.incarnation = row.Long(7);
    if (row.IsNull(1)) continue;
    page.events.push_back({.sequence = row.Long(1),
                           .at = TimeOf(row, 2).value_or(absl::UnixEpoch()),
                           .kind = row.Text(3),
                           .version = row.Int(4),
                           .operation = row.Text(5),
                           .detail = row.Text(6)});
  }
  return page;
}

}  // namespace

absl::StatusOr<EventPage> ReadEvents(Connection& connection, int64_t after, int limit) {
  ASSIGN_OR_RETURN(const auto result, connection.Query(kEvents, {Param(after), Param(limit)}));
  return PageOf(result);
}

absl::StatusOr<int64_t> ReadIncarnationBegin(Connection& connection) {
  ASSIGN_OR_RETURN(const auto result,
                   connection.Query("SELECT coalesce(max(revision), 1) - 1 FROM lockstep.event "
                                    "WHERE kind = 'incarnation_began'"));
  return result.only().Long(0);
}

absl::StatusOr<EventPage> ReadLastEvents(Connection& connection, int limit) {
  ASSIGN_OR_RETURN(const auto result, connection.Query(kLast, {Param(limit)}));
  return PageOf(result);
}

}  // namespace lockstep::coordinator
