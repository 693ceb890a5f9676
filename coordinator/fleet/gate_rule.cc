#include "coordinator/fleet/gate_rule.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace lockstep::coordinator {
namespace {

bool IsPartOf(absl::string_view inner, absl::string_view outer) {
  return inner.size() > outer.size() && inner[outer.size()] == '.' &&
         absl::StartsWith(inner, outer);
}

// Like lockstep.default_needs: 0 below the first version and on an empty chain.
Version DefaultNeeds(const PublishedChain& chain, Version built_for) {
  const Version last = std::min(built_for, chain.head());
  return last < 1 ? 0 : chain.default_needs[last - 1];
}

class Judge {
 public:
  Judge(const GateFacts& facts, const Declaration& declaration)
      : facts_(facts),
        declaration_(declaration),
        needs_(declaration.needs.value_or(DefaultNeeds(*facts.published, declaration.built_for))) {}

  Verdict Decide() const {
    if (!declaration_.configured) return NotConfigured();
    if (HasDiverged()) {
      return Say(GateState::kRefused, "diverged",
                 absl::StrCat("the build was made with another chain: its hash at version ",
                              declaration_.built_for, " is not the published one"),
                 "rebuild from the published chain: compare chain.sum with the one in the "
                 "repository");
    }
    const GateContract* first = nullptr;
    Version newest = 0;
    for (const GateContract& contract : facts_.contracts) {
      if (!Concerns(contract.version, contract.touches, declaration_)) continue;
      if (first == nullptr) first = &contract;
      newest = contract.version;
    }
    if (first != nullptr) return TooOld(*first, newest);
    if (facts_.barrier.has_value() &&
        Concerns(facts_.barrier->version, facts_.barrier->touches, declaration_)) {
      return Draining(*facts_.barrier);
    }
    const Version wanted = std::max(declaration_.built_for, needs_);
    if (wanted > facts_.head) {
      return Say(
          GateState::kWait, "not_published",
          absl::StrCat("the build was made for version ", wanted, ", published is ", facts_.head),
          "lockstep publish");
    }
    if (facts_.applied < needs_) return Behind();
    return Say(GateState::kOpen, facts_.applied > declaration_.built_for ? "ahead" : "ready",
               absl::StrCat("needs ", needs_, ", applied is ", facts_.applied), "");
  }

 private:
  bool HasDiverged() const {
    const Version built_for = declaration_.built_for;
    if (built_for < 1 || built_for > facts_.head) return false;
    return built_for > facts_.published->head() ||
           facts_.published->hashes[built_for - 1] != declaration_.chain_hash;
  }

  Verdict NotConfigured() const {
    Verdict verdict =
        Say(GateState::kRefused, "not_configured", "no service file or no chain.sum was given",
            "start the agent with --service-file and --chain-sum");
    verdict.needs = 0;
    return verdict;
  }

  Verdict TooOld(const GateContract& contract, Version newest) const {
    Verdict verdict = Say(
        GateState::kRefused, "too_old",
        absl::StrCat(
            "contract ", contract.version, " (", contract.title, ") ",
            contract.ran_at.empty() ? "is being applied" : absl::StrCat("ran at ", contract.ran_at),
            " and the build is adapted to ", declaration_.adapted_to, " only"),
        absl::StrCat("deploy a build whose lockstep.yaml says adapted_to: ", newest, " or more"));
    verdict.facts = {.version = contract.version,
                     .title = contract.title,
                     .at = contract.ran_at,
                     .adapted_to = newest};
    return verdict;
  }

  Verdict Draining(const GateBarrier& barrier) const {
    Verdict verdict =
        Say(GateState::kRefused, "draining",
            absl::StrCat("the fleet drains for contract ", barrier.version, " (asked for by ",
                         barrier.owner.empty() ? "unknown" : barrier.owner, ", until ",
                         barrier.until.empty() ? "it has run" : barrier.until, ")"),
            absl::StrCat("deploy a build that is adapted to ", barrier.version,
                         barrier.until.empty() ? "" : ", or wait for the deadline"));
    verdict.facts = {.version = barrier.version,
                     .title = barrier.title,
                     .owner = barrier.owner,
                     .at = barrier.until,
                     .adapted_to = barrier.version};
    return verdict;
  }

  Verdict Behind() const {
    const std::string gap = absl::StrCat("needs ", needs_, ", applied is ", facts_.applied, ", ");
    if (!facts_.operation.has_value()) return NothingRuns(gap);
    const GateOperation& o = *facts_.operation;
    if (o.state == "running" && o.target >= needs_) {
      Verdict verdict = Say(GateState::kWait, "applying", absl::StrCat(gap, DescribeRun(o)), "");
      verdict.facts = {
          .operation = o.operation_id, .version = o.version, .title = o.title, .holder = o.holder};
      return verdict;
    }
    if (o.state == "paused" && o.target >= needs_) {
      Verdict verdict =
          Say(GateState::kWait, "applying", absl::StrCat(gap, o.operation_id, " is paused"),
              absl::StrCat("lockstep operations resume ", o.operation_id));
      verdict.facts.operation = o.operation_id;
      return verdict;
    }
    if (o.state == "failed") return Failed(gap, o);
    return NothingRuns(gap);
  }

  static std::string DescribeRun(const GateOperation& o) {
    if (o.version == 0) return absl::StrCat(o.operation_id, " is running");
    return absl::StrCat(o.operation_id, " runs version ", o.version, " (", o.title, "), by ",
                        o.holder);
  }

  Verdict Failed(const std::string& gap, const GateOperation& o) const {
    std::string where;
    if (o.version != 0) {
      where = absl::StrCat(" at version ", o.version, " (", o.title, ")");
      if (o.statement > 0) absl::StrAppend(&where, ", statement ", o.statement);
    }
    Verdict verdict = Say(GateState::kWait, "failed",
                          absl::StrCat(gap, o.operation_id, " failed", where, ": ", o.error),
                          absl::StrCat("lockstep operations get ", o.operation_id,
                                       " tells all of it, lockstep upgrade tries again"));
    verdict.facts = {.operation = o.operation_id,
                     .version = o.version,
                     .title = o.title,
                     .statement = o.statement,
                     .error = o.error};
    return verdict;
  }

  Verdict NothingRuns(const std::string& gap) const {
    return Say(GateState::kWait, "behind",
               absl::StrCat(gap, "and no operation is on its way there"), "lockstep upgrade");
  }

  Verdict Say(GateState state, const std::string& reason, const std::string& detail,
              const std::string& hint) const {
    return {.state = state,
            .reason = reason,
            .detail = detail,
            .hint = hint,
            .applied = facts_.applied,
            .needs = needs_,
            .head = facts_.head,
            .revision = facts_.revision};
  }

  const GateFacts& facts_;
  const Declaration& declaration_;
  const Version needs_;
};

}  // namespace

bool Overlap(absl::string_view a, absl::string_view b) {
  return a == b || IsPartOf(a, b) || IsPartOf(b, a);
}

bool Concerns(Version contract, const std::optional<std::vector<std::string>>& touches,
              const Declaration& declaration) {
  if (declaration.adapted_to >= contract) return false;
  if (!touches.has_value() || !declaration.uses.has_value()) return true;
  for (const std::string& touched : *touches) {
    for (const std::string& used : *declaration.uses) {
      if (Overlap(touched, used)) return true;
    }
  }
  return false;
}

Verdict JudgeGate(const GateFacts& facts, const Declaration& declaration) {
  return Judge(facts, declaration).Decide();
}

}  // namespace lockstep::coordinator
