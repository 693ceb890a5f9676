#include "coordinator/store/operation_store.h"

#include "absl/strings/str_cat.h"

#include "coordinator/store/sql_values.h"
#include "engine/base/digest.h"
#include "engine/base/error_info.h"
#include "engine/base/ids.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

using postgres::BytesParam;
using postgres::Connection;
using postgres::Param;
using postgres::Row;

// What failed in a row: runs that a report ended without a committed version. A run that was taken
// back or declined is no failure of the migration.
// What was lost in a row: runs of one version, the last one that was, whose holder died or went
// silent in it; of a run of several the version behind those that it committed. A statement outside
// of a transaction that is done is progress, too. Runs that were taken back for another reason, and
// offers that were declined, are neither.
constexpr char kColumns[] = R"sql(
SELECT operation_id, state, target, contracts, start_version, actor, reason, attempts,
       greatest(extract(epoch FROM not_before - clock_timestamp()), 0), error,
       extract(epoch FROM created_at), extract(epoch FROM ended_at), failed.count,
       extract(epoch FROM clock_timestamp() - failed.first),
       extract(epoch FROM clock_timestamp() - failed.last),
       extract(epoch FROM terminate_idle), retries, kind, when_drained,
       extract(epoch FROM deadline), extract(epoch FROM deadline - clock_timestamp()),
       coalesce(extract(epoch FROM soak), 0), extract(epoch FROM clock_timestamp() - quiet_since),
       coalesce(accept_unknown, ''), lost.version, lost.holders,
       NOT lockstep.runs_alone(lost.version),
       (SELECT count(*) FROM lockstep.intent i
         WHERE i.version = lost.version AND i.state IN ('done', 'adopted'))
  FROM lockstep.operation o, LATERAL (
    SELECT count(*) AS count, min(a.started_at) AS first, max(a.ended_at) AS last
      FROM lockstep.attempt a
     WHERE a.operation = o.operation_id AND a.ended_at IS NOT NULL AND a.committed IS NULL
       AND a.error IS NOT NULL AND a.outcome <> 'revoked'
       AND a.started_at > coalesce(o.resumed_at, '-infinity') AND a.lease_epoch > coalesce(
         (SELECT max(b.lease_epoch) FROM lockstep.attempt b
           WHERE b.operation = o.operation_id
             AND (b.committed IS NOT NULL OR b.outcome = 'revoked' AND EXISTS (
                    SELECT FROM lockstep.history h WHERE h.lease_epoch = b.lease_epoch
                       AND h.version BETWEEN b.first AND b.last))), 0)) failed, LATERAL (
    SELECT coalesce(max(t.version), 0) AS version,
           coalesce(array_agg(t.holder ORDER BY t.lease_epoch), '{}') AS holders
      FROM (SELECT a.lease_epoch, a.holder, v.version,
                   first_value(v.version) OVER (ORDER BY a.lease_epoch DESC) AS newest
              FROM lockstep.attempt a, LATERAL (
                SELECT coalesce((SELECT max(h.version) + 1 FROM lockstep.history h
                                  WHERE h.lease_epoch = a.lease_epoch
                                    AND h.version BETWEEN a.first AND a.last), a.first)) v (version)
             WHERE a.operation = o.operation_id AND a.error @> '{"lost": true}'
               AND a.started_at > coalesce(o.resumed_at, '-infinity')
               AND a.lease_epoch > coalesce(
                 (SELECT max(b.lease_epoch) FROM lockstep.attempt b
                   WHERE b.operation = o.operation_id AND b.ended_at IS NOT NULL
                     AND b.outcome <> 'revoked'
                     AND (b.outcome <> 'not started' OR b.error IS NOT NULL)), 0)
               AND a.lease_epoch >= coalesce(
                 (SELECT max(i.lease_epoch) FROM lockstep.intent i
                   WHERE i.version = v.version AND i.state IN ('done', 'adopted')), 0)) t
     WHERE t.version = t.newest) lost
)sql";

absl::string_view NameOf(OperationState state) {
  switch (state) {
    case OperationState::kRunning:
      return "running";
    case OperationState::kPaused:
      return "paused";
    case OperationState::kCancelling:
      return "cancelling";
    case OperationState::kSucceeded:
      return "succeeded";
    case OperationState::kFailed:
      return "failed";
    case OperationState::kCancelled:
      return "cancelled";
  }
  return "";
}

