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
          .expired = row.Bool(4)};
}

}  // namespace

absl::StatusOr<LeaderRow> AcquireLeadership(postgres::Connection& connection,
                                            const std::string& candidate,
                                            const std::string& address, absl::Duration ttl,
                                            const LeaderRow& seen) {
  ASSIGN_OR_RETURN(const auto result,
                   connection.Query("SELECT epoch, holder, address, renew_seq, expired "
                                    "FROM lockstep.leader_acquire($1, $2, $3, $4, $5)",
                                    {Param(candidate), Param(address), IntervalParam(ttl),
                                     Param(seen.token.epoch), Param(seen.renewals)}));
  return RowOf(result.only());
}

absl::StatusOr<bool> RenewLeadership(postgres::Connection& connection, const LeaderToken& token,
                                     absl::Duration ttl) {
  ASSIGN_OR_RETURN(const auto result,
                   connection.Query("SELECT lockstep.leader_renew($1, $2, $3)",
                                    {Param(token.epoch), Param(token.holder), IntervalParam(ttl)}));
  return result.only().Bool(0);
}

absl::Status ResignLeadership(postgres::Connection& connection, const LeaderToken& token) {
  return connection
      .Query("SELECT lockstep.leader_resign($1, $2)", {Param(token.epoch), Param(token.holder)})
      .status();
}

absl::StatusOr<LeaderRow> ReadLeader(postgres::Connection& connection) {
  ASSIGN_OR_RETURN(const auto result,
                   connection.Query("SELECT epoch, holder, address, renew_seq, "
                                    "expires_at < clock_timestamp() FROM lockstep.leader"));
  if (result.empty()) return LeaderRow{.expired = true};
  return RowOf(result.only());
}

}  // namespace lockstep::coordinator
