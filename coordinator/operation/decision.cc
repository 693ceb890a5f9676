#include "coordinator/operation/decision.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace lockstep::coordinator {
namespace {

using Kind = Decision::Kind;

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

Decision ChooseAgent(const DriverView& view, const Run& run, const std::vector<Member>& members,
                     absl::Duration now) {
  const std::string operation = FitnessScope(*view.operation);
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
      "operations retry`; `lockstep upgrade --terminate-idle-blockers 30s` ends idle ones by "
      "itself";
  return busy;
}

Decision Paused(const OperationRow& operation) {
  return Wait(
      absl::StrCat("paused; `lockstep operations resume ", operation.operation_id, "` goes on"));
}

Decision DecideHeld(const DriverView& view, bool lease_overdue) {
  if (!view.operation.has_value() || view.operation->operation_id != view.lease.operation) {
    return {.kind = Kind::kRevoke, .why = "its operation has ended"};
  }
  if (view.operation->state == OperationState::kCancelling) {
    return {.kind = Kind::kRevoke, .why = "the operation was cancelled"};
  }
  if (lease_overdue) return {.kind = Kind::kRevoke, .why = "its holder went silent"};
  // One migration outside of a transaction is not cut in two by a pause: it ends, and no other
  // begins.
  if (view.operation->state == OperationState::kPaused && view.lease.transactional) {
    return {.kind = Kind::kTakeBack, .why = "the operation was paused"};
  }
  return Wait("");
}

// A run outside of a transaction that was taken back. What may still run keeps everything else
// waiting, also when nobody asks for anything: it is the end of the last run.
Decision DecideRevoking(const DriverView& view, const std::vector<Member>& members,
                        absl::Duration now) {
  const bool wanted =
      view.operation.has_value() && view.operation->state != OperationState::kCancelling;
  if (!view.half_done) {
    return {.kind = Kind::kSettle,
            .why = "a statement of a run that was taken back may still run",
            .force = !wanted};
  }
  if (!view.operation.has_value()) return {};
  if (!wanted) return {.kind = Kind::kEnd, .state = OperationState::kCancelled};
  if (view.operation->state == OperationState::kPaused) return Paused(*view.operation);
  if (view.operation->delay > absl::ZeroDuration()) {
    return Wait("a contract that was begun is tried again", view.operation->delay);
  }
  if (!view.settling.empty()) return Wait(view.settling, view.settle_left);
  // There is no way back for it, whatever the operation was asked to do.
  return ChooseAgent(view, {view.lease.first, view.lease.last}, members, now);
}

}  // namespace

Decision Decide(const DriverView& view, const std::vector<Member>& members, bool lease_overdue,
                absl::Duration now) {
  if (view.lease.held) return DecideHeld(view, lease_overdue);
  if (view.lease.revoking) return DecideRevoking(view, members, now);
  if (!view.operation.has_value()) return {};
  const OperationRow& operation = *view.operation;
  if (operation.state == OperationState::kCancelling) {
    return {.kind = Kind::kEnd, .state = OperationState::kCancelled};
  }
  const bool paused = operation.state == OperationState::kPaused;
  const Plan plan = MakePlan({view.chain, view.pending}, operation.target, operation.contracts);
  const std::optional<Run> run = NextRun(plan);
  if (!run.has_value()) {
    const auto blocked =
        std::find_if(plan.steps.begin(), plan.steps.end(),
                     [](const PlanStep& step) { return step.kind == StepKind::kBlocked; });
    if (blocked == plan.steps.end()) {
      return {.kind = Kind::kEnd, .state = OperationState::kSucceeded};
    }
    if (paused) return Paused(operation);
    return {.kind = Kind::kEnd,
            .state = OperationState::kFailed,
            .error = RunError{.version = blocked->migration.version,
                              .reason = kReasonBlocked,
                              .message = absl::StrCat("version ", blocked->migration.version, " ",
                                                      blocked->why)}};
  }
  if (paused) return Paused(operation);
  if (operation.delay > absl::ZeroDuration()) {
    return Wait(WhyDeferred(operation), operation.delay);
  }
  if (view.settling.empty()) return ChooseAgent(view, *run, members, now);
  const std::optional<Run> meanwhile = NextRunButContracts(plan);
  if (!meanwhile.has_value()) return Wait(view.settling, view.settle_left);
  return ChooseAgent(view, *meanwhile, members, now);
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
