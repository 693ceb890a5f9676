// What a migration outside of a transaction consists of: its statements, cut into steps. A step is
// one statement that runs by itself, or several that share a fenced transaction. Its kind decides
// what is done when a half of it is found:
//
//   kFenced        a transaction: there is no half
//   kCreateIndex   CREATE INDEX CONCURRENTLY: an invalid index is dropped and built again
//   kDropIndex     DROP INDEX CONCURRENTLY: repeated until it is gone
//   kReindex       REINDEX ... CONCURRENTLY: what it left beside the index is dropped, then again
//   kDetach        ALTER TABLE ... DETACH PARTITION ... CONCURRENTLY: finalized
//   kRepeatable    VACUUM, ANALYZE, CLUSTER, REINDEX: run again
//   kOnce          anything else: nobody but its author can tell
//
// Pure; safe to call from any thread.
#ifndef LOCKSTEP_ENGINE_APPLY_STEP_H_
#define LOCKSTEP_ENGINE_APPLY_STEP_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "engine/chain/migration.h"

namespace lockstep::apply {

// Stored by name in lockstep.intent; do not change the names.
enum class StepKind { kFenced, kCreateIndex, kDropIndex, kReindex, kDetach, kRepeatable, kOnce };
absl::string_view StepKindName(StepKind kind);

// Names are as SQL writes them, quoted, with their schema where the file gives one.
struct Step {
  size_t first = 0;  // Of the file's statements.
  size_t last = 0;   // Included.
  StepKind kind = StepKind::kOnce;
  std::string object;  // For people: "index orders_total", "table app.orders"; "" for none.
  // It takes no lock that others queue behind, so it may wait for as long as it takes.
  bool gentle = false;
  // Its failure may leave something behind although PostgreSQL rolled back what it was doing.
  bool may_commit = false;

  std::string table;  // kCreateIndex: of the index. kDetach: the partitioned one.
  std::string index;  // kCreateIndex: as given, unquoted; "" when PostgreSQL chooses. kDropIndex.
  bool unique = false;
  // kCreateIndex: what follows the table's name, "USING btree (total) WHERE open".
  std::string definition;
  std::string partition;   // kDetach.
  std::string scope_kind;  // kReindex: "index", "table", "schema" or "database".
  std::string scope;       // Its name.
};

std::vector<Step> StepsOf(const chain::Migration& migration);

// `name` between double quotes.
std::string QuoteName(absl::string_view name);

}  // namespace lockstep::apply

#endif  // LOCKSTEP_ENGINE_APPLY_STEP_H_
