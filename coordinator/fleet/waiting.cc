#include "coordinator/fleet/waiting.h"

#include "absl/strings/str_cat.h"

namespace lockstep::coordinator {

std::optional<Verdict> VerdictWhileBehind(const Verdict& previous, const GateView& view) {
  const bool behind =
      previous.state == GateState::kWait &&
      (previous.reason == "behind" || previous.reason == "applying" || previous.reason == "failed");
  if (!behind || view.chain.applied >= previous.needs) return std::nullopt;
  const bool applying = view.operation.has_value() &&
                        view.operation->state == OperationState::kRunning &&
                        view.operation->target >= previous.needs;
  // Whether nothing runs or something failed is the database's to say.
  if (!applying) return std::nullopt;
  Verdict verdict = previous;
  verdict.reason = "applying";
  verdict.applied = view.chain.applied;
  verdict.head = view.chain.head;
  verdict.revision = view.chain.revision;
  verdict.hint.clear();
  verdict.detail = absl::StrCat("needs ", verdict.needs, ", applied is ", verdict.applied, ", ",
                                view.operation->operation_id);
  if (!view.running.empty()) {
    absl::StrAppend(&verdict.detail, " runs ", view.running);
  } else if (!view.waiting_for.empty()) {
    absl::StrAppend(&verdict.detail, " waits: ", view.waiting_for);
  } else {
    absl::StrAppend(&verdict.detail, " is running");
  }
  return verdict;
}

}  // namespace lockstep::coordinator
