#include "coordinator/fleet/waiting.h"

#include "absl/strings/str_cat.h"

namespace lockstep::coordinator {

std::string Describe(const RunningMigration& running) {
  std::string text = absl::StrCat("version ", running.version);
  if (!running.title.empty()) absl::StrAppend(&text, " (", running.title, ")");
  if (running.statement > 0) {
    absl::StrAppend(&text, ", statement ", running.statement, " of ", running.statements);
  }
  absl::StrAppend(&text, ", by ", running.holder);
  if (!running.lock.empty()) absl::StrAppend(&text, ", waits for a lock: ", running.lock);
  return text;
}

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
  verdict.facts = {.operation = view.operation->operation_id};
  if (view.running.has_value()) {
    absl::StrAppend(&verdict.detail, " runs ", Describe(*view.running));
    verdict.facts.version = view.running->version;
    verdict.facts.title = view.running->title;
    verdict.facts.holder = view.running->holder;
    verdict.facts.statement = view.running->statement;
    verdict.facts.statements = view.running->statements;
  } else if (!view.waiting_for.empty()) {
    absl::StrAppend(&verdict.detail, " waits: ", view.waiting_for);
  } else {
    absl::StrAppend(&verdict.detail, " is running");
  }
  return verdict;
}

}  // namespace lockstep::coordinator
