#include "coordinator/store/attempt_store.h"

#include "coordinator/store/sql_values.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

using postgres::Connection;
using postgres::Param;
using postgres::Row;

// What a run that was taken back has committed is in the history, not in its row.
constexpr char kAttempts[] = R"sql(
SELECT a.lease_epoch, a.operation, a.session, a.holder, a.first, a.last,
       extract(epoch FROM a.started_at), extract(epoch FROM a.ended_at),
       extract(epoch FROM l.expires_at), l.epoch IS NOT NULL, a.outcome,
       coalesce(a.committed, (SELECT max(h.version) FROM lockstep.history h
                               WHERE h.version BETWEEN a.first AND a.last
                                 AND h.lease_epoch = a.lease_epoch)), a.error
  FROM lockstep.attempt a
  LEFT JOIN lockstep.lease l ON l.epoch = a.lease_epoch AND l.state = 'held'
 WHERE ($1::bigint IS NULL OR a.lease_epoch < $1) AND ($3::text IS NULL OR a.operation = $3)
 ORDER BY a.lease_epoch DESC LIMIT $2)sql";

AttemptRow AttemptOf(const Row& row) {
  return {.lease_epoch = row.Long(0),
          .operation = row.Text(1),
          .session = row.Text(2),
          .holder = row.Text(3),
          .first = row.Int(4),
          .last = row.Int(5),
          .started_at = TimeOf(row, 6).value_or(absl::UnixEpoch()),
          .ended_at = TimeOf(row, 7),
          .expires_at = TimeOf(row, 8),
          .held = row.Bool(9),
          .outcome = row.Text(10),
          .committed = row.Int(11),
          .error = ErrorOf(row, 12)};
}

absl::StatusOr<std::vector<AttemptRow>> Read(Connection& connection,
                                             const std::vector<postgres::Value>& params) {
  ASSIGN_OR_RETURN(const auto result, connection.Query(kAttempts, params));
  std::vector<AttemptRow> attempts;
  for (const Row& row : result.rows) attempts.push_back(AttemptOf(row));
  return attempts;
}

}  // namespace

absl::StatusOr<std::vector<AttemptRow>> ReadAttempts(Connection& connection,
                                                     std::optional<int64_t> before, int limit) {
  return Read(connection, {before.has_value() ? Param(*before) : postgres::NullParam(),
                           Param(limit), postgres::NullParam()});
}

absl::StatusOr<std::vector<AttemptRow>> ReadAttemptsOf(Connection& connection,
                                                       const std::string& operation_id, int limit) {
  return Read(connection, {postgres::NullParam(), Param(limit), Param(operation_id)});
}

}  // namespace lockstep::coordinator
