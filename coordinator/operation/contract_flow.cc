#include "coordinator/operation/contract_flow.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "coordinator/operation/decision.h"

namespace lockstep::coordinator {
namespace {

using Move = ContractStep::Move;
using Phase = ContractPhase;

// Of each list, how many are named in one sentence.
constexpr size_t kNamed = 3;

std::string Counted(int64_t count, const std::string& noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

std::string AndMore(std::vector<std::string> named, size_t all) {
  std::string text = absl::StrJoin(named, "; ");
  if (all > named.size()) absl::StrAppend(&text, "; and ", all - named.size(), " more");
  return text;
}

std::string StatesOf(const ConcernedGroup& group) {
  std::vector<std::string> states;
  const auto add = [&states](int count, const char* word) {
    if (count > 0) states.push_back(absl::StrCat(count, " ", word));
  };
  add(group.suspect, "suspect");
  add(group.live, "live");
  add(group.starting, "starting");
  add(group.draining, "draining");
  add(group.pins, "pinned");
  return absl::StrJoin(states, ", ");
}

std::string Until(const OperationRow& operation) {
  if (!operation.deadline.has_value()) return "";
  return absl::StrCat("; until ", absl::FormatTime("%Y-%m-%d %H:%M:%SZ", *operation.deadline,
                                                   absl::UTCTimeZone()));
}

class Flow {
 public:
  Flow(const OperationRow& operation, const ContractFacts& facts, const std::string& settling,
       absl::Duration settle_left)
      : operation_(operation), facts_(facts), settling_(settling), settle_left_(settle_left) {}

  ContractStep Next() const {
    if (facts_.ran) return End(Phase::kReady, OperationState::kSucceeded);
    if (operation_.state == OperationState::kCancelling) {
      return End(Phase::kBarrier, OperationState::kCancelled);
    }
    const std::string blocked = Blocked();
    if (IsOverdue()) return End(Phase::kDraining, DeadlinePassed(blocked));
    if (operation_.state == OperationState::kPaused) {
      return Wait(PhaseOf(), absl::StrCat("paused; `lockstep operations resume ",
                                          operation_.operation_id, "` goes on"));
    }
    if (!facts_.not_next.empty()) return End(Phase::kBarrier, NotNext());
    if (!operation_.deadline.has_value() && !blocked.empty()) {
      return End(Phase::kDraining, Refused(blocked));
    }
    if (operation_.deadline.has_value() && !OwnBarrier()) return Barrier();
    if (!blocked.empty()) return HeldUp(blocked);
    if (!settling_.empty()) return Wait(Phase::kEvidence, settling_, settle_left_);
    return Soaked();
  }

 private:
  bool OwnBarrier() const {
    return facts_.barrier.has_value() && facts_.barrier->operation == operation_.operation_id;
  }
  bool IsOverdue() const {
    return operation_.deadline_left.has_value() && *operation_.deadline_left <= absl::ZeroDuration();
  }
  bool ClientsInTheWay() const {
    return AreClientsInTheWay(facts_, !operation_.accept_unknown.empty());
  }

  // Who holds it up; "" when nobody does.
  std::string Blocked() const {
    if (facts_.concerned > 0) {
      const std::string who = DescribeConcerned(facts_);
      return who.empty() ? absl::StrCat(Counted(facts_.concerned, "session"), " that count") : who;
    }
    return ClientsInTheWay() ? DescribeClients(facts_) : "";
  }
  Phase PhaseOf() const {
    if (operation_.deadline.has_value() && !OwnBarrier()) return Phase::kBarrier;
    if (facts_.concerned > 0) return Phase::kDraining;
    if (ClientsInTheWay()) return Phase::kEvidence;
    return Phase::kSoaking;
  }

  ContractStep Barrier() const {
    if (!facts_.barrier.has_value()) {
      return {.move = Move::kSetBarrier, .phase = Phase::kBarrier, .why = "sets its barrier"};
    }
    return Wait(Phase::kBarrier,
                absl::StrCat("the barrier for contract ", facts_.barrier->version, " of ",
                             facts_.barrier->owner, " stands"));
  }

  ContractStep HeldUp(const std::string& blocked) const {
    const Phase phase = PhaseOf();
    if (operation_.quiet_for.has_value()) {
      return {.move = Move::kNoteNoise, .phase = phase, .why = blocked};
    }
    std::string why = absl::StrCat(phase == Phase::kDraining ? "drains: " : "drained but for ",
                                   blocked, Until(operation_));
    return Wait(phase, std::move(why));
  }

  ContractStep Soaked() const {
    if (operation_.soak > absl::ZeroDuration()) {
      if (!operation_.quiet_for.has_value()) {
        return {.move = Move::kNoteQuiet, .phase = Phase::kSoaking, .why = "concerns nobody"};
      }
      const absl::Duration left = operation_.soak - *operation_.quiet_for;
      if (left > absl::ZeroDuration()) {
        return Wait(Phase::kSoaking,
                    absl::StrCat("concerns nobody; soaks for ",
                                 absl::FormatDuration(operation_.soak), Until(operation_)),
                    left);
      }
    }
    return {.move = Move::kGrant, .phase = Phase::kReady};
  }

  ContractStep Wait(Phase phase, std::string why,
                    absl::Duration retry_in = absl::InfiniteDuration()) const {
    return {.move = Move::kWait,
            .phase = phase,
            .why = std::move(why),
            .retry_in = std::min(retry_in,
                                 operation_.deadline_left.value_or(absl::InfiniteDuration()))};
  }
  static ContractStep End(Phase phase, OperationState state) {
    return {.move = Move::kEnd, .phase = phase, .state = state};
  }
  static ContractStep End(Phase phase, RunError error) {
    return {.move = Move::kEnd,
            .phase = phase,
            .why = error.message,
            .state = OperationState::kFailed,
            .error = std::move(error)};
  }

  RunError ErrorOf(const char* reason, std::string message, std::string hint) const {
    return {.version = facts_.version,
            .reason = reason,
            .message = std::move(message),
            .hint = std::move(hint)};
  }
  RunError DeadlinePassed(const std::string& blocked) const {
    return ErrorOf(kReasonDeadline,
                   absl::StrCat("its deadline passed and its barrier is lifted",
                                blocked.empty() ? "" : "; still there: ", blocked),
                   absl::StrCat("`lockstep blockers ", facts_.version,
                                "` shows who is in the way; `lockstep operations retry ",
                                operation_.operation_id, "` waits as long again"));
  }
  RunError NotNext() const {
    return ErrorOf(kReasonBlocked,
                   absl::StrCat("contract ", facts_.version, " is not next: ", facts_.not_next),
                   "`lockstep plan` shows what comes before it");
  }
  RunError Refused(const std::string& blocked) const {
    const std::string again = absl::StrCat("`lockstep contract ", facts_.version, " ");
    return ErrorOf(kReasonBlocked,
                   absl::StrCat("contract ", facts_.version, " is blocked: ", blocked),
                   facts_.concerned > 0
                       ? absl::StrCat("deploy builds that are adapted to ", facts_.version, ", or ",
                                      again, "--when-drained` waits for them")
                       : absl::StrCat("end those connections, or ", again,
                                      "--accept-unknown REASON` when they do no harm"));
  }

  const OperationRow& operation_;
  const ContractFacts& facts_;
  const std::string& settling_;
  const absl::Duration settle_left_;
};

}  // namespace

const char* NameOf(ContractPhase phase) {
  switch (phase) {
    case ContractPhase::kBarrier:
      return "barrier";
    case ContractPhase::kDraining:
      return "draining";
    case ContractPhase::kEvidence:
      return "evidence";
    case ContractPhase::kSoaking:
      return "soaking";
    case ContractPhase::kReady:
      return "ready";
  }
  return "";
}

std::string DescribeConcerned(const ContractFacts& facts) {
  std::vector<std::string> named;
  size_t builds = 0;
  int64_t counting = 0;
  int64_t gone = 0;
  for (const ConcernedGroup& group : facts.groups) {
    gone += group.gone;
    if (group.counting() == 0) continue;
    counting += group.counting();
    if (++builds > kNamed) continue;
    named.push_back(absl::StrCat(group.service, group.build.empty() ? "" : " (build ", group.build,
                                 group.build.empty() ? " " : ") ", StatesOf(group)));
  }
  if (counting == 0) return "";
  const std::string still = AndMore(std::move(named), builds);
  if (gone == 0) return absl::StrCat(Counted(counting, "instance"), " to leave: ", still);
  return absl::StrCat(gone, " of ", Counted(gone + counting, "instance"),
                      gone == 1 ? " has left" : " have left", "; still there: ", still);
}

std::string DescribeClients(const ContractFacts& facts) {
  std::vector<std::string> named;
  for (const ClientGroup& client : facts.clients) {
    if (named.size() == kNamed) break;
    std::string text = absl::StrCat(
        client.leftover ? "left over of " : "undeclared client ",
        client.application_name.empty() ? "without a name" : client.application_name, " (role ",
        client.role, ", ", client.address, ") ", Counted(client.connections, "connection"));
    if (client.locks > 0) {
      absl::StrAppend(&text, ", ", client.locks, client.locks == 1 ? " holds" : " hold", " a lock");
    }
    named.push_back(std::move(text));
  }
  return AndMore(std::move(named), facts.clients.size());
}

bool AreClientsInTheWay(const ContractFacts& facts, bool accept_unknown) {
  return std::any_of(facts.clients.begin(), facts.clients.end(), [&](const ClientGroup& client) {
    return client.leftover || !accept_unknown;
  });
}

std::vector<std::string> ShortNames(const std::vector<std::string>& touches) {
  // A name with its schema comes together with the one without it.
  const std::set<std::string> names(touches.begin(), touches.end());
  std::vector<std::string> shorter;
  for (const std::string& name : names) {
    const size_t dot = name.find('.');
    if (dot != std::string::npos && names.contains(name.substr(dot + 1))) continue;
    shorter.push_back(name);
  }
  return shorter;
}

ContractStep NextContractStep(const OperationRow& operation, const ContractFacts& facts,
                              const std::string& settling, absl::Duration settle_left) {
  return Flow(operation, facts, settling, settle_left).Next();
}

}  // namespace lockstep::coordinator
