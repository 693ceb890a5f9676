#include "coordinator/store/session_store.h"

#include "absl/strings/str_cat.h"

#include "coordinator/store/sql_values.h"
#include "engine/base/error_info.h"
#include "engine/base/failpoint.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

using postgres::BytesParam;
using postgres::Connection;
using postgres::NullParam;
using postgres::Param;
using postgres::Row;
using postgres::Value;

GateState StateOf(const std::string& verdict) {
  if (verdict == "OPEN") return GateState::kOpen;
  return verdict == "WAIT" ? GateState::kWait : GateState::kRefused;
}

Verdict VerdictOf(const Row& row) {
  return {.state = StateOf(row.Text(0)),
          .reason = row.Text(1),
          .detail = row.Text(2),
          .hint = row.Text(3),
          .applied = row.Int(4),
          .needs = row.Int(5),
          .head = row.Int(6),
          .revision = row.Long(7)};
}

constexpr char kVerdict[] =
    "SELECT verdict, reason, detail, hint, applied, needs, head, revision, facts FROM ";

// Of a row that kVerdict selects.
Verdict FullVerdictOf(const Row& row) {
  Verdict verdict = VerdictOf(row);
  verdict.facts = VerdictFactsOf(row, 8);
  return verdict;
}

Value NeedsParam(const Declaration& d) { return d.needs ? Param(*d.needs) : NullParam(); }
Value UsesParam(const Declaration& d) {
  return d.uses ? postgres::TextArrayParam(*d.uses) : NullParam();
}

constexpr char kSessions[] =
    "SELECT verdict, reason, detail, hint, 0, needs, 0, 0, session_id, service, instance, nonce, "
    "build, built_for, adapted_to, uses, on_session_loss = 'stop', state, via, can_migrate, "
    "migrate_error, extract(epoch FROM registered_at), "
    "extract(epoch FROM reserved_until), extract(epoch FROM silent_since), superseded_by, "
    "extract(epoch FROM attested_at), attested_by, attest_reason "
    "FROM lockstep.session WHERE state NOT IN ('closed', 'expired') ";

std::vector<SessionRow> SessionsOf(const postgres::Result& result) {
  std::vector<SessionRow> sessions;
  for (const Row& row : result.rows) {
    SessionRow s;
    s.verdict = VerdictOf(row);
    s.declaration.session_id = row.Text(8);
    s.declaration.service = row.Text(9);
    s.declaration.instance = row.Text(10);
    s.declaration.nonce = row.Long(11);
    s.declaration.build = row.Text(12);
    s.declaration.configured = true;
    s.declaration.built_for = row.Int(13);
    s.declaration.needs = s.verdict.needs;
    s.declaration.adapted_to = row.Int(14);
    if (!row.IsNull(15)) s.declaration.uses = row.TextArray(15);
    s.declaration.stop_on_session_loss = row.Bool(16);
    s.state = row.Text(17);
    s.via = row.Text(18);
    s.declaration.can_migrate = row.Bool(19);
    s.declaration.migrate_error = row.Text(20);
    s.registered_at = TimeOf(row, 21).value_or(absl::UnixEpoch());
    s.reserved_until = TimeOf(row, 22);
    s.silent_since = TimeOf(row, 23);
    s.superseded_by = row.Text(24);
    if (const auto at = TimeOf(row, 25); at.has_value()) {
      s.attestation = {.actor = row.Text(26), .reason = row.Text(27), .at = *at};
    }
    sessions.push_back(std::move(s));
  }
  return sessions;
}

}  // namespace

absl::StatusOr<Verdict> Admit(Connection& connection, const Declaration& d,
                              const std::optional<LeaderToken>& leader) {
  Verdict verdict;
  RETURN_IF_ERROR(connection.InTransaction([&]() -> absl::Status {
    if (leader.has_value()) {
      RETURN_IF_ERROR(connection
                          .Query("SELECT lockstep.leader_fence($1, $2)",
                                 {Param(leader->epoch), Param(leader->holder)})
                          .status());
    }
    ASSIGN_OR_RETURN(
        const auto result,
        connection.Query(
            absl::StrCat(kVerdict,
                         "lockstep.admit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, "
                         "'coordinator', $13, $14)"),
            {Param(d.session_id), Param(d.service), Param(d.instance), Param(d.nonce),
             Param(d.build), Param(d.configured), Param(d.built_for), BytesParam(d.chain_hash),
             NeedsParam(d), Param(d.adapted_to), UsesParam(d),
             Param(d.stop_on_session_loss ? "stop" : "keep"), Param(d.can_migrate),
             Param(d.migrate_error)}));
    verdict = FullVerdictOf(result.only());
    if (!d.reserve.has_value() || verdict.state != GateState::kOpen) return absl::OkStatus();
    return connection
        .Query("SELECT lockstep.reserve($1, $2)", {Param(d.session_id), IntervalParam(*d.reserve)})
        .status();
  }));
  return verdict;
}

