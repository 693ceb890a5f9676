#include "coordinator/operation/plan.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "engine/base/digest.h"

namespace lockstep::coordinator {
namespace {

// Why `m` cannot run now although its turn has come; "" when it can. `done_before` are the pending
// versions that run earlier in the same plan.
std::string BlockedBy(const PendingMigration& m, const std::set<Version>& done_before) {
  for (Version contract : m.waits_for) {
    if (!done_before.contains(contract)) return absl::StrCat("waits for contract ", contract);
  }
  if (!m.needs_backfill.empty()) {
    return absl::StrCat("needs backfill ", absl::StrJoin(m.needs_backfill, ", "),
                        ", which is not done: `lockstep backfill get ", m.needs_backfill.front(),
                        "` says why");
  }
  return "";
}

// Always a run of its own: a contract, and what runs outside of a transaction.
bool RunsAlone(const PendingMigration& m) {
  return m.phase == sql::Phase::kContract || !m.transactional;
}

}  // namespace

bool Plan::HasWork() const {
  return std::any_of(steps.begin(), steps.end(),
                     [](const PlanStep& step) { return step.kind == StepKind::kRun; });
}

std::vector<Version> Plan::ContractsWaiting() const {
  std::vector<Version> versions;
  for (const PlanStep& step : steps) {
    if (step.kind == StepKind::kLeftWaiting) versions.push_back(step.migration.version);
  }
  return versions;
}

Plan MakePlan(const PlanInput& input, Version target, bool contracts) {
  Plan plan{.applied = input.chain.applied,
            .head = input.chain.head,
            .target = target == 0 ? input.chain.head : target,
            .never_served = input.chain.never_served};
  const bool run_contracts = contracts || input.chain.never_served;
  std::set<Version> done_before;
  for (const PendingMigration& m : input.pending) {
    if (m.version > plan.target) break;
    PlanStep step{.migration = m};
    if (!m.operation.empty()) {
      step.kind = StepKind::kLeftWaiting;
      step.why = absl::StrCat(m.operation, " runs it when its time has come");
    } else if (m.phase == sql::Phase::kContract && !run_contracts) {
      step.kind = StepKind::kLeftWaiting;
      step.why = "services may still need what it removes";
    } else if (m.phase == sql::Phase::kContract && m.concerned > 0) {
      step.kind = StepKind::kLeftWaiting;
      step.why = absl::StrCat("concerns ", m.concerned, " live sessions");
    } else if (const std::string why = BlockedBy(m, done_before); !why.empty()) {
      step.kind = StepKind::kBlocked;
      step.why = why;
    }
    const bool blocked = step.kind == StepKind::kBlocked;
    if (step.kind == StepKind::kRun) done_before.insert(m.version);
    plan.steps.push_back(std::move(step));
    if (blocked) break;
  }
  return plan;
}

std::optional<Run> NextRun(const Plan& plan) {
  std::optional<Run> run;
  for (const PlanStep& step : plan.steps) {
    const PendingMigration& m = step.migration;
    const bool extends = run.has_value() && step.kind == StepKind::kRun && !RunsAlone(m) &&
                         m.version == run->last + 1 && run->last - run->first + 1 < kMaxRun;
    if (run.has_value() && !extends) break;
    if (step.kind == StepKind::kBlocked) break;
    if (step.kind == StepKind::kLeftWaiting) continue;
    if (!run.has_value()) {
      run = Run{m.version, m.version};
      if (RunsAlone(m)) break;
    } else {
      run->last = m.version;
    }
  }
  return run;
}

std::string PlanDigest(const Plan& plan, const std::string& head_hash) {
  std::string text = absl::StrCat(head_hash, "|", plan.applied, "|", plan.target);
  for (const PlanStep& step : plan.steps) {
    absl::StrAppend(&text, "|", step.migration.version, ":", static_cast<int>(step.kind));
  }
  return base::Sha256Of(text);
}

}  // namespace lockstep::coordinator
