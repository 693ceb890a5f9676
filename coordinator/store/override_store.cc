#include "coordinator/store/override_store.h"

#include "absl/strings/str_cat.h"

#include "coordinator/store/sql_values.h"
#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

using postgres::Connection;
using postgres::Param;
using postgres::Row;

// Targets and token come from one statement, hence belong together.
constexpr char kLook[] = R"sql(
WITH t AS MATERIALIZED (SELECT * FROM lockstep.override_targets($1))
SELECT t.kind, t.id, t.name, (SELECT lockstep.override_token($1, $2,
         array_agg(a.kind ORDER BY a.kind, a.id), array_agg(a.id ORDER BY a.kind, a.id),
         array_agg(a.name ORDER BY a.kind, a.id)) FROM t a)
  FROM t ORDER BY t.kind, t.id)sql";

constexpr char kWaits[] =
    "SELECT FROM lockstep.migration m WHERE m.version = $1 AND m.phase = 'contract' "
    "AND NOT EXISTS (SELECT FROM lockstep.history h WHERE h.version = m.version)";

constexpr char kActive[] = R"sql(
SELECT o.override_id, o.contract, count(*), extract(epoch FROM o.created_at), extract(epoch FROM o.expires_at),
       o.actor, o.reason
  FROM lockstep.override o JOIN lockstep.override_target t USING (override_id)
 WHERE o.used_at IS NULL AND o.expires_at > clock_timestamp()
   AND NOT EXISTS (SELECT FROM lockstep.history h WHERE h.version = o.contract)
 GROUP BY o.override_id ORDER BY count(*) DESC, o.contract, o.created_at, o.override_id)sql";

}  // namespace

absl::StatusOr<std::vector<OverrideRow>> ReadActiveOverrides(Connection& connection) {
  ASSIGN_OR_RETURN(const auto result, connection.Query(kActive, {}));
  std::vector<OverrideRow> overrides;
  for (const Row& row : result.rows) {
    overrides.push_back({.override_id = row.Text(0),
                         .contract = row.Int(1),
                         .targets = row.Int(2),
                         .created_at = TimeOf(row, 3).value_or(absl::UnixEpoch()),
                         .expires_at = TimeOf(row, 4).value_or(absl::UnixEpoch()),
                         .by = {.actor = row.Text(5), .reason = row.Text(6)}});
  }
  return overrides;
}

absl::StatusOr<OverrideLook> LookAtOverride(Connection& connection, Version contract,
                                            absl::Duration lasting) {
  ASSIGN_OR_RETURN(const auto waits, connection.Query(kWaits, {Param(contract)}));
  if (waits.empty()) {
    return base::MakeError(absl::StatusCode::kFailedPrecondition, "NOT_WAITING",
                           absl::StrCat(contract, " is no contract that is yet to run"),
                           {{"version", absl::StrCat(contract)}}, "`lockstep history` lists all");
  }
  ASSIGN_OR_RETURN(const auto result,
                   connection.Query(kLook, {Param(contract), IntervalParam(lasting)}));
  OverrideLook look;
  for (const Row& row : result.rows) {
    look.targets.push_back({.pin = row.Text(0) == "pin", .id = row.Text(1), .name = row.Text(2)});
    look.token = row.Text(3);
  }
  return look;
}

absl::StatusOr<std::string> MakeOverride(Connection& connection, const LeaderToken& leader,
                                         const OverrideRequest& request) {
  ASSIGN_OR_RETURN(
      const auto result,
      connection.Query("SELECT lockstep.override_make($1, $2, $3, $4, $5, $6, $7)",
                       {Param(leader.epoch), Param(leader.holder), Param(request.contract),
                        IntervalParam(request.lasting), Param(request.token),
                        Param(request.by.actor), Param(request.by.reason)}));
  return result.only().Text(0);
}

}  // namespace lockstep::coordinator
