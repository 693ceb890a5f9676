// A migration: one SQL file of the chain, read but not yet run. Pure values, no I/O.
#ifndef LOCKSTEP_ENGINE_CHAIN_MIGRATION_H_
#define LOCKSTEP_ENGINE_CHAIN_MIGRATION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "engine/sql/analysis/analyzer.h"
#include "engine/sql/phase.h"
#include "engine/sql/preamble.h"
#include "engine/sql/split.h"

namespace lockstep::chain {

// A migration's number in the chain: 1, 2, 3 ... without gaps. 0 is the empty chain.
using Version = int32_t;

inline constexpr int64_t kMaxMigrationBytes = 1 << 20;
inline constexpr Version kMaxVersion = 1'000'000;

// What the `-- lockstep:NAME VALUE` comments at the top of a file say.
struct Directives {
  std::optional<sql::Phase> phase;
  bool transaction_none = false;            // transaction none
  std::vector<std::string> needs_backfill;  // needs-backfill NAME
  std::vector<Version> after_contract;      // after-contract N
  struct Allow {
    std::string rule;
    std::string reason;
    size_t offset = 0;  // Of its comment.
    bool operator==(const Allow&) const = default;
  };
  std::vector<Allow> allow;                    // allow RULE reason...
  std::optional<absl::Duration> lock_timeout;  // lock-timeout 500ms
  std::optional<absl::Duration> statement_timeout;
  std::optional<int> min_postgres;   // min-postgres 16
  std::vector<std::string> asserts;  // assert SQL
  bool operator==(const Directives&) const = default;
};

struct Migration {
  Version version = 0;
  std::string title;   // "initial_schema" of 001_initial_schema.sql
  std::string file;    // The path as given, for messages.
  std::string sql;     // Normalised: BOM removed, CRLF made LF.
  std::string digest;  // 32 raw bytes; see DigestOf.
  Directives directives;
  std::vector<sql::Statement> statements;
  std::vector<sql::LeftOut> left_out;  // pg_dump's words to psql, which are not run.
  // What the file says by itself, on a database of which nothing is known.
  sql::FileAnalysis alone;
  // Derived, then strengthened by the directive. From the file alone, until ReviewMigrations
  // (engine/chain/analysis.h) has judged it against what exists; then often a weaker one.
  sql::Phase phase = sql::Phase::kNeutral;
  // False by the directive `transaction none`, and when a statement must not run in a transaction.
  bool transactional = true;
  // Contracts that must be done before it: those that the directive names, and those whose objects
  // it touches (see ReviewMigrations).
  std::vector<Version> waits_for;
  // Tables and columns that it changes; absent while not known.
  std::optional<std::vector<std::string>> touches;
};

// Reads a migration from its file name (base name or path) and bytes. Directives stand in comment
// lines at the top of the file, before the first statement. A file without a statement is legal.
//
// INVALID_ARGUMENT with the file in the metadata (and line and column, except for the first two)
// and a reason: BAD_FILE_NAME, FILE_TOO_LARGE, NOT_UTF8 (also for a NUL byte), UNKNOWN_DIRECTIVE,
// BAD_DIRECTIVE (a value it cannot have, given twice, or below the first statement), PHASE_WEAKENED
// (a directive may only strengthen what was derived; for opaque SQL the declared phase is taken),
// TRANSACTION_CONTROL (COMMIT and its kin: the fence owns the transaction).
absl::StatusOr<Migration> ReadMigration(absl::string_view file, absl::string_view bytes);

// The digest of a migration's text: SHA-256 over its ls1 tokens without comments, each followed by
// one 0x1f byte, then over each directive line (name, 0x1f, value, 0x1e). So blanks and comments
// between tokens do not count, directives do. Returns 32 raw bytes. `sql` must be normalised.
// Stored in chain.sum and in every database; do not change.
std::string DigestOf(absl::string_view sql);

// Removes UTF-8 byte order marks at the start and carriage returns before a line feed. Idempotent.
std::string NormalizeText(absl::string_view bytes);

// Parses "001_initial_schema.sql": at least three digits (leading zeros do not count), underscore,
// snake_case title. Absent when the name has another shape.
struct FileName {
  Version version;
  std::string title;
};
std::optional<FileName> ParseFileName(absl::string_view base_name);

}  // namespace lockstep::chain

#endif  // LOCKSTEP_ENGINE_CHAIN_MIGRATION_H_