OperationState StateOf(const std::string& name) {
  for (OperationState state :
       {OperationState::kRunning, OperationState::kPaused, OperationState::kCancelling,
        OperationState::kSucceeded, OperationState::kFailed}) {
    if (name == NameOf(state)) return state;
  }
  return OperationState::kCancelled;
}

OperationRow OperationOf(const Row& row) {
  const auto duration = [&](int column) {
    return row.IsNull(column) ? std::nullopt : std::optional(DurationOf(row, column));
  };
  return {.operation_id = row.Text(0),
          .kind = row.Text(17) == "contract" ? OperationKind::kContract : OperationKind::kUpgrade,
          .state = StateOf(row.Text(1)),
          .target = row.Int(2),
          .contracts = row.Bool(3),
          .start_version = row.Int(4),
          .actor = row.Text(5),
          .reason = row.Text(6),
          .attempts = row.Int(7),
          .delay = DurationOf(row, 8),
          .error = ErrorOf(row, 9),
          .created_at = TimeOf(row, 10).value_or(absl::UnixEpoch()),
          .ended_at = TimeOf(row, 11),
          .failures = row.Int(12),
          .failing_for = DurationOf(row, 13),
          .since_failure = DurationOf(row, 14),
          .losses = {.version = row.Int(24),
                     .holders = row.TextArray(25),
                     .transactional = row.Bool(26),
                     .steps_done = row.Int(27)},
          .terminate_idle = duration(15),
          .retries = row.Int(16),
          .when_drained = row.Bool(18),
          .deadline = TimeOf(row, 19),
          .deadline_left = duration(20),
          .soak = DurationOf(row, 21),
          .quiet_for = duration(22),
          .accept_unknown = row.Text(23)};
}

absl::StatusOr<std::optional<OperationRow>> ReadFirst(Connection& connection,
                                                      absl::string_view where) {
  ASSIGN_OR_RETURN(const auto result, connection.Query(absl::StrCat(kColumns, where)));
  if (result.empty()) return std::optional<OperationRow>();
  return std::optional<OperationRow>(OperationOf(result.rows[0]));
}

std::string KindName(OperationKind kind) {
  return kind == OperationKind::kContract ? "contract" : "upgrade";
}

}  // namespace

absl::Status NamingTheOther(const absl::Status& status) {
  if (base::ReasonOf(status) != "OPERATION_IN_PROGRESS") return status;
  const std::string other = base::MetadataOf(status, "detail");
  return base::MakeError(
      absl::StatusCode::kAborted, "OPERATION_IN_PROGRESS",
      absl::StrCat("operation ", other, " is running"), {{"operation_id", other}},
      absl::StrCat("lockstep operations watch ", other, ", or lockstep operations cancel ", other));
}

std::string NewOperationId() {
  // The last twelve digits of a UUID are random; the primary key refuses the one that is not new.
  return absl::StrCat("op-", base::NewUuid().substr(24));
}

bool HasEnded(OperationState state) {
  return state != OperationState::kRunning && state != OperationState::kPaused &&
         state != OperationState::kCancelling;
}

absl::StatusOr<std::string> StartOperation(Connection& connection, const LeaderToken& leader,
                                           const UpgradeRequest& request) {
  const postgres::Value terminate_idle = request.terminate_idle.has_value()
                                             ? IntervalParam(*request.terminate_idle)
                                             : postgres::NullParam();
  const std::string digest = base::Sha256Of(
      absl::StrCat("upgrade\x1f", request.target, "\x1f", request.contracts, "\x1f", request.actor,
                   "\x1f", request.reason, "\x1f", terminate_idle.value_or("")));
  const std::string id = NewOperationId();
  std::string started;
  const absl::Status status = connection.InTransaction([&]() -> absl::Status {
    ASSIGN_OR_RETURN(
        const auto result,
        connection.Query(
            "SELECT lockstep.operation_start($1, $2, $3, $4, $5, 'upgrade', $6, $7, $8, $9, $10)",
            {Param(leader.epoch), Param(leader.holder), Param(id), Param(request.request_id),
             BytesParam(digest), Param(request.target), Param(request.run_contracts),
             Param(request.actor), Param(request.reason), terminate_idle}));
    started = result.only().Text(0);
    return absl::OkStatus();
  });
  RETURN_IF_ERROR(NamingTheOther(status));
  return started;
}

absl::StatusOr<bool> EndOperation(Connection& connection, const LeaderToken& leader,
                                  const std::string& operation_id, OperationState state,
                                  const std::optional<RunError>& error) {
  ASSIGN_OR_RETURN(const auto result,
                   connection.Query("SELECT lockstep.operation_end($1, $2, $3, $4, $5)",
                                    {Param(leader.epoch), Param(leader.holder), Param(operation_id),
                                     Param(std::string(NameOf(state))), ErrorParam(error)}));
  return result.only().Bool(0);
}

