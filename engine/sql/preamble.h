// Cuts a migration into its statements, and leaves out what pg_dump writes for psql's session: a
// dump is how most first migrations come to be. In a fenced transaction those lines are wrong or do
// harm: `\restrict` is no SQL, an empty search_path hides the tables, a lock_timeout of 0 queues
// the application behind a lock.
//
// Left out are
//   - lines `\restrict KEY` and `\unrestrict KEY` between statements;
//   - session settings at the top of a file, when SELECT pg_catalog.set_config('search_path', '',
//     false) is among them, as only pg_dump writes it. SET check_function_bodies stays: functions
//     of a dump may come before the tables that they name;
//   - one BEGIN and COMMIT around the whole file: the fenced transaction is around it already, and
//     this COMMIT would publish the change without its history row.
// The digest still covers the whole file. Safe to call from any thread.
#ifndef LOCKSTEP_ENGINE_SQL_PREAMBLE_H_
#define LOCKSTEP_ENGINE_SQL_PREAMBLE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "engine/sql/split.h"

namespace lockstep::sql {

enum class LeftOutKind { kPgDump, kTransaction };

struct LeftOut {
  size_t offset;  // No statement that is kept overlaps it.
  size_t size;
  int line;  // 1-based line of its first byte.
  LeftOutKind kind = LeftOutKind::kPgDump;
  bool operator==(const LeftOut&) const = default;
};

struct MigrationSplit {
  std::vector<Statement> statements;  // Positions are those in the whole text.
  std::vector<LeftOut> left_out;      // In order.
  Tree tree;                          // Of the whole text, as SplitResult has it.
};

MigrationSplit SplitMigration(absl::string_view text);

// "line 3", "lines 3, 5-9 and 21" of what is left out; "" for nothing.
std::string LinesOf(const std::vector<LeftOut>& left_out);

}  // namespace lockstep::sql

#endif  // LOCKSTEP_ENGINE_SQL_PREAMBLE_H_
