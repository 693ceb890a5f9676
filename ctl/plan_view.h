// A plan in words. Pure functions.
#ifndef LOCKSTEP_CTL_PLAN_VIEW_H_
#define LOCKSTEP_CTL_PLAN_VIEW_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lockstep/v1/release.pb.h"

#include "ctl/style.h"

namespace lockstep::ctl {

// The versions that the plan would run, and those it leaves waiting.
std::vector<int32_t> ToRun(const v1::PlanUpgradeResponse& plan);
std::vector<int32_t> LeftWaiting(const v1::PlanUpgradeResponse& plan);

// The migration that ends the plan because it cannot run; null without one.
const v1::PlannedMigration* BlockedStep(const v1::PlanUpgradeResponse& plan);

// Whether an upgrade would do anything: something runs, or it waits for a backfill and goes on
// then.
bool HasWork(const v1::PlanUpgradeResponse& plan);

// FAILED_PRECONDITION (BLOCKED) when nothing can run and something is blocked that does not end by
// itself.
absl::Status CheckBlocked(const v1::PlanUpgradeResponse& plan);

// "12 -> 16: 4 migrations (13..16)", "12 -> 14: 2 migrations (13..14), then blocked at 15",
// "blocked at 13", "waits at 13", or "up to date at 16".
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
