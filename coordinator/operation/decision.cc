#include "coordinator/operation/decision.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "coordinator/operation/contract_flow.h"
#include "coordinator/operation/losses.h"
#include "coordinator/operation/needs.h"

namespace lockstep::coordinator {
namespace {

using Kind = Decision::Kind;

// How often it is looked how far a backfill is that an upgrade waits for.
constexpr absl::Duration kBackfillLook = absl::Seconds(1);

std::string NameOf(const Member& member) {
  return absl::StrCat(member.declaration.service, "@", member.declaration.instance);
}

Decision Wait(std::string why, absl::Duration retry_in = absl::InfiniteDuration()) {
  return {.kind = Kind::kWait, .why = std::move(why), .retry_in = retry_in};
}

// Why nobody can apply, naming those that would if they could.
std::string NobodyApplies(const std::vector<Member>& members) {
  std::vector<std::string> broken;
  for (const Member& member : members) {
    if (member.connected && !member.declaration.migrate_error.empty()) {
      broken.push_back(absl::StrCat(NameOf(member), ": ", member.declaration.migrate_error));
    }
  }
  if (broken.empty()) return "no agent with --migrate-database is connected";
  return absl::StrCat("no agent can apply migrations: ", absl::StrJoin(broken, "; "));
}

Decision ChooseAgent(const OperationRow& asks, const Run& run, const std::vector<Member>& members,
                     absl::Duration now) {
  if (const auto given_up = GivenUp(asks, run.first); given_up.has_value()) {
    return {.kind = Kind::kEnd,
            .operation = asks.operation_id,
            .state = OperationState::kFailed,
            .error = given_up};
  }
  const std::string operation = FitnessScope(asks);
  const Member* unfit = nullptr;
  const Member* resting = nullptr;
  for (const Member& member : members) {
    if (!member.connected || member.draining) continue;
    // It tried and cannot, whether or not it has said so of its connection since.
    if (member.unfit_for == operation) {
      unfit = &member;
      continue;
    }
    if (!member.declaration.can_migrate) continue;
    if (member.declined_until > now) {
      resting = &member;
    } else {
      return {.kind = Kind::kGrant,
              .operation = asks.operation_id,
              .run = run,
              .session = member.declaration.session_id,
              .holder = NameOf(member)};
    }
  }
  if (resting != nullptr) {
    return Wait(absl::StrCat(NameOf(*resting), " is busy"), resting->declined_until - now);
  }
  if (unfit != nullptr) {
    return {.kind = Kind::kEnd,
            .operation = asks.operation_id,
            .state = OperationState::kFailed,
            .error = RunError{.version = run.first,
                              .reason = kReasonNoFitAgent,
                              .message = absl::StrCat("no agent can apply migrations: ",
                                                      NameOf(*unfit), ": ", unfit->unfit_why),
                              .hint = unfit->unfit_hint}};
  }
  return Wait(NobodyApplies(members));
}

// What of `plan` can run while no contract may: nothing that waits for one either.
std::optional<Run> NextRunButContracts(Plan plan) {
  std::set<Version> held;
  for (PlanStep& step : plan.steps) {
    if (step.kind != StepKind::kRun) continue;
    const std::vector<Version>& waits = step.migration.waits_for;
    if (step.migration.phase == sql::Phase::kContract) {
      step.kind = StepKind::kLeftWaiting;
      held.insert(step.migration.version);
    } else if (std::any_of(waits.begin(), waits.end(),
                           [&](Version version) { return held.contains(version); })) {
      step.kind = StepKind::kBlocked;
    }
  }
  return NextRun(plan);
}

// The same for as long as the pause lasts, so that it is told once.
std::string WhyDeferred(const OperationRow& operation) {
  const RunError error = operation.error.value_or(RunError{.message = "an error"});
  if (IsAboutLocks(error)) {
    return absl::StrCat("version ", error.version, " waits for its turn: ",
                        error.lock.has_value() ? postgres::Describe(*error.lock) : error.message,
                        "; ", operation.failures, operation.failures == 1 ? " try" : " tries",
                        " so far, the next follows");
  }
  return absl::StrCat("attempt ", operation.attempts, " met: ", error.message, "; trying again");
}

// What a person can do about a lock that was not to be had: what is in the way is named.
RunError LockBusy(const RunError& error, const FailureStreak& streak) {
  RunError busy = error;
  busy.reason = kReasonLockBusy;
  busy.message = absl::StrCat(
      error.lock.has_value() ? postgres::Describe(*error.lock) : error.message, "; gave up after ",
      streak.failures, streak.failures == 1 ? " try in " : " tries in ",
      absl::FormatDuration(absl::Floor(streak.failing_for, absl::Seconds(1))));
  busy.hint =
      "let those sessions finish, or end them with pg_terminate_backend(pid), then `lockstep "
      "operations retry`; with --terminate-idle-blockers 30s idle ones are ended by themselves";
  return busy;
}

Decision Paused(const OperationRow& operation) {
  return Wait(
      absl::StrCat("paused; `lockstep operations resume ", operation.operation_id, "` goes on"));
}

// The operation of that id, when it has not ended.
const OperationRow* FindOperation(const DriverView& view, const std::string& id) {
  if (view.operation.has_value() && view.operation->operation_id == id) return &*view.operation;
  if (view.contract.has_value() && view.contract->operation.operation_id == id) {
    return &view.contract->operation;
  }
  return nullptr;
}

Decision Cancelled(const OperationRow& operation) {
  return {
      .kind = Kind::kEnd, .operation = operation.operation_id, .state = OperationState::kCancelled};
}

Decision DecideHeld(const DriverView& view, bool lease_overdue) {
  const OperationRow* const owner = FindOperation(view, view.lease.operation);
  if (owner == nullptr) return {.kind = Kind::kRevoke, .why = "its operation has ended"};
  if (owner->state == OperationState::kCancelling) {
    return {.kind = Kind::kRevoke, .why = "the operation was cancelled"};
  }
  if (lease_overdue) {
    return {.kind = Kind::kRevoke, .why = "its holder went silent", .overdue = true};
  }
  // One migration outside of a transaction is not cut in two by a pause: it ends, and no other
  // begins.
  if (owner->state == OperationState::kPaused && view.lease.transactional) {
    return {.kind = Kind::kTakeBack, .why = "the operation was paused"};
  }
  return Wait("");
}

// Who goes on with a run outside of a transaction that was taken back: whoever began it, else who
// asks for the same, else whoever asks for anything.
const OperationRow* CarrierOf(const DriverView& view) {
  const OperationRow* const owner = FindOperation(view, view.lease.operation);
  if (owner != nullptr) return owner;
  const bool same = view.contract.has_value() && view.contract->facts.version == view.lease.last;
  if (view.operation.has_value() && !same) return &*view.operation;
  return view.contract.has_value() ? &view.contract->operation : nullptr;
}

// A run outside of a transaction that was taken back. What may still run keeps everything else
// waiting, also when nobody asks for anything: it is the end of the last run.
Decision DecideRevoking(const DriverView& view, const std::vector<Member>& members,
                        absl::Duration now) {
  const OperationRow* const carrier = CarrierOf(view);
  const bool wanted = carrier != nullptr && carrier->state != OperationState::kCancelling;
  if (!view.half_done) {
    return {.kind = Kind::kSettle,
            .why = "a statement of a run that was taken back may still run",
            .force = !wanted};
  }
  if (carrier == nullptr) return {};
  if (!wanted) return Cancelled(*carrier);
  if (carrier->state == OperationState::kPaused) return Paused(*carrier);
  if (carrier->delay > absl::ZeroDuration()) {
    return Wait("a contract that was begun is tried again", carrier->delay);
  }
  if (!view.settling.empty()) return Wait(view.settling, view.settle_left);
  // There is no way back for it, whatever the operation was asked to do.
  return ChooseAgent(*carrier, {view.lease.first, view.lease.last}, members, now);
}

// The upgrade while no run is in flight.
Decision DecideUpgrade(const DriverView& view, const std::vector<Member>& members,
                       absl::Duration now) {
  if (!view.operation.has_value()) return {};
  const OperationRow& operation = *view.operation;
  if (operation.state == OperationState::kCancelling) return Cancelled(operation);
  const bool paused = operation.state == OperationState::kPaused;
  const Plan plan = MakePlan({view.chain, view.pending}, operation.target, operation.contracts);
  const std::optional<Run> run = NextRun(plan);
  if (!run.has_value()) {
    const auto blocked =
        std::find_if(plan.steps.begin(), plan.steps.end(),
                     [](const PlanStep& step) { return step.kind == StepKind::kBlocked; });
    if (blocked == plan.steps.end()) {
      return {.kind = Kind::kEnd,
              .operation = operation.operation_id,
              .state = OperationState::kSucceeded};
    }
    if (paused) return Paused(operation);
    const auto need = NeedOf(blocked->migration, view.backfills);
    if (need.has_value() && need->wait) {
      return Wait(absl::StrCat("version ", blocked->migration.version, " ", need->why),
                  kBackfillLook);
    }
    return {.kind = Kind::kEnd,
            .operation = operation.operation_id,
            .state = OperationState::kFailed,
            .error = RunError{.version = blocked->migration.version,
                              .reason = kReasonBlocked,
                              .message = absl::StrCat("version ", blocked->migration.version, " ",
                                                      need.has_value() ? need->why : blocked->why),
                              .hint = need.has_value() ? need->hint : ""}};
  }
  if (paused) return Paused(operation);
  if (operation.delay > absl::ZeroDuration()) {
    return Wait(WhyDeferred(operation), operation.delay);
  }
  if (view.settling.empty()) return ChooseAgent(operation, *run, members, now);
  const std::optional<Run> meanwhile = NextRunButContracts(plan);
  if (!meanwhile.has_value()) return Wait(view.settling, view.settle_left);
  return ChooseAgent(operation, *meanwhile, members, now);
}

// The contract while no run of it is in flight. `may_grant`: none of the upgrade is, either.
Decision DecideContract(const DriverView& view, const std::vector<Member>& members,
                        absl::Duration now, bool may_grant) {
  if (!view.contract.has_value()) return {};
  const OperationRow& operation = view.contract->operation;
  const ContractStep step =
      NextContractStep(operation, view.contract->facts, view.settling, view.settle_left);
  Decision decision{.kind = Kind::kWait,
                    .operation = operation.operation_id,
                    .why = step.why,
                    .retry_in = step.retry_in,
                    .state = step.state,
                    .error = step.error};
  switch (step.move) {
    case ContractStep::Move::kWait:
      return decision;
    case ContractStep::Move::kSetBarrier:
      decision.kind = Kind::kSetBarrier;
      return decision;
    case ContractStep::Move::kNoteQuiet:
      decision.kind = Kind::kNoteQuiet;
      return decision;
    case ContractStep::Move::kNoteNoise:
      decision.kind = Kind::kNoteNoise;
      return decision;
    case ContractStep::Move::kEnd:
      decision.kind = Kind::kEnd;
      return decision;
    case ContractStep::Move::kGrant:
      break;
  }
  if (!may_grant) return Wait("another run is in flight");
  if (operation.delay > absl::ZeroDuration()) {
    return Wait(WhyDeferred(operation), operation.delay);
  }
  const Version version = view.contract->facts.version;
  return ChooseAgent(operation, {version, version}, members, now);
}

bool IsMove(const Decision& decision) {
  return decision.kind != Kind::kNothing && decision.kind != Kind::kWait;
}

// Whether a run of the contract's operation is out: its own, or one of its contract that is nobody
// else's any more.
bool IsRunOfContractOut(const DriverView& view) {
  if (!view.lease.held && !view.lease.revoking) return false;
  if (view.lease.operation == view.contract->operation.operation_id) return true;
  return view.lease.last == view.contract->facts.version &&
         FindOperation(view, view.lease.operation) == nullptr;
}

// The end of a contract lifts its barrier. It waits for a run of its own and for nothing else:
// neither for what the upgrade does next, nor for what is left of one.
std::optional<Decision> EndOfContract(const DriverView& view, const std::vector<Member>& members,
                                      absl::Duration now) {
  if (!view.contract.has_value() || IsRunOfContractOut(view)) return std::nullopt;
  Decision decision = DecideContract(view, members, now, /*may_grant=*/false);
  if (decision.kind != Kind::kEnd) return std::nullopt;
  return decision;
}

// Both wait: one decision that says for what each of them.
Decision BothWait(const Decision& upgrade, const Decision& contract) {
  if (upgrade.kind == Kind::kNothing && contract.kind == Kind::kNothing) return {};
  return {.kind = Kind::kWait,
          .why = upgrade.why,
          .contract_why = contract.why,
          .retry_in = std::min(upgrade.retry_in, contract.retry_in)};
}

// While a run that was taken back is not settled, or not carried to its end.
Decision DecideAfterRevoke(const DriverView& view, const std::vector<Member>& members,
                           absl::Duration now) {
  const bool upgrade_ends = view.operation.has_value() &&
                            view.operation->state == OperationState::kCancelling &&
                            CarrierOf(view) != &*view.operation;
  if (upgrade_ends) return Cancelled(*view.operation);
  const Decision settle = DecideRevoking(view, members, now);
  if (settle.kind != Kind::kWait) return settle;
  if (!view.contract.has_value() || IsRunOfContractOut(view)) return BothWait(settle, settle);
  const Decision contract = DecideContract(view, members, now, /*may_grant=*/false);
  return IsMove(contract) ? contract : BothWait(settle, contract);
}

}  // namespace

Decision Decide(const DriverView& view, const std::vector<Member>& members, bool lease_overdue,
                absl::Duration now) {
  const std::optional<Decision> end = EndOfContract(view, members, now);
  if (end.has_value()) return *end;
  const bool of_contract =
      view.contract.has_value() && view.lease.operation == view.contract->operation.operation_id;
  if (view.lease.held) {
    const Decision held = DecideHeld(view, lease_overdue);
    if (IsMove(held)) return held;
    // The other one goes on as far as it can without a run.
    if (!of_contract) {
      const Decision contract = DecideContract(view, members, now, /*may_grant=*/false);
      return IsMove(contract) ? contract : BothWait(held, contract);
    }
    if (!view.operation.has_value()) return held;
    if (view.operation->state == OperationState::kCancelling) return Cancelled(*view.operation);
    Decision both = held;
    both.why = absl::StrCat("contract ", view.lease.last, " is being applied");
    return both;
  }
  if (view.lease.revoking) return DecideAfterRevoke(view, members, now);
  const Decision upgrade = DecideUpgrade(view, members, now);
  if (IsMove(upgrade)) return upgrade;
  const Decision contract = DecideContract(view, members, now, /*may_grant=*/true);
  return IsMove(contract) ? contract : BothWait(upgrade, contract);
}

std::string FitnessScope(const OperationRow& operation) {
  return operation.retries == 0 ? operation.operation_id
                                : absl::StrCat(operation.operation_id, "#", operation.retries);
}

bool IsAboutLocks(const RunError& error) {
  return error.sqlstate == "55P03" || error.sqlstate == "40P01" || error.sqlstate == "40001";
}

AfterFailure DecideAfterFailure(const RunError& error, const FailureStreak& streak,
                                const Durations& durations) {
  if (!error.retryable) return {.error = error};
  const LockLadder ladder = LadderOf(durations);
  const absl::Duration left = ladder.budget - streak.failing_for;
  const bool locks = IsAboutLocks(error);
  if (left <= absl::ZeroDuration()) return {.error = locks ? LockBusy(error, streak) : error};
  absl::Duration pause;
  if (locks) {
    pause = PauseAfter(ladder, streak.failures, streak.jitter);
  } else {
    const int doublings = std::clamp(streak.failures - 1, 0, 16);
    pause = std::min(durations.retry_cap, durations.retry_base * (1 << doublings));
  }
  // The last try comes at the end of the budget, not before it.
  return {.retry = true, .delay = std::min(pause, left), .error = error};
}

}  // namespace lockstep::coordinator
