#include "coordinator/store/chain_store.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "coordinator/store/sql_values.h"
#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"
#include "engine/sql/tokens.h"

namespace lockstep::coordinator {
namespace {

using postgres::BytesParam;
using postgres::Connection;
using postgres::IntArrayParam;
using postgres::Param;
using postgres::Row;
using postgres::TextArrayParam;

// What has not run: two ranges that an index each finds, so that it costs what is pending and not
// what ever ran. The planner cannot know how little that is. So the range has two ends, and the
// history is asked by a scalar subquery, which stays a look-up a row: with one end, or as NOT
// EXISTS, all would be read.
constexpr char kFromPending[] = R"sql(
  FROM (SELECT x.* FROM lockstep.migration x
         WHERE x.version > (SELECT applied FROM lockstep.chain)
           AND x.version <= (SELECT head FROM lockstep.chain)
        UNION ALL
        SELECT x.* FROM lockstep.migration x
         WHERE x.phase = 'contract' AND x.version <= (SELECT applied FROM lockstep.chain)) m
 WHERE (SELECT h.version FROM lockstep.history h WHERE h.version = m.version) IS NULL)sql";

constexpr char kPending[] = R"sql(
SELECT m.version, m.title, m.phase, m.transactional,
       ARRAY(SELECT w FROM unnest(m.waits_for) w
              WHERE NOT EXISTS (SELECT FROM lockstep.history d WHERE d.version = w)),
       ARRAY(SELECT b FROM unnest(m.needs_backfill) b
              WHERE NOT EXISTS (SELECT FROM lockstep.backfill f WHERE f.name = b AND f.state = 'done')),
       CASE WHEN m.phase = 'contract' THEN lockstep.concerned_sessions(m.version, true) ELSE 0 END,
       CASE WHEN m.phase = 'contract' THEN
         (SELECT o.operation_id FROM lockstep.operation o WHERE o.kind = 'contract'
             AND o.target = m.version AND o.state IN ('running', 'paused', 'cancelling')) END)sql";

constexpr char kMigrations[] = R"sql(
SELECT m.version, m.title, m.phase, m.transactional, m.digest, m.chain_hash, m.published_by,
       extract(epoch FROM m.published_at), extract(epoch FROM h.applied_at),
       extract(epoch FROM h.duration), h.applied_by, h.how, h.lease_epoch,
       l.state <> 'idle' AND m.version BETWEEN l.first AND l.last AND h.version IS NULL,
       h.version IS NULL AND NOT EXISTS (
         SELECT FROM lockstep.migration e
          WHERE e.version > c.applied AND e.version < m.version AND e.phase <> 'contract')
  FROM lockstep.migration m
  CROSS JOIN lockstep.chain c CROSS JOIN lockstep.lease l
  LEFT JOIN lockstep.history h ON h.version = m.version
 WHERE m.version > $1 AND (h.version IS NOT NULL OR NOT $3)
 ORDER BY m.version LIMIT $2)sql";

MigrationRow MigrationOf(const Row& row) {
  MigrationRow m;
  m.version = row.Int(0);
  m.title = row.Text(1);
  m.phase = PhaseOf(row, 2);
  m.transactional = row.Bool(3);
  m.digest = row.Bytes(4);
  m.chain_hash = row.Bytes(5);
  m.published_by = row.Text(6);
  m.published_at = TimeOf(row, 7).value_or(absl::UnixEpoch());
  m.applied = !row.IsNull(8);
  m.applied_at = TimeOf(row, 8).value_or(absl::UnixEpoch());
  m.duration = DurationOf(row, 9);
  m.applied_by = row.Text(10);
  m.how = row.Text(11);
  m.lease_epoch = row.Long(12);
  m.in_flight = row.Bool(13);
  m.turn_has_come = row.Bool(14);
  return m;
}

// The rules that its directives allow it to break, each with its reason, as JSON.
std::string AllowedOf(const chain::Migration& m) {
  nlohmann::json allowed = nlohmann::json::array();
  for (const chain::Directives::Allow& allow : m.directives.allow) {
    allowed.push_back({{"rule", allow.rule}, {"reason", allow.reason}});
  }
  return allowed.dump();
}

// How many migrations, and about how many bytes of them, one query publishes: the round trip costs
// more than the insert.
constexpr int kPublishedTogether = 16;
constexpr size_t kBytesTogether = 1 << 20;

// Publishes migrations, several in one query; the calls of a SELECT are done in their order.
class Publisher {
 public:
  Publisher(Connection& connection, const LeaderToken& leader, std::string parent_hash,
            const std::string& actor)
      : connection_(connection),
        leader_(leader),
        parent_hash_(std::move(parent_hash)),
        actor_(actor) {}

