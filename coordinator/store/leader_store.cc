#include "coordinator/store/leader_store.h"

#include "absl/strings/str_cat.h"

#include "coordinator/store/sql_values.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

using postgres::Param;

LeaderRow RowOf(const postgres::Row& row) {
  return {.token = {.epoch = row.Long(0), .holder = row.Text(1)},
          .address = row.Text(2),
          .renewals = row.Long(3),
          .expired = row.Bool(4),
          .incarnation = row.Long(5),
          .revision = row.Long(6)};
}

}  // namespace

absl::StatusOr<LeaderRow> AcquireLeadership(postgres::Connection& connection,
                                            const std::string& candidate,
                                            const std::string& address, absl::Duration ttl,
                                            const LeaderRow& seen, int64_t beyond) {
  ASSIGN_OR_RETURN(
      const auto result,
      connection.Query("SELECT epoch, holder, address, renew_seq, expired, incarnation, revision "
                       "FROM lockstep.leader_acquire($1, $2, $3, $4, $5, $6)",
                       {Param(candidate), Param(address), IntervalParam(ttl),
                        Param(seen.token.epoch), Param(seen.renewals), Param(beyond)}));
  return RowOf(result.only());
}

absl::StatusOr<Renewal> RenewLeadership(postgres::Connection& connection, const LeaderToken& token,
                                        absl::Duration ttl) {
  ASSIGN_OR_RETURN(const auto result,
                   connection.Query("SELECT renew_seq, incarnation, revision, same_server "
                                    "FROM lockstep.leader_renew($1, $2, $3)",
                                    {Param(token.epoch), Param(token.holder), IntervalParam(ttl)}));
  if (result.empty()) return Renewal{};
  const postgres::Row& row = result.only();
  return Renewal{.leads = true,
                 .renewals = row.Long(0),
                 .incarnation = row.Long(1),
                 .revision = row.Long(2),
                 .same_server = row.Bool(3)};
}

absl::Status ResignLeadership(postgres::Connection& connection, const LeaderToken& token) {
  return connection
      .Query("SELECT lockstep.leader_resign($1, $2)", {Param(token.epoch), Param(token.holder)})
      .status();
}

absl::StatusOr<LeaderRow> ReadLeader(postgres::Connection& connection) {
  ASSIGN_OR_RETURN(const auto result,
                   connection.Query("SELECT l.epoch, l.holder, l.address, l.renew_seq, "
                                    "l.expires_at < clock_timestamp(), c.incarnation, c.revision "
                                    "FROM lockstep.leader l CROSS JOIN lockstep.chain c"));
  if (result.empty()) return LeaderRow{.expired = true};
  return RowOf(result.only());
}

absl::Status MarkSettled(postgres::Connection& connection, const LeaderToken& token,
                         int64_t incarnation) {
  return connection
      .Query("SELECT lockstep.incarnation_settled($1, $2, $3)",
             {Param(token.epoch), Param(token.holder), Param(incarnation)})
      .status();
}

}  // namespace lockstep::coordinator