absl::Status DeferOperation(Connection& connection, const LeaderToken& leader,
                            const std::string& operation_id, absl::Duration delay,
                            const RunError& error) {
  return connection
      .Query("SELECT lockstep.operation_defer($1, $2, $3, $4, $5)",
             {Param(leader.epoch), Param(leader.holder), Param(operation_id), IntervalParam(delay),
              ErrorParam(error)})
      .status();
}

absl::Status CancelOperation(Connection& connection, const LeaderToken& leader,
                             const std::string& operation_id, const std::string& actor,
                             const std::string& reason) {
  return connection
      .Query("SELECT lockstep.operation_cancel($1, $2, $3, $4, $5)",
             {Param(leader.epoch), Param(leader.holder), Param(operation_id), Param(actor),
              Param(reason)})
      .status();
}

absl::Status PauseOperation(Connection& connection, const LeaderToken& leader,
                            const std::string& operation_id, bool paused, const std::string& actor,
                            const std::string& reason) {
  return connection
      .Query("SELECT lockstep.operation_pause($1, $2, $3, $4, $5, $6)",
             {Param(leader.epoch), Param(leader.holder), Param(operation_id), Param(paused),
              Param(actor), Param(reason)})
      .status();
}

absl::Status RetryOperation(Connection& connection, const LeaderToken& leader,
                            const std::string& operation_id, const std::string& actor,
                            const std::string& reason) {
  return NamingTheOther(connection
                            .Query("SELECT lockstep.operation_retry($1, $2, $3, $4, $5)",
                                   {Param(leader.epoch), Param(leader.holder), Param(operation_id),
                                    Param(actor), Param(reason)})
                            .status());
}

absl::StatusOr<bool> IsRequestKnown(Connection& connection, const std::string& request_id) {
  ASSIGN_OR_RETURN(
      const auto result,
      connection.Query("SELECT EXISTS (SELECT FROM lockstep.operation WHERE request_id = $1)",
                       {Param(request_id)}));
  return result.only().Bool(0);
}

absl::StatusOr<OperationRow> ReadOperation(Connection& connection,
                                           const std::string& operation_id) {
  ASSIGN_OR_RETURN(
      const auto result,
      connection.Query(absl::StrCat(kColumns, "WHERE operation_id = $1"), {Param(operation_id)}));
  if (result.empty()) {
    return base::MakeError(absl::StatusCode::kNotFound, "OPERATION_NOT_FOUND",
                           absl::StrCat("there is no operation ", operation_id),
                           {{"operation_id", operation_id}}, "lockstep operations list");
  }
  return OperationOf(result.only());
}

absl::StatusOr<std::optional<OperationRow>> ReadActiveOperation(Connection& connection,
                                                                OperationKind kind) {
  return ReadFirst(connection, absl::StrCat("WHERE kind = '", KindName(kind),
                                            "' AND state IN ('running', 'paused', 'cancelling')"));
}

absl::StatusOr<std::optional<OperationRow>> ReadLastOperation(Connection& connection) {
  return ReadFirst(connection,
                   "WHERE kind = 'upgrade' AND ended_at IS NOT NULL "
                   "ORDER BY created_at DESC, operation_id LIMIT 1");
}

absl::StatusOr<std::vector<OperationRow>> ReadOperations(Connection& connection,
                                                         const std::string& after, int limit,
                                                         bool active_only) {
  if (!after.empty()) RETURN_IF_ERROR(ReadOperation(connection, after).status());
  // Many may have been asked for in one microsecond: their names decide.
  ASSIGN_OR_RETURN(
      const auto result,
      connection.Query(
          absl::StrCat(kColumns,
                       "WHERE ($1 = '' OR EXISTS (SELECT FROM lockstep.operation l"
                       " WHERE l.operation_id = $1 AND (o.created_at < l.created_at"
                       " OR o.created_at = l.created_at AND o.operation_id > l.operation_id))) AND "
                       "(NOT $3 OR state IN ('running', 'paused', 'cancelling')) "
                       "ORDER BY created_at DESC, operation_id LIMIT $2"),
          {Param(after), Param(limit), Param(active_only)}));
  std::vector<OperationRow> operations;
  for (const Row& row : result.rows) operations.push_back(OperationOf(row));
  return operations;
}

}  // namespace lockstep::coordinator
