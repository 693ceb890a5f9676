// What a migration that needs backfills waits for: pure.
#ifndef LOCKSTEP_COORDINATOR_OPERATION_NEEDS_H_
#define LOCKSTEP_COORDINATOR_OPERATION_NEEDS_H_

#include <optional>
#include <string>
#include <vector>

#include "coordinator/operation/plan.h"
#include "coordinator/store/types.h"

namespace lockstep::coordinator {

struct Need {
  std::string backfill;  // Its name.
  bool wait = false;     // It will be done by itself; else a person has to act.
  std::string why;       // "waits for backfill fill_v1: 61 % of 12000 rows"
  std::string hint;
};

// The first backfill of `migration` that is not done; absent when all are, or when the migration
// waits for something else first.
std::optional<Need> NeedOf(const PendingMigration& migration,
                           const std::vector<BackfillRow>& backfills);

// Says of the blocked step of `plan` what is known of the backfill that it needs: how far it is, or
// how many rows its verification found and the query that shows them.
void ExplainNeeds(const std::vector<BackfillRow>& backfills, Plan* plan);

// The backfill that an upgrade by `plan` waits for before anything else can run; absent when it
// waits for none.
std::optional<BackfillRow> WaitedFor(const Plan& plan, const std::vector<BackfillRow>& backfills);

// "61 % of 12000 rows, stands still: ..."; "" when there is nothing to say.
std::string DescribeProgress(const BackfillRow& row);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_OPERATION_NEEDS_H_
