#include "coordinator/store/schema_change_store.h"

#include "engine/base/status_macros.h"

namespace lockstep::coordinator {

using postgres::Param;
using postgres::Row;

absl::StatusOr<std::vector<AppliedChange>> ReadAppliedChanges(postgres::Connection& connection,
                                                              int64_t after, int limit) {
  ASSIGN_OR_RETURN(const auto result,
                   connection.Query("SELECT e.revision, e.version, m.touches FROM lockstep.event e "
                                    "JOIN lockstep.migration m USING (version) WHERE e.revision > "
                                    "$1 AND e.kind = 'applied' ORDER BY e.revision LIMIT $2",
                                    {Param(after), Param(limit)}));
  std::vector<AppliedChange> changes;
  for (const Row& row : result.rows) {
    changes.push_back({.revision = row.Long(0), .version = row.Int(1)});
    if (!row.IsNull(2)) changes.back().touches = row.TextArray(2);
  }
  return changes;
}

}  // namespace lockstep::coordinator
