#include "coordinator/store/build_store.h"

#include "absl/strings/str_cat.h"

#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

using postgres::Connection;
using postgres::Param;
using postgres::Row;

constexpr char kBuilds[] = R"sql(
SELECT b.build, b.built_for, b.needs, b.adapted_to, b.uses, m.chain_hash, b.instances, b.pinned
  FROM (SELECT x.build, x.built_for, x.needs, x.adapted_to, x.uses,
               count(*) FILTER (WHERE x.counts) AS instances, bool_or(x.pinned) AS pinned, max(x.at) AS at
          FROM (SELECT s.build, s.built_for, s.needs, s.adapted_to, s.uses, s.registered_at AS at, false AS pinned,
                       s.state IN ('starting', 'live', 'draining', 'suspect') AS counts
                  FROM lockstep.session s
                 WHERE s.service = $1 AND s.reason NOT IN ('not_configured', 'diverged')
                 UNION ALL
                SELECT p.build, p.built_for, p.needs, p.adapted_to, p.uses, p.created_at, true, false
                  FROM lockstep.pin p WHERE p.service = $1 AND p.ended_at IS NULL) x
         WHERE $2 = '' OR x.build = $2
         GROUP BY x.build, x.built_for, x.needs, x.adapted_to, x.uses) b
  LEFT JOIN lockstep.migration m ON m.version = b.built_for
 ORDER BY b.instances DESC, b.at DESC, b.build LIMIT 100)sql";

constexpr char kWaiting[] =
    "SELECT m.version, m.title, m.touches FROM lockstep.migration m WHERE m.phase = 'contract' "
    "AND NOT EXISTS (SELECT FROM lockstep.history h WHERE h.version = m.version) "
    "ORDER BY m.version";

GateContract ContractOf(const Row& row) {
  GateContract contract{.version = row.Int(0), .title = row.Text(1)};
  if (!row.IsNull(2)) contract.touches = row.TextArray(2);
  return contract;
}

}  // namespace

absl::StatusOr<std::vector<BuildRow>> ReadBuilds(Connection& connection, const std::string& service,
                                                 const std::string& build) {
  ASSIGN_OR_RETURN(const auto result, connection.Query(kBuilds, {Param(service), Param(build)}));
  std::vector<BuildRow> builds;
  for (const Row& row : result.rows) {
    BuildRow b{.instances = row.Int(6), .pinned = row.Bool(7)};
    b.declaration.service = service;
    b.declaration.build = row.Text(0);
    b.declaration.configured = true;
    b.declaration.built_for = row.Int(1);
    b.declaration.needs = row.Int(2);
    b.declaration.adapted_to = row.Int(3);
    if (!row.IsNull(4)) b.declaration.uses = row.TextArray(4);
    if (!row.IsNull(5)) b.declaration.chain_hash = row.Bytes(5);
    builds.push_back(std::move(b));
  }
  return builds;
}

absl::StatusOr<std::vector<GateContract>> ReadWaitingContracts(Connection& connection) {
  ASSIGN_OR_RETURN(const auto result, connection.Query(kWaiting));
  std::vector<GateContract> contracts;
  for (const Row& row : result.rows) contracts.push_back(ContractOf(row));
  return contracts;
}

absl::StatusOr<GateContract> ReadContract(Connection& connection, Version version) {
  ASSIGN_OR_RETURN(const auto result,
                   connection.Query("SELECT version, title, touches, phase FROM lockstep.migration "
                                    "WHERE version = $1",
                                    {Param(version)}));
  if (result.empty()) {
    return base::MakeError(absl::StatusCode::kNotFound, "MIGRATION_NOT_FOUND",
                           absl::StrCat("version ", version, " is not published"),
                           {{"version", absl::StrCat(version)}}, "`lockstep history` lists all");
  }
  if (result.only().Text(3) != "contract") {
    return base::MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                           absl::StrCat(version, " is no contract"),
                           {{"field", "contract"}, {"version", absl::StrCat(version)}},
                           "`lockstep history` lists all");
  }
  return ContractOf(result.only());
}

}  // namespace lockstep::coordinator
