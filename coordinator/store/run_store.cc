#include "coordinator/store/run_store.h"

#include "absl/strings/str_cat.h"

#include "coordinator/store/sql_values.h"
#include "engine/base/failpoint.h"
#include "engine/base/log.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

using postgres::Connection;
using postgres::Param;

// Only sessions in a migration transaction hold run_lock, so what blocks a revoke is one of them.
// Pid 0 is a prepared transaction, which has no backend to terminate.
constexpr char kTerminate[] = R"sql(
SELECT a.pid, a.usename, pg_terminate_backend(a.pid)
  FROM pg_stat_activity a
 WHERE a.pid = ANY (pg_blocking_pids($1)) AND a.pid <> 0
   AND EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.granted
                  AND l.relation = 'lockstep.run_lock'::regclass))sql";

// The backend that has the lock of statements. Whoever only sits there with it serves an agent that
// is stopped or gone: one that is at work would be busy, or would have gone on.
constexpr char kHolder[] = R"sql(
SELECT a.pid, a.backend_start::text, a.state NOT IN ('active', 'fastpath function call'),
       extract(epoch FROM clock_timestamp() - a.state_change), p.phase,
       CASE WHEN p.blocks_total > 0 THEN trunc(100 * p.blocks_done::numeric / p.blocks_total)::int END
  FROM pg_stat_activity a LEFT JOIN pg_stat_progress_create_index p USING (pid)
 WHERE a.pid = lockstep.statement_lock_holder())sql";

// All in one statement, so a reused process id is not hit.
constexpr char kTerminateHolder[] = R"sql(
SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a
 WHERE a.pid = lockstep.statement_lock_holder() AND a.pid = $1 AND a.backend_start::text = $2)sql";

}  // namespace

absl::StatusOr<LeaseRow> ReadLease(Connection& connection) {
  ASSIGN_OR_RETURN(const auto result,
                   connection.Query("SELECT epoch, lease_id, state = 'held', session, operation, "
                                    "first, last, state = 'revoking', "
                                    "NOT lockstep.runs_alone(first) FROM lockstep.lease"));
  const auto& row = result.only();
  return LeaseRow{.token = {.epoch = row.Long(0), .lease_id = row.Text(1)},
                  .held = row.Bool(2),
                  .revoking = row.Bool(7),
                  .transactional = row.Bool(8),
                  .session = row.Text(3),
                  .operation = row.Text(4),
                  .first = row.Int(5),
                  .last = row.Int(6)};
}

absl::StatusOr<LeaseToken> GrantRun(Connection& connection, const LeaderToken& leader, int64_t seen,
                                    const GrantRequest& request) {
  LeaseToken token;
  RETURN_IF_ERROR(connection.InTransaction([&]() -> absl::Status {
    ASSIGN_OR_RETURN(
        const auto result,
        connection.Query(
            "SELECT epoch, lease_id FROM lockstep.grant_run($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            {Param(leader.epoch), Param(leader.holder), Param(seen), Param(request.first),
             Param(request.last), Param(request.session), Param(request.holder),
             Param(request.operation), IntervalParam(request.ttl)}));
    token = {.epoch = result.only().Long(0), .lease_id = result.only().Text(1)};
    LOCKSTEP_FAILPOINT("leader.before_grant_commit", connection.socket());
    return absl::OkStatus();
  }));
  LOCKSTEP_FAILPOINT("leader.after_grant_commit", connection.socket());
  return token;
}

absl::StatusOr<bool> RenewRun(Connection& connection, const LeaderToken& leader,
                              const LeaseToken& token, absl::Duration ttl) {
  ASSIGN_OR_RETURN(const auto result,
                   connection.Query("SELECT lockstep.renew_run($1, $2, $3, $4, $5)",
                                    {Param(leader.epoch), Param(leader.holder), Param(token.epoch),
                                     Param(token.lease_id), IntervalParam(ttl)}));
  return result.only().Bool(0);
}

absl::StatusOr<bool> HasSnapshotOlderThan(Connection& connection, absl::Duration age) {
  ASSIGN_OR_RETURN(
      const auto result,
      connection.Query("SELECT EXISTS (SELECT FROM pg_stat_activity a "
                       "WHERE a.datname = current_database() AND a.backend_xmin IS NOT NULL "
                       "AND a.xact_start < clock_timestamp() - $1::interval)",
                       {IntervalParam(age)}));
  return result.only().Bool(0);
}

