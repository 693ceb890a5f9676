// The table that a job walks and the keys by which it does, as the database has them.
//
// Every function runs on a session that acts as the owner role with the job's search_path, inside
// of a transaction or not, and blocks on it.
#ifndef LOCKSTEP_ENGINE_BACKFILL_RANGES_H_
#define LOCKSTEP_ENGINE_BACKFILL_RANGES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "engine/chain/chain.h"
#include "engine/postgres/script_session.h"

namespace lockstep::backfill {

using Key = std::vector<std::string>;  // A value a key column, in PostgreSQL's text format.

struct KeyColumn {
  std::string name;  // Quoted where it must be.
  std::string type;  // "bigint"
  std::string type_oid;
  std::string collation_oid;  // "0" for none.
};

struct Walk {
  std::string relation;  // Oid.
  std::string table;     // With schema, quoted where it must be.
  std::vector<KeyColumn> keys;
};

// FAILED_PRECONDITION (BACKFILL_TABLE) when there is no such table or column, when a key column may
// be NULL or has a type that is not walked, or when no index begins with the key columns.
absl::StatusOr<Walk> ResolveWalk(postgres::ScriptSession& session, const chain::Backfill& job);

struct KeyRange {
  Key low;   // Exclusive.
  Key high;  // Inclusive.
};

struct RangePlan {
  std::vector<KeyRange> ranges;  // In the keys' order, without gaps; empty for an empty table.
  int64_t total = 0;             // Rows, an estimate for a big table.
};

// Cuts what is there into ranges of about the same number of rows, by a sample: at most `wanted`,
// or up to 4, by the table's size. What is inserted above the last key meanwhile is not walked: its
// writers fill it.
absl::StatusOr<RangePlan> PlanRanges(postgres::ScriptSession& session, const Walk& walk,
                                     std::optional<int> wanted);

struct NextBatch {
  Key high;  // Inclusive.
  int64_t rows = 0;
  bool last = false;  // `high` is the range's.
};

// Finds the end of the next `rows` rows above `low`: sent together with what comes before it.
postgres::Command FindNextBatch(const Walk& walk, const Key& low, const Key& high, int rows);
// What `found`, its result, says; asks how many are left up to `high` when they are fewer.
absl::StatusOr<NextBatch> ReadNextBatch(postgres::ScriptSession& session, const Walk& walk,
                                        const Key& low, const Key& high, int rows,
                                        const postgres::Result& found);

// How many parameters `statement` has: the highest $N in it.
int CountParameters(const std::string& statement);

}  // namespace lockstep::backfill

#endif  // LOCKSTEP_ENGINE_BACKFILL_RANGES_H_
