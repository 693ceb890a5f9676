#include "coordinator/store/lock_store.h"

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "coordinator/store/sql_values.h"
#include "engine/base/error_info.h"
#include "engine/base/log.h"
#include "engine/base/status_macros.h"
#include "engine/postgres/errors.h"

namespace lockstep::coordinator {
namespace {

using postgres::Connection;
using postgres::Param;
using postgres::Value;

constexpr char kFree[] = R"sql(
SELECT NOT EXISTS (
         SELECT FROM pg_locks l
          WHERE l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
            AND l.relation = to_regclass(nullif($1, '')) AND l.pid IS DISTINCT FROM pg_backend_pid())
   AND NOT EXISTS (
         SELECT FROM unnest($2::int[], $3::bigint[]) b (pid, began), lockstep.sessions_of(ARRAY[b.pid]) s
          WHERE s.transaction_start = b.began AND b.began <> 0))sql";

// A superuser is a member of every role, so memberships are looked up and not asked for. The name
// protects the sessions of coordinators and agents that run as a superuser, as in development.
constexpr char kIdle[] = R"sql(
SELECT s.pid, s.state_age
  FROM unnest($1::int[], $2::bigint[]) b (pid, began), lockstep.sessions_of(ARRAY[b.pid]) s
  JOIN pg_stat_activity a ON a.pid = s.pid
 WHERE s.pid <> 0 AND s.backend_start = b.began AND b.began <> 0
   AND s.state LIKE 'idle in transaction%' AND s.state_age * interval '1 second' >= $3
   AND s.application_name NOT LIKE 'lockstep%'
   AND NOT EXISTS (
         WITH RECURSIVE member_of (id) AS (
           SELECT a.usesysid UNION
           SELECT m.roleid FROM pg_auth_members m JOIN member_of o ON m.member = o.id)
         SELECT FROM member_of o JOIN pg_roles r ON r.oid = o.id
          WHERE r.rolname IN ('lockstep_owner', 'lockstep_coordinators', 'lockstep_agents')))sql";

constexpr char kMayTerminate[] =
    "SELECT current_user, r.rolsuper OR pg_has_role(current_user, 'pg_signal_backend', 'USAGE')"
    "  FROM pg_roles r WHERE r.rolname = current_user";

// An array literal of `field` of each blocker.
template <typename Field>
Value ArrayOf(const LockWait& wait, Field LockBlocker::*field) {
  std::string text = "{";
  for (const LockBlocker& blocker : wait.blockers) {
    absl::StrAppend(&text, text.size() > 1 ? "," : "", blocker.*field);
  }
  return absl::StrCat(text, "}");
}

absl::Status MayNot(const std::string& role) {
  return base::MakeError(
      absl::StatusCode::kPermissionDenied, "PERMISSION",
      absl::StrCat("the coordinator's role \"", role, "\" may not end sessions of others"),
      {{"role", role}},
      absl::StrCat("GRANT pg_signal_backend TO \"", role,
                   "\", or leave --terminate-idle-blockers out"));
}

std::string DetailOf(const LockBlocker& blocker, const LockWait& wait, double idle_seconds) {
  const nlohmann::json detail = {{"pid", blocker.pid},
                                 {"role", blocker.role},
                                 {"application_name", blocker.application_name},
                                 {"idle_seconds", idle_seconds},
                                 {"query", blocker.query},
                                 {"relation", wait.relation}};
  return detail.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

absl::StatusOr<bool> IsLockFree(Connection& connection, const LockWait& wait) {
  if (wait.relation.empty() && wait.blockers.empty()) return false;
  ASSIGN_OR_RETURN(const auto result,
                   connection.Query(kFree, {Param(wait.relation), ArrayOf(wait, &LockBlocker::pid),
                                            ArrayOf(wait, &LockBlocker::transaction_start)}));
  return result.only().Bool(0);
}

absl::Status CheckMayTerminate(Connection& connection) {
  ASSIGN_OR_RETURN(const auto result, connection.Query(kMayTerminate));
  return result.only().Bool(1) ? absl::OkStatus() : MayNot(result.only().Text(0));
}

absl::StatusOr<std::vector<LockBlocker>> TerminateIdle(Connection& connection,
                                                       const LeaderToken& leader,
                                                       const OperationRow& operation,
                                                       const LockWait& wait, absl::Duration idle) {
  std::vector<LockBlocker> ended;
  const Version version = operation.error.has_value() ? operation.error->version : 0;
  RETURN_IF_ERROR(connection.InTransaction([&]() -> absl::Status {
    ASSIGN_OR_RETURN(
        const auto found,
        connection.Query(kIdle, {ArrayOf(wait, &LockBlocker::pid),
                                 ArrayOf(wait, &LockBlocker::backend_start), IntervalParam(idle)}));
    for (const auto& row : found.rows) {
      for (const LockBlocker& blocker : wait.blockers) {
        if (blocker.pid != row.Int(0)) continue;
        RETURN_IF_ERROR(
            connection
                .Query("SELECT lockstep.blocker_terminated($1, $2, $3, $4, $5)",
                       {Param(leader.epoch), Param(leader.holder), Param(operation.operation_id),
                        Param(version), Param(DetailOf(blocker, wait, row.Double(1)))})
                .status());
        // Named once more by its start: the pid may have passed on since it was found idle.
        RETURN_IF_ERROR(connection
                            .Query("SELECT pg_terminate_backend(s.pid) FROM "
                                   "lockstep.sessions_of(ARRAY[$1::int]) s WHERE s.backend_start = "
                                   "$2 AND s.state LIKE 'idle in transaction%'",
                                   {Param(blocker.pid), Param(blocker.backend_start)})
                            .status());
        ended.push_back(blocker);
      }
    }
    return absl::OkStatus();
  }));
  for (const LockBlocker& blocker : ended) {
    base::LogWarning("idle session in the way of a migration terminated",
                     {{"operation", operation.operation_id},
                      {"pid", absl::StrCat(blocker.pid)},
                      {"role", blocker.role},
                      {"application_name", blocker.application_name}});
  }
  return ended;
}

}  // namespace lockstep::coordinator