absl::StatusOr<Verdict> AskGate(Connection& connection, const Declaration& d) {
  ASSIGN_OR_RETURN(
      const auto result,
      connection.Query(absl::StrCat(kVerdict, "lockstep.gate($1, $2, $3, $4, $5, $6, $7)"),
                       {Param(d.configured), Param(d.built_for), BytesParam(d.chain_hash),
                        NeedsParam(d), Param(d.adapted_to), UsesParam(d), Param(d.service)}));
  return FullVerdictOf(result.only());
}

absl::StatusOr<bool> MoveSession(Connection& connection, const LeaderToken& leader,
                                 const std::string& session_id, const std::string& state) {
  LOCKSTEP_FAILPOINT("leader.before_expire", connection.socket());
  ASSIGN_OR_RETURN(const auto result,
                   connection.Query("SELECT lockstep.session_move($1, $2, $3, $4)",
                                    {Param(leader.epoch), Param(leader.holder), Param(session_id),
                                     Param(state)}));
  return result.only().Bool(0);
}

absl::StatusOr<std::set<std::string>> ExpireReservations(Connection& connection,
                                                         const LeaderToken& leader) {
  ASSIGN_OR_RETURN(const auto result,
                   connection.Query("SELECT lockstep.expire_reservations($1, $2)",
                                    {Param(leader.epoch), Param(leader.holder)}));
  std::set<std::string> left;
  for (const Row& row : result.rows) left.insert(row.Text(0));
  return left;
}

absl::StatusOr<std::vector<SessionRow>> ReadSessions(Connection& connection) {
  ASSIGN_OR_RETURN(const auto result, connection.Query(absl::StrCat(kSessions,
                                                                    "ORDER BY service, instance, "
                                                                    "registered_at")));
  return SessionsOf(result);
}

absl::StatusOr<std::vector<SessionRow>> ReadDirectSessions(Connection& connection) {
  ASSIGN_OR_RETURN(const auto result,
                   connection.Query(absl::StrCat(
                       kSessions, "AND via = 'direct' AND state NOT IN ('waiting', 'refused')")));
  return SessionsOf(result);
}

absl::StatusOr<std::set<std::string>> CountingAmong(Connection& connection,
                                                    const std::vector<std::string>& ids) {
  ASSIGN_OR_RETURN(
      const auto result,
      connection.Query("SELECT session_id FROM lockstep.session WHERE session_id = ANY ($1::uuid[])"
                       " AND state IN ('starting', 'live', 'draining', 'suspect')",
                       {postgres::TextArrayParam(ids)}));
  std::set<std::string> counting;
  for (const Row& row : result.rows) counting.insert(row.Text(0));
  return counting;
}

absl::StatusOr<std::vector<SessionRow>> ReadSessionPage(Connection& connection,
                                                        const SessionQuery& query) {
  if (!query.after.empty()) {
    ASSIGN_OR_RETURN(const auto known,
                     connection.Query("SELECT FROM lockstep.session WHERE session_id = $1",
                                      {Param(query.after)}));
    if (known.empty()) {
      return base::MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                             "page_token: not one of ours, or its instance was forgotten",
                             {{"field", "page_token"}}, "begin with the first page again");
    }
  }
  const auto or_null = [](const std::string& text) {
    return text.empty() ? NullParam() : Param(text);
  };
  ASSIGN_OR_RETURN(
      const auto result,
      connection.Query(
          absl::StrCat(kSessions,
                       "AND ($1::uuid IS NULL OR (service, instance, session_id) > "
                       "(SELECT a.service, a.instance, a.session_id FROM lockstep.session a "
                       "WHERE a.session_id = $1)) AND ($2::text IS NULL OR service = $2) "
                       "AND ($3::text IS NULL OR instance = $3 OR session_id::text = $3) "
                       "AND ($5::integer = 0 OR adapted_to < $5 AND lockstep.concerns($5, "
                       "adapted_to, uses)) "
                       "ORDER BY service, instance, session_id LIMIT $4"),
          {or_null(query.after), or_null(query.service), or_null(query.instance),
           Param(query.limit), Param(query.concerned_by)}));
  return SessionsOf(result);
}

}  // namespace lockstep::coordinator
