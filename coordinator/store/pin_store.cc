#include "coordinator/store/pin_store.h"

#include "coordinator/store/sql_values.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

using postgres::BytesParam;
using postgres::Connection;
using postgres::NullParam;
using postgres::Param;
using postgres::Row;

PinRow PinOf(const Row& row) {
  PinRow pin{.pin_id = row.Text(0),
             .created_at = TimeOf(row, 7).value_or(absl::UnixEpoch()),
             .expires_at = TimeOf(row, 8).value_or(absl::UnixEpoch()),
             .by = {.actor = row.Text(9), .reason = row.Text(10)},
             .holds_up = row.IsNull(11) ? 0 : row.Int(11)};
  pin.declaration.service = row.Text(1);
  pin.declaration.build = row.Text(2);
  pin.declaration.configured = true;
  pin.declaration.built_for = row.Int(3);
  pin.declaration.needs = row.Int(4);
  pin.declaration.adapted_to = row.Int(5);
  if (!row.IsNull(6)) pin.declaration.uses = row.TextArray(6);
  return pin;
}

constexpr char kPins[] = R"sql(
SELECT p.pin_id, p.service, p.build, p.built_for, p.needs, p.adapted_to, p.uses,
       extract(epoch FROM p.created_at), extract(epoch FROM p.expires_at), p.actor, p.reason,
       (SELECT min(m.version) FROM lockstep.migration m
         WHERE m.phase = 'contract' AND lockstep.concerns(m.version, p.adapted_to, p.uses)
           AND NOT EXISTS (SELECT FROM lockstep.history h WHERE h.version = m.version)
           AND NOT EXISTS (SELECT FROM lockstep.override o JOIN lockstep.override_target t USING (override_id)
                            WHERE o.contract = m.version AND o.used_at IS NULL AND o.expires_at > clock_timestamp()
                              AND t.kind = 'pin' AND t.id = p.pin_id))
  FROM lockstep.pin p
 WHERE p.ended_at IS NULL AND ($2 = '' OR p.service = $2)
   AND ($1 = '' OR (p.service, p.build, p.pin_id) > (SELECT a.service, a.build, a.pin_id
                                                       FROM lockstep.pin a WHERE a.pin_id = $1))
 ORDER BY p.service, p.build, p.pin_id LIMIT $3)sql";

}  // namespace

absl::StatusOr<std::string> PinBuild(Connection& connection, const LeaderToken& leader,
                                     const PinRequest& request) {
  const Declaration* const d = request.declared.has_value() ? &*request.declared : nullptr;
  ASSIGN_OR_RETURN(
      const auto result,
      connection.Query(
          "SELECT lockstep.pin_build($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, "
          "$12)",
          {Param(leader.epoch), Param(leader.holder), Param(request.service), Param(request.build),
           d != nullptr ? Param(d->built_for) : NullParam(),
           d != nullptr ? BytesParam(d->chain_hash) : NullParam(),
           d != nullptr && d->needs ? Param(*d->needs) : NullParam(),
           d != nullptr ? Param(d->adapted_to) : NullParam(),
           d != nullptr && d->uses ? postgres::TextArrayParam(*d->uses) : NullParam(),
           IntervalParam(request.lasting), Param(request.by.actor), Param(request.by.reason)}));
  return result.only().Text(0);
}

absl::StatusOr<int> RetireBuild(Connection& connection, const LeaderToken& leader,
                                const std::string& service, const std::string& build,
                                const Decider& by) {
  ASSIGN_OR_RETURN(const auto result,
                   connection.Query("SELECT lockstep.retire_build($1, $2, $3, $4, $5, $6)",
                                    {Param(leader.epoch), Param(leader.holder), Param(service),
                                     Param(build), Param(by.actor), Param(by.reason)}));
  return result.only().Int(0);
}

absl::StatusOr<std::vector<PinRow>> ReadPins(Connection& connection, const PinQuery& query) {
  ASSIGN_OR_RETURN(
      const auto result,
      connection.Query(kPins, {Param(query.after), Param(query.service), Param(query.limit)}));
  std::vector<PinRow> pins;
  for (const Row& row : result.rows) pins.push_back(PinOf(row));
  return pins;
}

}  // namespace lockstep::coordinator
