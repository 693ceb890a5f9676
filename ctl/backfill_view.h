// How backfills look to people: pure.
#ifndef LOCKSTEP_CTL_BACKFILL_VIEW_H_
#define LOCKSTEP_CTL_BACKFILL_VIEW_H_

#include <string>

#include "lockstep/v1/migration.pb.h"
#include "lockstep/v1/release.pb.h"

#include "ctl/style.h"

namespace lockstep::ctl {

// "█████░░░░░  51 %  5100 of 10000 rows  2300/s  eta 2s  lag 0.3s"; what is not known is left out.
// With why it stands still, where it does.
std::string BackfillProgress(const v1::Backfill& backfill);
// Changes whenever a log without a terminal deserves a new line: each ten percent, and whenever it
// stands still or goes on.
std::string BackfillStep(const v1::Backfill& backfill);
// One line of `status`: "backfill NAME: running, ...".
std::string BackfillLine(const v1::Backfill& backfill);
std::string BackfillsTable(const v1::ListBackfillsResponse& response, const Style& style,
                           int width);
// All that is known of one.
std::string BackfillText(const v1::Backfill& backfill);

bool HasEnded(const v1::Backfill& backfill);
// What is left of a percentage bar of ten cells.
std::string ProgressBar(double part);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_BACKFILL_VIEW_H_
