#include "coordinator/operation/deploy.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "coordinator/fleet/gate_rule.h"

namespace lockstep::coordinator {
namespace {

// Where the pending upgrade gets, and what stops it there.
struct Reach {
  GateFacts facts;
  const PlanStep* blocked = nullptr;
  const PlanStep* contract = nullptr;  // The first that it runs and that concerns the build.
};

Reach AfterUpgrade(const DeployFacts& facts, const Declaration& declaration) {
  Reach reach{.facts = facts.gate};
  for (const PlanStep& step : facts.upgrade.steps) {
    if (step.kind == StepKind::kBlocked) {
      reach.blocked = &step;
      break;
    }
    if (step.kind != StepKind::kRun) continue;
    const PendingMigration& m = step.migration;
    reach.facts.applied = std::max(reach.facts.applied, m.version);
    if (m.phase != sql::Phase::kContract) continue;
    for (const GateContract& waiting : facts.waiting) {
      if (waiting.version != m.version) continue;
      if (reach.contract == nullptr && Concerns(m.version, waiting.touches, declaration)) {
        reach.contract = &step;
      }
      reach.facts.contracts.push_back(waiting);
    }
  }
  return reach;
}

std::string WhyNot(const Reach& reach, const Verdict& now, const Verdict& after) {
  if (now.state == GateState::kRefused || now.reason == "not_published") return "";
  if (reach.contract != nullptr && after.reason == "too_old") {
    const PendingMigration& m = reach.contract->migration;
    return absl::StrCat("the pending upgrade runs contract ", m.version, " (", m.title,
                        "), which concerns it");
  }
  if (reach.blocked == nullptr) return "";
  return absl::StrCat("the pending upgrade gets to ", after.applied, " only: version ",
                      reach.blocked->migration.version, " ", reach.blocked->why);
}

ContractStanding StandingOf(const DeployFacts& facts, const GateContract& contract) {
  if (facts.inflight == contract.version) return ContractStanding::kInFlight;
  if (facts.gate.barrier.has_value() && facts.gate.barrier->version == contract.version) {
    return ContractStanding::kDraining;
  }
  const bool in_line = facts.operation.has_value() && facts.operation->contracts &&
                       !HasEnded(facts.operation->state) &&
                       facts.operation->target >= contract.version;
  return in_line || facts.cared_for.contains(contract.version) ? ContractStanding::kScheduled
                                                               : ContractStanding::kWaiting;
}

std::vector<ShuttingOut> ShutOutBy(const DeployFacts& facts, const Declaration& declaration) {
  std::vector<ShuttingOut> found;
  const auto look = [&](const GateContract& contract, ContractStanding standing) {
    auto concern = ConcernOf(contract.version, contract.touches, declaration);
    if (!concern.has_value()) return;
    found.push_back({.version = contract.version,
                     .title = contract.title,
                     .standing = standing,
                     .ran_at = contract.ran_at,
                     .concern = *std::move(concern)});
  };
  for (const GateContract& contract : facts.gate.contracts) {
    if (!contract.ran_at.empty()) look(contract, ContractStanding::kDone);
  }
  for (const GateContract& contract : facts.waiting) look(contract, StandingOf(facts, contract));
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.version < b.version; });
  return found;
}

}  // namespace

DeployVerdict JudgeDeploy(const DeployFacts& facts, const Declaration& declaration) {
  const Reach reach = AfterUpgrade(facts, declaration);
  DeployVerdict verdict{.now = JudgeGate(facts.gate, declaration),
                        .after_upgrade = JudgeGate(reach.facts, declaration),
                        .shut_out_by = ShutOutBy(facts, declaration)};
  if (verdict.now.state == GateState::kOpen) {
    verdict.deployability = Deployability::kNow;
  } else if (verdict.after_upgrade.state == GateState::kOpen) {
    verdict.deployability = Deployability::kAfterUpgrade;
  } else {
    verdict.why_not = WhyNot(reach, verdict.now, verdict.after_upgrade);
  }
  return verdict;
}

}  // namespace lockstep::coordinator
