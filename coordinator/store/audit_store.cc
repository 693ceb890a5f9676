#include "coordinator/store/audit_store.h"

#include "coordinator/store/sql_values.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {

using postgres::BytesParam;
using postgres::Connection;
using postgres::NullParam;
using postgres::Param;
using postgres::Row;

absl::StatusOr<std::vector<AuditRow>> ReadAudit(Connection& connection,
                                                std::optional<int64_t> before, int limit) {
  ASSIGN_OR_RETURN(
      const auto result,
      connection.Query(
          "SELECT number, revision, extract(epoch FROM at), action, actor, reason, version, "
          "operation, detail, hash FROM lockstep.audit "
          "WHERE $1::bigint IS NULL OR number < $1 ORDER BY number DESC LIMIT $2",
          {before.has_value() ? Param(*before) : NullParam(), Param(limit)}));
  std::vector<AuditRow> rows;
  for (const Row& row : result.rows) {
    rows.push_back({.number = row.Long(0),
                    .revision = row.Long(1),
                    .at = TimeOf(row, 2).value_or(absl::UnixEpoch()),
                    .action = row.Text(3),
                    .actor = row.Text(4),
                    .reason = row.Text(5),
                    .version = row.Int(6),
                    .operation = row.Text(7),
                    .detail = row.Text(8),
                    .hash = row.Bytes(9)});
  }
  return rows;
}

absl::StatusOr<AuditVerdict> VerifyAudit(Connection& connection, const std::string& expect) {
  ASSIGN_OR_RETURN(
      const auto result,
      connection.Query("SELECT records, last_hash, broken_at, why FROM lockstep.audit_verify($1)",
                       {expect.empty() ? NullParam() : BytesParam(expect)}));
  const Row& row = result.only();
  return AuditVerdict{.records = row.Long(0),
                      .last_hash = row.IsNull(1) ? "" : row.Bytes(1),
                      .broken_at = row.Long(2),
                      .why = row.Text(3)};
}

}  // namespace lockstep::coordinator
