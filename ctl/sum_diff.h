// What a rewritten chain.sum changes, in words. Pure.
#ifndef LOCKSTEP_CTL_SUM_DIFF_H_
#define LOCKSTEP_CTL_SUM_DIFF_H_

#include <string>
#include <vector>

#include "engine/chain/chain.h"

namespace lockstep::ctl {

// One line for each version and backfill that differs, versions first: "added 17 user_settings",
// "changed 16 event_outbox", "renamed 16 outbox to event_outbox", "removed 18 draft",
// "added backfill journey_v1". Empty when the two are equal.
std::vector<std::string> DescribeChanges(const chain::ChainSum& before,
                                         const chain::ChainSum& after);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_SUM_DIFF_H_
