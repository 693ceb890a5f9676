#include "coordinator/store/session_end_store.h"

#include "absl/strings/str_cat.h"

#include "coordinator/store/sql_values.h"
#include "engine/base/failpoint.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

using postgres::Connection;
using postgres::Param;
using postgres::Row;
using postgres::Value;

absl::StatusOr<bool> Call(Connection& connection, const char* function, const LeaderToken& leader,
                          std::vector<Value> more) {
  std::string sql = absl::StrCat("SELECT lockstep.", function, "($1, $2");
  for (size_t i = 0; i < more.size(); ++i) absl::StrAppend(&sql, ", $", i + 3);
  more.insert(more.begin(), {Param(leader.epoch), Param(leader.holder)});
  ASSIGN_OR_RETURN(const auto result, connection.Query(absl::StrCat(sql, ")"), more));
  return result.only().Bool(0);
}

// Names are printable ASCII of at most 63 bytes, as PostgreSQL would make them: 54 and the mark
// "#1b2c3d4e", or 63 without one. A mark that is known to be another start's takes a backend out,
// whether that start counts or has ended; everything else is taken for this session's. One more
// case, once somebody has stated that the session is gone: a name without a mark whose backend is
// younger than a newer start that counts is that start's.
constexpr char kBackends[] = R"sql(
WITH backend AS MATERIALIZED (
  SELECT a.pid, a.backend_start,
         CASE WHEN a.application_name ~ '#[0-9a-f]{8}$' THEN right(a.application_name, 8) END AS mark,
         CASE WHEN a.application_name ~ '#[0-9a-f]{8}$'
              THEN left(a.application_name, -9) ELSE a.application_name END AS name
    FROM pg_stat_activity a
   WHERE a.datname = current_database()
), session AS MATERIALIZED (
  SELECT s.session_id, s.service, s.instance, s.registered_at, s.attested_at IS NOT NULL AS attested,
         left(s.session_id::text, 8) AS mark,
         regexp_replace(s.service || '@' || s.instance, '[^ -~]', '?', 'g') AS name
    FROM lockstep.session s WHERE s.session_id = ANY ($1::uuid[])
), mine AS (
  SELECT s.session_id, b.pid FROM session s JOIN backend b
      ON b.mark IS NOT NULL AND b.name = left(s.name, 54)
   WHERE b.mark = s.mark OR NOT EXISTS (
     SELECT FROM lockstep.session x WHERE x.service = s.service AND x.instance = s.instance
        AND x.session_id <> s.session_id AND left(x.session_id::text, 8) = b.mark)
  UNION ALL
  SELECT s.session_id, b.pid FROM session s JOIN backend b
      ON b.mark IS NULL AND b.name = left(s.name, 63)
   WHERE NOT (s.attested AND EXISTS (
     SELECT FROM lockstep.session x WHERE x.service = s.service AND x.instance = s.instance
        AND x.session_id <> s.session_id AND x.state IN ('live', 'draining')
        AND x.registered_at > s.registered_at AND x.registered_at < b.backend_start))
)
SELECT m.session_id, count(*) FROM mine m GROUP BY m.session_id)sql";

}  // namespace

const char* NameOf(EndRule rule) {
  switch (rule) {
    case EndRule::kTtl:
      return "ttl";
    case EndRule::kNewerStart:
      return "newer start";
    case EndRule::kAttested:
      return "attested";
    case EndRule::kPolicy:
      return "policy";
  }
  return "";
}

absl::StatusOr<bool> SuspectSession(Connection& connection, const LeaderToken& leader,
                                    const std::string& session_id, absl::Duration silence) {
  LOCKSTEP_FAILPOINT("leader.before_expire", connection.socket());
  return Call(connection, "session_suspect", leader, {Param(session_id), IntervalParam(silence)});
}

absl::StatusOr<bool> SupersedeSession(Connection& connection, const LeaderToken& leader,
                                      const std::string& session_id, const std::string& newer) {
  return Call(connection, "session_superseded", leader, {Param(session_id), Param(newer)});
}

absl::StatusOr<bool> AttestSession(Connection& connection, const LeaderToken& leader,
                                   const std::string& session_id, absl::Duration silence,
                                   const Attestation& attestation) {
  return Call(connection, "session_attest", leader,
              {Param(session_id), IntervalParam(silence), Param(attestation.actor),
               Param(attestation.reason)});
}

absl::StatusOr<bool> ExpireSession(Connection& connection, const LeaderToken& leader,
                                   const std::string& session_id, EndRule rule,
                                   absl::Duration after) {
  LOCKSTEP_FAILPOINT("leader.before_expire", connection.socket());
  return Call(connection, "session_expire", leader,
              {Param(session_id), Param(NameOf(rule)), IntervalParam(after)});
}

absl::StatusOr<BackendLook> LookForBackends(Connection& connection,
                                            const std::vector<std::string>& session_ids) {
  BackendLook look;
  ASSIGN_OR_RETURN(const auto right,
                   connection.Query("SELECT pg_has_role('pg_read_all_stats', 'USAGE')"));
  look.can_see = right.only().Bool(0);
  ASSIGN_OR_RETURN(const auto found,
                   connection.Query(kBackends, {postgres::TextArrayParam(session_ids)}));
  for (const Row& row : found.rows) look.backends[row.Text(0)] = row.Int(1);
  return look;
}

absl::Status RememberBackends(Connection& connection, const LeaderToken& leader,
                              const std::vector<std::string>& session_ids) {
  return Call(connection, "session_backends_seen", leader, {postgres::TextArrayParam(session_ids)})
      .status();
}

absl::Status TellBrake(Connection& connection, const LeaderToken& leader, bool frozen,
                       size_t silent, size_t sessions) {
  return Call(connection, "expiry_brake", leader,
              {Param(frozen), Param(static_cast<int32_t>(silent)),
               Param(static_cast<int32_t>(sessions))})
      .status();
}

}  // namespace lockstep::coordinator