  // Fails as the database does, with what was not sent before.
  absl::Status Append(const chain::Migration& m) {
    const std::string chain_hash = chain::NextChainHash(parent_hash_, m.version, m.title, m.digest);
    Call({Param(leader_.epoch), Param(leader_.holder),
          BytesParam(std::exchange(parent_hash_, chain_hash)), Param(m.version), Param(m.title),
          Param(std::string(sql::PhaseName(m.phase))), Param(m.transactional),
          IntArrayParam(m.waits_for), TextArrayParam(m.directives.needs_backfill),
          BytesParam(m.sql), BytesParam(m.digest), Param(absl::StrCat(sql::kLexerName, "-sha256")),
          BytesParam(chain_hash), Param(actor_), Param(chain::SharingName(chain::SharingOf(m))),
          m.touches.has_value() ? TextArrayParam(*m.touches) : postgres::NullParam(),
          Param(AllowedOf(m))});
    ++calls_;
    bytes_ += m.sql.size();
    return calls_ < kPublishedTogether && bytes_ < kBytesTogether ? absl::OkStatus() : Flush();
  }

  absl::Status Flush() {
    if (calls_ == 0) return absl::OkStatus();
    calls_ = 0;
    bytes_ = 0;
    return connection_.Query(std::exchange(sql_, ""), std::exchange(params_, {})).status();
  }

 private:
  void Call(std::vector<postgres::Value> params) {
    absl::StrAppend(&sql_, sql_.empty() ? "SELECT" : ",", " lockstep.publish_migration(");
    for (size_t i = 0; i < params.size(); ++i) {
      params_.push_back(std::move(params[i]));
      absl::StrAppend(&sql_, i == 0 ? "$" : ", $", params_.size());
    }
    sql_ += ")";
  }

  Connection& connection_;
  const LeaderToken& leader_;
  std::string parent_hash_;
  const std::string& actor_;
  std::string sql_;
  std::vector<postgres::Value> params_;
  int calls_ = 0;  // In sql_.
  size_t bytes_ = 0;
};

}  // namespace

absl::StatusOr<ChainRow> ReadChain(Connection& connection) {
  ASSIGN_OR_RETURN(const auto result,
                   connection.Query("SELECT applied, head, chain_hash, inflight, barrier, "
                                    "incarnation, revision, first_served_at IS NULL, "
                                    "settled_incarnation = incarnation "
                                    "FROM lockstep.chain"));
  const Row& row = result.only();
  return ChainRow{.applied = row.Int(0),
                  .head = row.Int(1),
                  .head_hash = row.Bytes(2),
                  .inflight = row.Int(3),
                  .barrier = row.Int(4),
                  .incarnation = row.Long(5),
                  .settled = row.Bool(8),
                  .revision = row.Long(6),
                  .never_served = row.Bool(7)};
}

absl::StatusOr<std::vector<chain::ChainEntry>> ReadEntries(Connection& connection, Version first,
                                                           Version last) {
  ASSIGN_OR_RETURN(const auto result,
                   connection.Query("SELECT version, title, digest, chain_hash "
                                    "FROM lockstep.migration WHERE version BETWEEN $1 AND $2 "
                                    "ORDER BY version",
                                    {Param(first), Param(last)}));
  std::vector<chain::ChainEntry> entries;
  for (const Row& row : result.rows) {
    entries.push_back({row.Int(0), row.Text(1), row.Bytes(2), row.Bytes(3)});
  }
  return entries;
}

absl::StatusOr<chain::ChainSum> ReadChainSum(Connection& connection) {
  chain::ChainSum sum;
  ASSIGN_OR_RETURN(sum.entries, ReadEntries(connection, 1, chain::kMaxVersion));
  ASSIGN_OR_RETURN(const auto result, connection.Query("SELECT name, digest FROM lockstep.backfill "
                                                       "ORDER BY name COLLATE \"C\""));
  for (const Row& row : result.rows) sum.backfills.push_back({row.Text(0), row.Bytes(1)});
  return sum;
}

absl::StatusOr<std::vector<PendingMigration>> ReadPending(Connection& connection) {
  ASSIGN_OR_RETURN(const auto result,
                   connection.Query(absl::StrCat(kPending, kFromPending, " ORDER BY m.version")));
  std::vector<PendingMigration> pending;
  for (const Row& row : result.rows) {
    pending.push_back({.version = row.Int(0),
                       .title = row.Text(1),
                       .phase = PhaseOf(row, 2),
                       .transactional = row.Bool(3),
                       .waits_for = row.IntArray(4),
                       .needs_backfill = row.TextArray(5),
                       .concerned = row.Long(6),
                       .operation = row.Text(7)});
  }
  return pending;
}

absl::StatusOr<bool> HasPending(Connection& connection) {
  ASSIGN_OR_RETURN(const auto result,
                   connection.Query(absl::StrCat("SELECT EXISTS (SELECT", kFromPending, ")")));
  return result.only().Bool(0);
}