absl::StatusOr<bool> RevokeRun(Connection& connection, const LeaderToken& leader,
                               const LeaseToken& token, const std::string& reason,
                               absl::Duration lock_timeout, bool holder_lost) {
  LOCKSTEP_FAILPOINT("leader.before_revoke", connection.socket());
  bool revoked = false;
  RETURN_IF_ERROR(connection.InTransaction([&]() -> absl::Status {
    const int64_t milliseconds = absl::ToInt64Milliseconds(lock_timeout);
    RETURN_IF_ERROR(connection.RunScript(
        absl::StrCat("SET LOCAL lock_timeout = ", milliseconds,
                     "; SET LOCAL statement_timeout = ", milliseconds + 1000)));
    ASSIGN_OR_RETURN(
        const auto result,
        connection.Query("SELECT lockstep.revoke_run($1, $2, $3, $4, $5, $6)",
                         {Param(leader.epoch), Param(leader.holder), Param(token.epoch),
                          Param(token.lease_id), Param(reason), Param(holder_lost)}));
    revoked = result.only().Bool(0);
    return absl::OkStatus();
  }));
  return revoked;
}

absl::StatusOr<bool> CompleteRun(Connection& connection, const LeaderToken& leader,
                                 const LeaseToken& token, const std::string& outcome,
                                 Version committed, const std::optional<RunError>& error) {
  bool gave_back = false;
  RETURN_IF_ERROR(connection.InTransaction([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const auto result,
                     connection.Query("SELECT lockstep.complete_run($1, $2, $3, $4, $5, $6, $7)",
                                      {Param(leader.epoch), Param(leader.holder),
                                       Param(token.epoch), Param(token.lease_id), Param(outcome),
                                       Param(committed), ErrorParam(error)}));
    gave_back = result.only().Bool(0);
    return absl::OkStatus();
  }));
  return gave_back;
}

absl::StatusOr<int> TerminateBlockersOf(Connection& connection, int waiter) {
  ASSIGN_OR_RETURN(const auto result, connection.Query(kTerminate, {Param(waiter)}));
  for (const auto& row : result.rows) {
    base::LogWarning("backend of a revoked run terminated",
                     {{"pid", row.Text(0)}, {"role", row.Text(1)}});
  }
  if (!result.rows.empty()) LOCKSTEP_FAILPOINT("leader.after_terminate", connection.socket());
  return static_cast<int>(result.rows.size());
}

absl::StatusOr<SettleOutcome> SettleRun(Connection& connection, const LeaderToken& leader,
                                        int64_t epoch) {
  std::string outcome;
  RETURN_IF_ERROR(connection.InTransaction([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const auto result,
                     connection.Query("SELECT lockstep.settle_run($1, $2, $3)",
                                      {Param(leader.epoch), Param(leader.holder), Param(epoch)}));
    outcome = result.only().Text(0);
    return absl::OkStatus();
  }));
  if (outcome == "ended") return SettleOutcome::kEnded;
  if (outcome == "busy") return SettleOutcome::kBusy;
  return outcome == "half_done" ? SettleOutcome::kHalfDone : SettleOutcome::kGone;
}

absl::StatusOr<std::optional<StatementHolder>> ReadStatementHolder(Connection& connection) {
  ASSIGN_OR_RETURN(const auto result, connection.Query(kHolder));
  if (result.empty()) return std::nullopt;
  const auto& row = result.rows.front();
  return StatementHolder{.pid = row.Int(0),
                         .backend_start = row.Text(1),
                         .sits_idle = row.Bool(2),
                         .since = DurationOf(row, 3),
                         .phase = row.Text(4),
                         .percent = row.IsNull(5) ? -1 : row.Int(5)};
}

absl::StatusOr<bool> TerminateStatementHolder(Connection& connection,
                                              const StatementHolder& holder) {
  ASSIGN_OR_RETURN(
      const auto result,
      connection.Query(kTerminateHolder, {Param(holder.pid), Param(holder.backend_start)}));
  if (result.empty()) return false;
  base::LogWarning("backend of a revoked run terminated",
                   {{"pid", absl::StrCat(holder.pid)}, {"lock", "statements"}});
  return true;
}

}  // namespace lockstep::coordinator
