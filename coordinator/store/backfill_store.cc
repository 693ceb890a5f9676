#include "coordinator/store/backfill_store.h"

#include "absl/strings/str_cat.h"

#include "coordinator/store/sql_values.h"
#include "engine/base/error_info.h"
#include "engine/base/log.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

using postgres::Connection;
using postgres::NullParam;
using postgres::Param;
using postgres::Row;

constexpr char kRows[] = R"sql(
SELECT b.name, b.after, b.state, b.run, b.settings::text, b.total, r.walked, r.changed, r.batches, r.batch_rows,
       r.parts, r.parts_done, r.holders, r.stands, r.lag, r.speed, b.rows_left, b.left_sample, b.look,
       b.error ->> 'message', b.error ->> 'hint', b.actor, b.reason,
       extract(epoch FROM b.started_at), extract(epoch FROM b.ended_at)
  FROM lockstep.backfill b LEFT JOIN LATERAL (
    SELECT sum(x.rows_walked)::bigint AS walked, sum(x.rows_changed)::bigint AS changed, sum(x.batches)::bigint AS batches,
           max(x.batch_rows) FILTER (WHERE x.state = 'held') AS batch_rows, count(*)::integer AS parts,
           count(*) FILTER (WHERE x.state = 'done')::integer AS parts_done,
           coalesce(array_agg(x.holder ORDER BY x.ordinal) FILTER (WHERE x.state = 'held'), '{}') AS holders,
           coalesce(min(x.stands) FILTER (WHERE x.state = 'held'), min(x.error ->> 'message') FILTER (WHERE x.state = 'waiting')) AS stands,
           extract(epoch FROM max(x.lag) FILTER (WHERE x.state = 'held')) AS lag,
           sum(x.rows_walked) / nullif(greatest(extract(epoch FROM max(x.moved_at)
             - min(x.started_at) FILTER (WHERE x.kind = 'range')), 0.001), 0) AS speed
      FROM lockstep.backfill_range x WHERE x.name = b.name AND x.run = b.run) r ON true
 WHERE $1::text IS NULL OR b.name = $1 ORDER BY b.name COLLATE "C")sql";

// A holder's sessions are named after its token, whose second half only the holder knows.
constexpr char kTerminate[] = R"sql(
SELECT a.pid, pg_terminate_backend(a.pid) FROM pg_stat_activity a, lockstep.backfill_range x
 WHERE x.epoch = $1 AND x.state = 'held' AND a.datname = current_database() AND a.pid <> pg_backend_pid()
   AND a.application_name = 'lockstep:' || left(encode(sha256(convert_to(x.lease_id::text, 'UTF8')), 'hex'), 8))sql";

BackfillRow RowOf(const Row& row) {
  BackfillRow out{.name = row.Text(0),
                  .after = row.Int(1),
                  .state = row.Text(2),
                  .run = row.Int(3),
                  .settings = row.Text(4),
                  .total = row.Long(5),
                  .walked = row.Long(6),
                  .changed = row.Long(7),
                  .batches = row.Long(8),
                  .batch_rows = row.Int(9),
                  .parts = row.Int(10),
                  .parts_done = row.Int(11),
                  .holders = row.TextArray(12),
                  .stands = row.Text(13),
                  .rows_per_second = row.IsNull(15) ? 0 : row.Double(15),
                  .rows_left = row.Long(16),
                  .left_sample = row.Text(17),
                  .look = row.Text(18),
                  .error = row.Text(19),
                  .hint = row.Text(20),
                  .actor = row.Text(21),
                  .reason = row.Text(22),
                  .started_at = TimeOf(row, 23),
                  .ended_at = TimeOf(row, 24)};
  if (!row.IsNull(14)) out.lag = DurationOf(row, 14);
  if (out.state == "paused") out.stands = "it is paused";
  if (out.state == "running" && out.holders.empty() && out.stands.empty()) {
    out.stands = kNobodyWorksOnIt;
  }
  if (out.state != "running" && out.state != "paused") out.stands.clear();
  return out;
}

postgres::Value SettingsParam(const std::string& settings) {
  return Param(settings.empty() ? "{}" : settings);
}

}  // namespace

absl::StatusOr<std::vector<BackfillRow>> ReadBackfills(Connection& connection) {
  ASSIGN_OR_RETURN(const auto result, connection.Query(kRows, {NullParam()}));
  std::vector<BackfillRow> rows;
  for (const Row& row : result.rows) rows.push_back(RowOf(row));
  return rows;
}

absl::StatusOr<BackfillRow> ReadBackfill(Connection& connection, const std::string& name) {
  ASSIGN_OR_RETURN(const auto result, connection.Query(kRows, {Param(name)}));
  if (!result.empty()) return RowOf(result.rows[0]);
  return base::MakeError(absl::StatusCode::kNotFound, "BACKFILL_NOT_FOUND",
                         absl::StrCat("there is no backfill ", name), {{"name", name}},
                         "lockstep backfill list");
}

