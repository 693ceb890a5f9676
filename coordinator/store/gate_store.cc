#include "coordinator/store/gate_store.h"

#include <utility>

#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

using postgres::Connection;
using postgres::Param;
using postgres::Row;

constexpr char kFacts[] = R"sql(
SELECT c.applied, c.head, c.revision, c.barrier, coalesce(c.barrier_owner, ''),
       coalesce(lockstep.time_text(c.barrier_deadline), ''), b.touches,
       o.operation_id, o.state, o.target, coalesce(o.error ->> 'message', 'unknown'),
       coalesce(b.title, ''), coalesce(r.version, 0), coalesce(r.title, ''),
       coalesce(r.holder, ''), coalesce(r.statement, 0)
  FROM lockstep.chain c
  LEFT JOIN lockstep.migration b ON b.version = c.barrier
  LEFT JOIN LATERAL (SELECT x.* FROM lockstep.operation x WHERE x.kind = 'upgrade'
                      ORDER BY x.created_at DESC LIMIT 1) o ON true
  LEFT JOIN LATERAL (
    (SELECT m.version, m.title, a.holder, 0 AS statement FROM lockstep.lease l
       JOIN lockstep.attempt a ON a.lease_epoch = l.epoch
       JOIN lockstep.migration m ON m.version BETWEEN l.first AND l.last
      WHERE o.state = 'running' AND l.state = 'held' AND l.operation = o.operation_id
        AND NOT EXISTS (SELECT FROM lockstep.history h WHERE h.version = m.version)
      ORDER BY m.version LIMIT 1)
    UNION ALL
    SELECT m.version, m.title, '', (o.error ->> 'statement')::integer FROM lockstep.migration m
     WHERE o.state = 'failed' AND m.version = (o.error ->> 'version')::integer
  ) r ON true)sql";

constexpr char kContracts[] = R"sql(
SELECT m.version, m.title,
       coalesce(lockstep.time_text(h.applied_at), ''), m.touches
  FROM lockstep.migration m LEFT JOIN lockstep.history h USING (version)
 WHERE m.phase = 'contract'
   AND (h.version IS NOT NULL OR m.version = (SELECT inflight FROM lockstep.chain))
 ORDER BY m.version)sql";

constexpr char kPublished[] =
    "SELECT m.version, m.chain_hash, m.phase IN ('expand', 'data') FROM lockstep.migration m "
    "WHERE m.version >= $1 ORDER BY m.version";

std::optional<std::vector<std::string>> TouchesOf(const Row& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  return row.TextArray(column);
}

void Append(const std::vector<Row>& rows, size_t from, PublishedChain& chain) {
  for (size_t i = from; i < rows.size(); ++i) {
    const Version before = chain.default_needs.empty() ? 0 : chain.default_needs.back();
    chain.hashes.push_back(rows[i].Bytes(1));
    chain.default_needs.push_back(rows[i].Bool(2) ? rows[i].Int(0) : before);
  }
}

// Asks from the newest known version on: where that one is another now (a restored database),
// everything is read again.
absl::StatusOr<std::shared_ptr<const PublishedChain>> ReadPublished(
    Connection& connection, Version head, const std::shared_ptr<const PublishedChain>& known) {
  if (known->head() > 0 && known->head() <= head) {
    ASSIGN_OR_RETURN(const auto result, connection.Query(kPublished, {Param(known->head())}));
    if (!result.empty() && result.rows[0].Int(0) == known->head() &&
        result.rows[0].Bytes(1) == known->hashes.back()) {
      if (result.rows.size() == 1) return known;
      auto longer = std::make_shared<PublishedChain>(*known);
      Append(result.rows, 1, *longer);
      return longer;
    }
  }
  ASSIGN_OR_RETURN(const auto result, connection.Query(kPublished, {Param(1)}));
  auto whole = std::make_shared<PublishedChain>();
  Append(result.rows, 0, *whole);
  return whole;
}

}  // namespace

absl::Status ReadGateFacts(Connection& connection, GateFacts& facts) {
  ASSIGN_OR_RETURN(const auto result, connection.Query(kFacts));
  const Row& row = result.only();
  GateFacts fresh{.applied = row.Int(0), .head = row.Int(1), .revision = row.Long(2)};
  if (!row.IsNull(3)) {
    fresh.barrier = GateBarrier{.version = row.Int(3),
                                .title = row.Text(11),
                                .owner = row.Text(4),
                                .until = row.Text(5),
                                .touches = TouchesOf(row, 6)};
  }
  if (!row.IsNull(7)) {
    fresh.operation = GateOperation{.operation_id = row.Text(7),
                                    .state = row.Text(8),
                                    .target = row.Int(9),
                                    .error = row.Text(10),
                                    .version = row.Int(12),
                                    .title = row.Text(13),
                                    .holder = row.Text(14),
                                    .statement = row.Int(15)};
  }
  ASSIGN_OR_RETURN(const auto contracts, connection.Query(kContracts));
  for (const Row& each : contracts.rows) {
    fresh.contracts.push_back({.version = each.Int(0),
                               .title = each.Text(1),
                               .ran_at = each.Text(2),
                               .touches = TouchesOf(each, 3)});
  }
  ASSIGN_OR_RETURN(fresh.published, ReadPublished(connection, fresh.head, facts.published));
  facts = std::move(fresh);
  return absl::OkStatus();
}

}  // namespace lockstep::coordinator
