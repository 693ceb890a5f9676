#include "coordinator/fleet/gate_memory.h"

#include <utility>

namespace lockstep::coordinator {

void GateMemory::Remember(GateFacts facts, absl::Duration read_at) {
  auto remembered = std::make_shared<const GateFacts>(std::move(facts));
  base::MutexLock lock(mu_);
  facts_ = std::move(remembered);
  read_at_ = read_at;
}

void GateMemory::Forget() {
  base::MutexLock lock(mu_);
  facts_.reset();
}

std::optional<Verdict> GateMemory::Ask(const Declaration& declaration) const {
  std::shared_ptr<const GateFacts> facts;
  {
    base::MutexLock lock(mu_);
    if (facts_ == nullptr || clock_->SinceBoot() - read_at_ > limit_) return std::nullopt;
    facts = facts_;
  }
  Verdict verdict = JudgeGate(*facts, declaration);
  // Which builds would work instead is in the database alone.
  if (verdict.reason == "too_old") return std::nullopt;
  return verdict;
}

}  // namespace lockstep::coordinator