absl::StatusOr<std::string> StartBackfill(Connection& connection, const LeaderToken& leader,
                                          const BackfillAsked& asked) {
  std::string outcome;
  RETURN_IF_ERROR(connection.InTransaction([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const auto result,
                     connection.Query("SELECT lockstep.backfill_start($1, $2, $3, $4, $5, $6, $7)",
                                      {Param(leader.epoch), Param(leader.holder), Param(asked.name),
                                       Param(asked.again), SettingsParam(asked.settings),
                                       Param(asked.actor), Param(asked.reason)}));
    outcome = result.only().Text(0);
    return absl::OkStatus();
  }));
  return outcome;
}

absl::Status SetBackfill(Connection& connection, const LeaderToken& leader,
                         const BackfillAsked& asked) {
  return connection.InTransaction([&] {
    return connection
        .Query("SELECT lockstep.backfill_set($1, $2, $3, $4, $5, $6)",
               {Param(leader.epoch), Param(leader.holder), Param(asked.name),
                SettingsParam(asked.settings), Param(asked.actor), Param(asked.reason)})
        .status();
  });
}

absl::Status HoldBackfill(Connection& connection, const LeaderToken& leader,
                          const BackfillAsked& asked, const std::string& state) {
  return connection.InTransaction([&] {
    return connection
        .Query("SELECT lockstep.backfill_hold($1, $2, $3, $4, $5, $6)",
               {Param(leader.epoch), Param(leader.holder), Param(asked.name), Param(state),
                Param(asked.actor), Param(asked.reason)})
        .status();
  });
}

absl::StatusOr<std::optional<GrantedPart>> GrantBackfillPart(
    Connection& connection, const LeaderToken& leader, const std::string& session,
    const std::string& holder, absl::Duration ttl, const std::string& only) {
  std::optional<GrantedPart> part;
  RETURN_IF_ERROR(connection.InTransaction([&]() -> absl::Status {
    ASSIGN_OR_RETURN(
        const auto result,
        connection.Query(
            "SELECT name, epoch, lease_id FROM lockstep.backfill_grant($1, $2, $3, $4, $5, $6)",
            {Param(leader.epoch), Param(leader.holder), Param(session), Param(holder),
             IntervalParam(ttl), only.empty() ? NullParam() : Param(only)}));
    if (result.empty()) return absl::OkStatus();
    const Row& row = result.only();
    part =
        GrantedPart{.name = row.Text(0), .token = {.epoch = row.Long(1), .lease_id = row.Text(2)}};
    return absl::OkStatus();
  }));
  return part;
}

absl::StatusOr<std::vector<HeldPart>> ReadHeldParts(Connection& connection) {
  ASSIGN_OR_RETURN(const auto result,
                   connection.Query("SELECT epoch, name, kind, session, holder, "
                                    "extract(epoch FROM expires_at - clock_timestamp()) "
                                    "FROM lockstep.backfill_range WHERE state = 'held'"));
  std::vector<HeldPart> parts;
  for (const Row& row : result.rows) {
    parts.push_back({.epoch = row.Long(0),
                     .name = row.Text(1),
                     .kind = row.Text(2),
                     .session = row.Text(3),
                     .holder = row.Text(4),
                     .left = DurationOf(row, 5)});
  }
  return parts;
}

absl::StatusOr<bool> RevokeBackfillPart(Connection& connection, const LeaderToken& leader,
                                        int64_t epoch, const std::string& why, int most_lost,
                                        absl::Duration lock_timeout) {
  bool revoked = false;
  RETURN_IF_ERROR(connection.InTransaction([&]() -> absl::Status {
    RETURN_IF_ERROR(connection.RunScript(
        absl::StrCat("SET LOCAL lock_timeout = ", absl::ToInt64Milliseconds(lock_timeout))));
    ASSIGN_OR_RETURN(
        const auto result,
        connection.Query("SELECT lockstep.backfill_revoke($1, $2, $3, $4, $5)",
                         {Param(leader.epoch), Param(leader.holder), Param(epoch), Param(why),
                          Param(most_lost)}));
    revoked = result.only().Bool(0);
    return absl::OkStatus();
  }));
  return revoked;
}

absl::StatusOr<int> TerminateHolderOfPart(Connection& connection, int64_t epoch) {
  ASSIGN_OR_RETURN(const auto result, connection.Query(kTerminate, {Param(epoch)}));
  for (const Row& row : result.rows) {
    base::LogWarning("backend of a backfill that was taken back terminated",
                     {{"pid", row.Text(0)}});
  }
  return static_cast<int>(result.rows.size());
}

}  // namespace lockstep::coordinator
