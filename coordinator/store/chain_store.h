// The published chain and its history.
#ifndef LOCKSTEP_COORDINATOR_STORE_CHAIN_STORE_H_
#define LOCKSTEP_COORDINATOR_STORE_CHAIN_STORE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "coordinator/store/types.h"
#include "engine/chain/sharing.h"
#include "engine/postgres/connection.h"

namespace lockstep::coordinator {

absl::StatusOr<ChainRow> ReadChain(postgres::Connection& connection);

// The published entries of versions [first, last], by version.
absl::StatusOr<std::vector<chain::ChainEntry>> ReadEntries(postgres::Connection& connection,
                                                           Version first, Version last);

// What chain.sum says of all that is published. Two statements: call it in a snapshot.
absl::StatusOr<chain::ChainSum> ReadChainSum(postgres::Connection& connection);

// Everything published without a history row, by version. Cost follows the pending part, not the
// length of the chain.
absl::StatusOr<std::vector<PendingMigration>> ReadPending(postgres::Connection& connection);

// Whether ReadPending would return anything.
absl::StatusOr<bool> HasPending(postgres::Connection& connection);

// What the safety analysis decides anew about a migration that has not run.
struct JudgedMigration {
  Version version = 0;
  sql::Phase phase = sql::Phase::kContract;
  std::vector<Version> waits_for;
  std::optional<std::vector<std::string>> touches;
};
// Makes phases stronger and adds what is waited for, in one transaction; never the other way.
// UNAVAILABLE (NOT_LEADER).
absl::Status JudgeMigrations(postgres::Connection& connection, const LeaderToken& leader,
                             const std::vector<JudgedMigration>& judged);

// A page of published migrations with their history, by version, from `after` exclusive.
absl::StatusOr<std::vector<MigrationRow>> ReadMigrations(postgres::Connection& connection,
                                                         Version after, int limit,
                                                         bool applied_only);

// The text of one migration; NOT_FOUND (MIGRATION_NOT_FOUND).
struct MigrationText {
  chain::ChainEntry entry;
  std::string sql;
  bool contract = false;
  chain::Sharing sharing = chain::Sharing::kAlone;
  bool transactional = true;
};
// Versions [first, last], in order, at most `max_bytes` of SQL but at least one.
absl::StatusOr<std::vector<MigrationText>> ReadTexts(postgres::Connection& connection,
                                                     Version first, Version last,
                                                     int64_t max_bytes);

// All that is published without a history row, by version. RESOURCE_EXHAUSTED (TOO_MUCH_PENDING)
// when it holds more than `max_bytes` of SQL.
absl::StatusOr<std::vector<MigrationText>> ReadPendingTexts(postgres::Connection& connection,
                                                            int64_t max_bytes);

// How migrations run in this database.
struct Settings {
  std::string owner_role;
  std::string search_path;
  bool single_role = false;
};
absl::StatusOr<Settings> ReadSettings(postgres::Connection& connection);

// Appends migrations and adds backfills in one transaction, all or nothing. `parent_hash` is the
// chain hash before the first migration. ABORTED (CHAIN_DIVERGED) when the head moved on or a
// backfill is published with other content; UNAVAILABLE (NOT_LEADER). Returns the names of the
// backfills that are new.
absl::StatusOr<std::vector<std::string>> AppendMigrations(
    postgres::Connection& connection, const LeaderToken& leader, const std::string& parent_hash,
    const std::vector<chain::Migration>& migrations, const std::vector<chain::Backfill>& backfills,
    const std::string& actor);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_STORE_CHAIN_STORE_H_
