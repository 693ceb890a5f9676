// The chain: the one ordered, forward-only list of migrations of one database, and the text form of
// its identity, chain.sum.
//
// Each version has a chain hash: SHA-256(chain hash of its predecessor (32 zero bytes before
// version 1) || version as 4 bytes big endian || title || 0x1f || digest). Two chains that agree on
// the hash at version N agree on everything up to N.
#ifndef LOCKSTEP_ENGINE_CHAIN_CHAIN_H_
#define LOCKSTEP_ENGINE_CHAIN_CHAIN_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "engine/chain/migration.h"

namespace lockstep::chain {

// A named data job kept apart from schema changes. Its directives stand at the top of the file, its
// statements in sections that begin with a line `-- lockstep:section NAME`:
//   prepare  once, before anything else
//   batch    for each range of keys: $1.. the exclusive low key, then the inclusive high one
//   verify   queries for what is left undone; no row means done
//   finish   once, in the transaction that records the job as done
// A file without `table` is one batch without parameters (a seed), and needs no section lines.
struct Backfill {
  std::string name;  // "journey_backfill_v1" of backfills/journey_backfill_v1.sql
  std::string file;
  std::string sql;                         // Normalised.
  std::string digest;                      // 32 raw bytes; see BackfillDigestOf.
  Version after = 0;                       // Runs once this version is applied.
  std::string table;                       // As written: "users", "app.users"; "" for one batch.
  std::string key;                         // As written: "id", "tenant_id, id".
  std::vector<std::string> keys;           // Its columns, as written.
  std::optional<int> batch;                // Rows in the first batch.
  std::optional<absl::Duration> throttle;  // Pause between two batches.
  std::optional<int> rate;                 // Rows a second at most.
  std::optional<int> ranges;               // Into how many parts it is cut at most.
  std::string window;                      // "22:00-06:00", UTC; "" for any time.
  std::string pause_while;                 // A query: it stands still while that is true.
  bool durable = false;                    // Each batch waits for its commit.
  bool reindex = false;                    // REINDEX CONCURRENTLY at its end.
  // Who sees to rows that are written while it runs, in a person's words; "" when a trigger does.
  std::string dual_write;
  std::vector<Directives::Allow> allow;  // Findings of lint that it lets pass.
  // Texts of the sections' statements, without the semicolons.
  std::vector<std::string> prepare;
  std::vector<std::string> batch_statements;
  std::vector<std::string> verify;
  std::vector<std::string> finish;
};

inline constexpr int kMaxBatchRows = 50'000;
inline constexpr int kMaxBackfillKeys = 4;
inline constexpr int kMaxBackfillRanges = 64;
inline constexpr int kMaxBackfillRate = 10'000'000;

// Minutes of the day, UTC; the end before the begin reaches over midnight.
struct DailyWindow {
  int begin = 0;
  int end = 0;
  bool operator==(const DailyWindow&) const = default;
};
// Reads "22:00-06:00". Absent when it has another shape, or is empty for the whole day.
std::optional<DailyWindow> ParseWindow(absl::string_view text);

// Reads a backfill. The file name is NAME.sql with a snake_case name; `after` is required, `table`
// and `key` are together or not at all. Exactly one section `batch` with a statement is required
// where there is a table or a section line; the others may be there once each.
//
// INVALID_ARGUMENT with the reasons of ReadMigration; BAD_DIRECTIVE also for a missing directive or
// section, and for a statement before the first section.
absl::StatusOr<Backfill> ReadBackfill(absl::string_view file, absl::string_view bytes);

// As DigestOf, with each section line in its place among the tokens ("section", 0x1f, name, 0x1e),
// so that moving a statement into another section is noticed. Stored; do not change.
std::string BackfillDigestOf(absl::string_view sql);

// What one line of chain.sum says.
struct ChainEntry {
  Version version = 0;
  std::string title;
  std::string digest;      // 32 raw bytes.
  std::string chain_hash;  // 32 raw bytes.
  bool operator==(const ChainEntry&) const = default;
};

// chain.sum, parsed: enough to know which chain a build was made with, without the SQL.
struct ChainSum {
  std::vector<ChainEntry> entries;  // Version 1 first.
  struct BackfillEntry {
    std::string name;
    std::string digest;
    bool operator==(const BackfillEntry&) const = default;
  };
  std::vector<BackfillEntry> backfills;  // By name.

  // The newest version, 0 when empty, and its chain hash (32 zero bytes when empty).
  Version head() const { return entries.empty() ? 0 : entries.back().version; }
  std::string head_hash() const;
  bool operator==(const ChainSum&) const = default;
};

// The chain hash before version 1.
std::string EmptyChainHash();
std::string NextChainHash(absl::string_view previous, Version version, absl::string_view title,
                          absl::string_view digest);

// The text of chain.sum: a header line naming the algorithm ("lockstep chain.sum ls1-sha256"), then
// `NNN title digest chainhash` a line (hex), then `B name digest` for backfills, a line feed at the
// end. Round-trips through ParseChainSum.
std::string FormatChainSum(const ChainSum& sum);

// INVALID_ARGUMENT (BAD_CHAIN_SUM) with file and line for a wrong header, a bad line, a gap, a
// chain hash that does not follow from its line (so an edited line is noticed), or backfills out of
// order. CRLF line ends and a missing last line feed are forgiven.
absl::StatusOr<ChainSum> ParseChainSum(absl::string_view file, absl::string_view text);

struct Chain {
  std::vector<Migration> migrations;  // Version 1 first, no gaps.
  std::vector<Backfill> backfills;    // By name.

  Version head() const { return static_cast<Version>(migrations.size()); }
  ChainSum sum() const;
};

// Orders and checks migrations. INVALID_ARGUMENT: CHAIN_DUPLICATE (both files named; for two
// backfills of one name, too), CHAIN_GAP (names the missing version and the file after the gap).
absl::StatusOr<Chain> MakeChain(std::vector<Migration> migrations, std::vector<Backfill> backfills);

// Where two chains part. Absent when one is a prefix of the other.
struct Divergence {
  Version version;  // The first that differs.
  ChainEntry ours;
  ChainEntry theirs;
};
std::optional<Divergence> FindDivergence(const ChainSum& ours, const ChainSum& theirs);

}  // namespace lockstep::chain

#endif  // LOCKSTEP_ENGINE_CHAIN_CHAIN_H_