absl::Status JudgeMigrations(Connection& connection, const LeaderToken& leader,
                             const std::vector<JudgedMigration>& judged) {
  return connection.InTransaction([&]() -> absl::Status {
    for (const JudgedMigration& m : judged) {
      RETURN_IF_ERROR(
          connection
              .Query("SELECT lockstep.judge_migration($1, $2, $3, $4, $5, $6)",
                     {Param(leader.epoch), Param(leader.holder), Param(m.version),
                      Param(std::string(sql::PhaseName(m.phase))), IntArrayParam(m.waits_for),
                      m.touches.has_value() ? TextArrayParam(*m.touches) : postgres::NullParam()})
              .status());
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<MigrationRow>> ReadMigrations(Connection& connection, Version after,
                                                         int limit, bool applied_only) {
  ASSIGN_OR_RETURN(const auto result, connection.Query(kMigrations, {Param(after), Param(limit),
                                                                     Param(applied_only)}));
  std::vector<MigrationRow> migrations;
  for (const Row& row : result.rows) migrations.push_back(MigrationOf(row));
  return migrations;
}

absl::StatusOr<std::vector<MigrationText>> ReadTexts(Connection& connection, Version first,
                                                     Version last, int64_t max_bytes) {
  // The running total is taken before each row's own size, so that one row always fits.
  ASSIGN_OR_RETURN(
      const auto result,
      connection.Query(
          "SELECT version, title, digest, chain_hash, sql, phase = 'contract', sharing, "
          "transactional FROM ("
          "  SELECT m.*, sum(length(sql)) OVER (ORDER BY version) - length(sql) AS before"
          "    FROM lockstep.migration m WHERE version BETWEEN $1 AND $2) x "
          "WHERE before = 0 OR before + length(sql) <= $3 ORDER BY version",
          {Param(first), Param(last), Param(max_bytes)}));
  std::vector<MigrationText> texts;
  for (const Row& row : result.rows) {
    texts.push_back({.entry = {row.Int(0), row.Text(1), row.Bytes(2), row.Bytes(3)},
                     .sql = row.Bytes(4),
                     .contract = row.Bool(5),
                     .sharing = chain::ParseSharing(row.Text(6)),
                     .transactional = row.Bool(7)});
  }
  if (texts.empty()) {
    return base::MakeError(absl::StatusCode::kNotFound, "MIGRATION_NOT_FOUND",
                           absl::StrCat("version ", first, " is not published"),
                           {{"version", absl::StrCat(first)}});
  }
  return texts;
}

absl::StatusOr<std::vector<MigrationText>> ReadPendingTexts(Connection& connection,
                                                            int64_t max_bytes) {
  // The sum over all rows is in each: nothing is sent when it is too much.
  ASSIGN_OR_RETURN(
      const auto result,
      connection.Query(
          absl::StrCat("SELECT version, title, digest, chain_hash, "
                       "CASE WHEN total <= $1 THEN sql END, phase = 'contract', total FROM ("
                       "SELECT m.*, sum(length(m.sql)) OVER () AS total",
                       kFromPending, ") x ORDER BY version"),
          {Param(max_bytes)}));
  std::vector<MigrationText> texts;
  for (const Row& row : result.rows) {
    if (row.IsNull(4)) {
      return base::MakeError(absl::StatusCode::kResourceExhausted, "TOO_MUCH_PENDING",
                             absl::StrCat("the migrations that have not run hold ", row.Text(6),
                                          " bytes, more than ", max_bytes, " can be reviewed"),
                             {{"bytes", row.Text(6)}, {"limit", absl::StrCat(max_bytes)}},
                             "publish and upgrade in steps");
    }
    texts.push_back({.entry = {row.Int(0), row.Text(1), row.Bytes(2), row.Bytes(3)},
                     .sql = row.Bytes(4),
                     .contract = row.Bool(5)});
  }
  return texts;
}

absl::StatusOr<Settings> ReadSettings(Connection& connection) {
  ASSIGN_OR_RETURN(
      const auto result,
      connection.Query("SELECT owner_role, search_path, single_role FROM lockstep.setting"));
  const Row& row = result.only();
  return Settings{row.Text(0), row.Text(1), row.Bool(2)};
}

absl::StatusOr<std::vector<std::string>> AppendMigrations(
    Connection& connection, const LeaderToken& leader, const std::string& parent_hash,
    const std::vector<chain::Migration>& migrations, const std::vector<chain::Backfill>& backfills,
    const std::string& actor) {
  std::vector<std::string> added;
  RETURN_IF_ERROR(connection.InTransaction([&]() -> absl::Status {
    Publisher publisher(connection, leader, parent_hash, actor);
    for (const chain::Migration& m : migrations) RETURN_IF_ERROR(publisher.Append(m));
    RETURN_IF_ERROR(publisher.Flush());
    for (const chain::Backfill& b : backfills) {
      ASSIGN_OR_RETURN(const auto result,
                       connection.Query("SELECT lockstep.publish_backfill($1, $2, $3, $4, $5, $6)",
                                        {Param(leader.epoch), Param(leader.holder), Param(b.name),
                                         Param(b.after), BytesParam(b.sql), BytesParam(b.digest)}));
      if (result.only().Bool(0)) added.push_back(b.name);
    }
    return absl::OkStatus();
  }));
  return added;
}

}  // namespace lockstep::coordinator
