// The leader's part in backfills: starts those whose turn has come, gives their parts to agents,
// takes parts back whose holders are gone. What a part does is between its holder and the database.
//
// Of the driver's thread alone. Blocks on SQL.
#ifndef LOCKSTEP_COORDINATOR_OPERATION_BACKFILLS_H_
#define LOCKSTEP_COORDINATOR_OPERATION_BACKFILLS_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "coordinator/fleet/fleet.h"
#include "coordinator/store/backfill_store.h"
#include "coordinator/store/types.h"

namespace lockstep::coordinator {

struct BackfillKeeperOptions {
  Database* database = nullptr;  // These two must outlive the keeper.
  Fleet* fleet = nullptr;
  Durations durations;
  const base::Clock* clock = base::SystemClock();
  // An upgrade starts only what one of its migrations needs, not all whose turn has come.
  bool only_needed = false;
  // The one job that is looked after; "" for all.
  std::string only = {};
};

// What the driver read.
struct BackfillView {
  Version applied = 0;
  std::optional<OperationRow> operation;  // The upgrade that has not ended.
  const std::vector<PendingMigration>* pending = nullptr;
  const std::vector<BackfillRow>* backfills = nullptr;
};

class BackfillKeeper {
 public:
  explicit BackfillKeeper(BackfillKeeperOptions options) : options_(std::move(options)) {}

  // One round. Returns after how long the next is due at the latest; zero when something was
  // started.
  absl::StatusOr<absl::Duration> Step(const LeaderToken& leader, const BackfillView& view);

 private:
  absl::StatusOr<bool> StartDue(postgres::Connection& connection, const LeaderToken& leader,
                                const BackfillView& view);
  absl::Status TakeBack(postgres::Connection& connection, const LeaderToken& leader,
                        const std::vector<HeldPart>& held);
  absl::Status Grant(postgres::Connection& connection, const LeaderToken& leader,
                     const std::vector<HeldPart>& held);
  // Why a part should be taken back; "" when it should not.
  std::string WhyGone(const HeldPart& part) const;

  const BackfillKeeperOptions options_;
};

// Whether an upgrade that runs starts `row` now.
bool IsDue(const BackfillRow& row, const BackfillView& view, bool only_needed);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_OPERATION_BACKFILLS_H_
