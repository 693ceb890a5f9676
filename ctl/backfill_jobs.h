// What following a backfill shows and how its end is told, with a coordinator and without one.
#ifndef LOCKSTEP_CTL_BACKFILL_JOBS_H_
#define LOCKSTEP_CTL_BACKFILL_JOBS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lockstep/v1/migration.pb.h"
#include "lockstep/v1/release.pb.h"

#include "ctl/arguments.h"
#include "ctl/context.h"
#include "ctl/progress.h"

namespace lockstep::ctl {

// Where it is, in one line. Elsewhere than on a terminal a line each ten percent, and whenever it
// stands still.
void ShowJob(Progress& progress, const v1::Backfill& backfill);

// Tells how it ended. FAILED_PRECONDITION (BACKFILL_FAILED) when that was badly, with how to look
// at the rows that were left.
absl::StatusOr<int> PrintJobEnd(Context& context, const v1::Backfill& backfill);

// `backfill start --direct`: publishes the migrations directory and works on the one job to its
// end. Ctrl-C and --timeout pause it. Fails as Direct::Open and FollowBackfill do.
absl::StatusOr<int> RunDirectBackfill(Context& context, const Arguments& arguments,
                                      const v1::StartBackfillRequest& request);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_BACKFILL_JOBS_H_
