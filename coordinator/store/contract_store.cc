#include "coordinator/store/contract_store.h"

#include "absl/strings/str_cat.h"

#include "coordinator/store/operation_store.h"
#include "coordinator/store/sql_values.h"
#include "engine/base/digest.h"
#include "engine/base/failpoint.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

using postgres::BytesParam;
using postgres::Connection;
using postgres::Param;
using postgres::Row;
using postgres::Value;

constexpr char kFacts[] = R"sql(
SELECT m.title, m.touches, m.phase = 'contract', h.version IS NOT NULL, c.inflight = m.version,
       coalesce(lockstep.next_violation(m.version),
         (SELECT 'it needs backfill ' || string_agg(b, ', ') || ', which is not done'
            FROM unnest(m.needs_backfill) b
           WHERE NOT EXISTS (SELECT FROM lockstep.backfill f WHERE f.name = b AND f.state = 'done')),
         ''),
       c.barrier, coalesce(c.barrier_owner, ''), coalesce(c.barrier_operation, ''),
       extract(epoch FROM c.barrier_deadline),
       CASE WHEN m.phase = 'contract' AND h.version IS NULL
            THEN lockstep.concerned_sessions(m.version, true) ELSE 0 END,
       (SELECT count(*) FROM lockstep.session s
         WHERE s.state IN ('starting', 'live', 'draining', 'suspect'))
       + (SELECT count(*) FROM lockstep.pin p WHERE p.ended_at IS NULL)
  FROM lockstep.chain c JOIN lockstep.migration m ON m.version = $1
  LEFT JOIN lockstep.history h ON h.version = m.version)sql";

Value OptionalInterval(const std::optional<absl::Duration>& duration) {
  return duration.has_value() ? IntervalParam(*duration) : postgres::NullParam();
}

Value OptionalTime(const std::optional<absl::Time>& time) {
  if (!time.has_value()) return postgres::NullParam();
  return Param(absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", *time, absl::UTCTimeZone()));
}

void FactsOf(const Row& row, ContractFacts& facts) {
  facts.published = true;
  facts.title = row.Text(0);
  if (!row.IsNull(1)) facts.touches = row.TextArray(1);
  facts.is_contract = row.Bool(2);
  facts.ran = row.Bool(3);
  facts.in_flight = row.Bool(4);
  facts.not_next = row.Text(5);
  if (!row.IsNull(6)) {
    facts.barrier = BarrierRow{.version = row.Int(6),
                               .owner = row.Text(7),
                               .operation = row.Text(8),
                               .deadline = TimeOf(row, 9)};
  }
  facts.concerned = row.Long(10);
  facts.counting = row.Long(11);
}

ConcernedGroup GroupOf(const Row& row) {
  return {.service = row.Text(0),
          .build = row.Text(1),
          .adapted_to = row.Int(2),
          .starting = row.Int(3),
          .live = row.Int(4),
          .draining = row.Int(5),
          .suspect = row.Int(6),
          .pins = row.Int(7),
          .gone = row.Int(8),
          .oldest = TimeOf(row, 9)};
}

ClientGroup ClientOf(const Row& row) {
  return {.leftover = row.Bool(0),
          .role = row.Text(1),
          .application_name = row.Text(2),
          .address = row.Text(3),
          .connections = row.Int(4),
          .locks = row.Int(5),
          .pid = row.Int(6),
          .state = row.Text(7),
          .query = row.Text(9),
          .oldest = TimeOf(row, 8)};
}

}  // namespace

absl::StatusOr<std::string> StartContractOperation(Connection& connection,
                                                   const LeaderToken& leader,
                                                   const ContractRequest& request) {
  const Value deadline = OptionalInterval(request.deadline);
  const Value terminate_idle = OptionalInterval(request.terminate_idle);
  const std::string digest = base::Sha256Of(absl::StrCat(
      "contract\x1f", request.version, "\x1f", request.when_drained, "\x1f", deadline.value_or(""),
      "\x1f", *IntervalParam(request.soak), "\x1f", request.accept_unknown, "\x1f", request.actor,
      "\x1f", request.reason, "\x1f", terminate_idle.value_or("")));
  std::string started;
  const absl::Status status = connection.InTransaction([&]() -> absl::Status {
    ASSIGN_OR_RETURN(
        const auto result,
        connection.Query("SELECT lockstep.contract_start($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
                         "$11, $12, $13)",
                         {Param(leader.epoch), Param(leader.holder), Param(NewOperationId()),
                          Param(request.request_id), BytesParam(digest), Param(request.version),
                          Param(request.when_drained), deadline, IntervalParam(request.soak),
                          Param(request.accept_unknown), Param(request.actor),
                          Param(request.reason), terminate_idle}));
    started = result.only().Text(0);
    return absl::OkStatus();
  });
  RETURN_IF_ERROR(NamingTheOther(status));
  return started;
}

