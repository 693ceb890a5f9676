// A plan in words. Pure functions.
#ifndef LOCKSTEP_CTL_PLAN_VIEW_H_
#define LOCKSTEP_CTL_PLAN_VIEW_H_

#include <string>
#include <vector>

#include "lockstep/v1/release.pb.h"

#include "ctl/style.h"

namespace lockstep::ctl {

// The versions that the plan would run, and those it leaves waiting.
std::vector<int32_t> ToRun(const v1::PlanUpgradeResponse& plan);
std::vector<int32_t> LeftWaiting(const v1::PlanUpgradeResponse& plan);

// "12 -> 16: 4 migrations (13..16)", or "up to date at 16".
std::string PlanSummary(const v1::PlanUpgradeResponse& plan);

// One line a migration; "" when nothing runs and nothing is left waiting.
std::string PlanTable(const v1::PlanUpgradeResponse& plan, const Style& style, int width);

// The SQL of the migrations that would run, with a comment line before each.
std::string PlanSql(const v1::PlanUpgradeResponse& plan);

// What a person should know before starting it, a line each: nobody is there to run it, something
// is blocked.
std::vector<std::string> PlanWarnings(const v1::PlanUpgradeResponse& plan);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_PLAN_VIEW_H_