absl::Status SetBarrier(Connection& connection, const LeaderToken& leader,
                        const std::string& operation_id) {
  RETURN_IF_ERROR(connection.InTransaction([&]() -> absl::Status {
    RETURN_IF_ERROR(
        connection
            .Query("SELECT lockstep.barrier_set($1, $2, $3)",
                   {Param(leader.epoch), Param(leader.holder), Param(operation_id)})
            .status());
    return LOCKSTEP_FAILPOINT_STATUS("leader.barrier_set", connection.socket());
  }));
  return absl::OkStatus();
}

absl::Status NoteQuiet(Connection& connection, const LeaderToken& leader,
                       const std::string& operation_id, bool quiet, const std::string& why) {
  return connection
      .Query("SELECT lockstep.contract_quiet($1, $2, $3, $4, $5)",
             {Param(leader.epoch), Param(leader.holder), Param(operation_id), Param(quiet),
              Param(why)})
      .status();
}

absl::StatusOr<bool> EndContract(Connection& connection, const LeaderToken& leader,
                                 const std::string& operation_id, OperationState state,
                                 const std::optional<RunError>& error) {
  bool ended = false;
  RETURN_IF_ERROR(connection.InTransaction([&]() -> absl::Status {
    ASSIGN_OR_RETURN(ended, EndOperation(connection, leader, operation_id, state, error));
    return LOCKSTEP_FAILPOINT_STATUS("leader.barrier_clear", connection.socket());
  }));
  return ended;
}

absl::StatusOr<ContractFacts> ReadContractFacts(Connection& connection, Version version,
                                                std::optional<absl::Time> since) {
  ContractFacts facts{.version = version};
  ASSIGN_OR_RETURN(const auto result, connection.Query(kFacts, {Param(version)}));
  if (result.empty()) return facts;
  FactsOf(result.only(), facts);
  if (!facts.is_contract || facts.ran) return facts;
  ASSIGN_OR_RETURN(const auto groups,
                   connection.Query("SELECT * FROM lockstep.contract_groups($1, $2)",
                                    {Param(version), OptionalTime(since)}));
  for (const Row& row : groups.rows) facts.groups.push_back(GroupOf(row));
  ASSIGN_OR_RETURN(const auto clients,
                   connection.Query("SELECT * FROM lockstep.contract_clients($1)",
                                    {Param(version)}));
  for (const Row& row : clients.rows) facts.clients.push_back(ClientOf(row));
  return facts;
}

absl::StatusOr<std::vector<std::string>> ReadConcernedServices(Connection& connection,
                                                               Version version) {
  ASSIGN_OR_RETURN(const auto result,
                   connection.Query("SELECT g.service FROM lockstep.contract_groups($1, NULL) "
                                    "WITH ORDINALITY g GROUP BY g.service ORDER BY "
                                    "min(g.ordinality)",
                                    {Param(version)}));
  std::vector<std::string> services;
  for (const Row& row : result.rows) services.push_back(row.Text(0));
  return services;
}

absl::StatusOr<std::vector<Version>> ReadPendingContracts(Connection& connection) {
  ASSIGN_OR_RETURN(
      const auto result,
      connection.Query("SELECT m.version FROM lockstep.migration m WHERE m.phase = 'contract' AND "
                       "(SELECT h.version FROM lockstep.history h WHERE h.version = m.version) "
                       "IS NULL ORDER BY m.version"));
  std::vector<Version> versions;
  for (const Row& row : result.rows) versions.push_back(row.Int(0));
  return versions;
}

}  // namespace lockstep::coordinator
