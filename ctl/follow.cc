#include "ctl/follow.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lockstep/v1/operation.grpc.pb.h"

#include "ctl/backfill_view.h"
#include "ctl/errors.h"
#include "ctl/lock_view.h"
#include "ctl/output.h"
#include "ctl/watch.h"
#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"
#include "engine/chain/migration.h"
#include "proto/convert/time.h"

namespace lockstep::ctl {
namespace {

// Changes whenever a log without a terminal deserves a new line.
std::string StepOf(const v1::Operation& operation) {
  if (operation.has_backfill()) {
    return absl::StrCat(operation.state(), "/", operation.backfill().name(), "/",
                        BackfillStep(operation.backfill()));
  }
  return absl::StrCat(operation.state(), "/", operation.running().version(), "/",
                      operation.running().holder(), "/", operation.running().activity(), "/",
                      operation.waiting_for(), "/", InTheWay(operation.running().lock_wait()));
}

// The title in "003_add_collaboration.sql"; "" when the name has another shape.
std::string TitleOf(const std::string& file) {
  const auto parsed = chain::ParseFileName(file);
  return parsed.has_value() ? parsed->title : "";
}

std::string EffectOf(const v1::Operation& operation, std::optional<bool> transactional) {
  const int32_t version = operation.error().version();
  const std::string at = absl::StrCat("the database is at ", operation.applied());
  if (!transactional.has_value()) return absl::StrCat("version ", version, " is not applied; ", at);
  if (*transactional) return absl::StrCat("nothing of version ", version, " was applied; ", at);
  return absl::StrCat("version ", version,
                      " runs outside a transaction, so earlier statements of it stay; ", at);
}

bool IsContract(const v1::Operation& operation) {
  return operation.kind() == v1::OPERATION_KIND_CONTRACT;
}

// What asks for the same once more.
std::string CommandOf(const v1::Operation& operation) {
  return IsContract(operation) ? absl::StrCat("lockstep contract ", operation.target())
                               : "lockstep upgrade";
}

std::string HowToTryAgain(const v1::Operation& operation) {
  const std::string again = absl::StrCat("`", CommandOf(operation), "`");
  if (operation.error().agent_unfit()) {
    return absl::StrCat("look at the agent's --migrate-database, then ", again);
  }
  if (operation.error().retryable()) return absl::StrCat(again, " tries again");
  return absl::StrCat("remove the cause, then ", again);
}

absl::Status MigrationFailed(const v1::Operation& operation, std::optional<bool> transactional) {
  const v1::RunError& error = operation.error();
  const std::string title = TitleOf(operation.error_file());
  base::ErrorInfo info{.reason = kReasonMigrationFailed};
  info.metadata = {{"operation_id", operation.operation_id()},
                   {"version", absl::StrCat(error.version())},
                   {"title", title},
                   {"file", operation.error_file()},
                   {"line", absl::StrCat(error.line())},
                   {"column", absl::StrCat(error.column())},
                   {"statement", absl::StrCat(error.statement())},
                   {"sqlstate", error.sqlstate()},
                   {"postgres_message", error.message()},
                   {"detail", error.detail()},
                   {"postgres_hint", error.hint()},
                   {"error_reason", error.reason()},
                   {"applied", absl::StrCat(operation.applied())},
                   {"effect", EffectOf(operation, transactional)}};
  info.hint = HowToTryAgain(operation);
  if (IsContract(operation)) {
    absl::StrAppend(&info.hint, "; `lockstep operations retry ", operation.operation_id(),
                    "` asks for it with the same flags");
  }
  return base::MakeError(
      absl::StatusCode::kUnknown,
      absl::StrCat("migration ", error.version(), title.empty() ? "" : " ", title, " failed"),
      std::move(info));
}

// Its turn came, again and again, and somebody was in the way each time.
absl::Status LockBusy(const v1::Operation& operation) {
  const v1::RunError& error = operation.error();
  const std::string title = TitleOf(operation.error_file());
  base::ErrorInfo info{.reason = kReasonLockBusy};
  info.metadata = {{"operation_id", operation.operation_id()},
                   {"version", absl::StrCat(error.version())},
                   {"title", title},
                   {"file", operation.error_file()},
                   {"line", absl::StrCat(error.line())},
                   {"statement", absl::StrCat(error.statement())},
                   {"relation", error.lock_wait().relation()},
                   {"applied", absl::StrCat(operation.applied())},
                   {"effect", absl::StrCat("the database is at ", operation.applied())}};
  for (const v1::LockBlocker& blocker : error.lock_wait().blockers()) {
    info.blockers.push_back(BlockerOf(blocker));
  }
  info.hint = absl::StrCat(
      "let these sessions finish, or end them with pg_terminate_backend(pid), then `lockstep "
      "operations retry ",
      operation.operation_id(), "`; `", CommandOf(operation),
      " --terminate-idle-blockers 30s` ends idle ones by itself");
  return base::MakeError(absl::StatusCode::kFailedPrecondition,
                         absl::StrCat("migration ", error.version(), title.empty() ? "" : " ",
                                      title, " did not get its lock: ", error.message()),
                         std::move(info));
}

// The coordinator's own verdict: a migration's turn came and it could not even be tried, or nobody
// who tried it lived to say what it met.
bool IsBlocked(const v1::RunError& error) {
  return error.reason() == kReasonBlocked || error.reason() == kReasonNoFitAgent ||
         error.reason() == kReasonDeadline || error.reason() == kReasonHoldersLost;
}

// What of `operation` is blocked, and by what.
std::string WhatIsBlocked(const v1::Operation& operation, const std::string& why) {
  if (!IsContract(operation)) {
    const bool given_up = operation.error().reason() == kReasonHoldersLost;
    return absl::StrCat(given_up ? "the upgrade was given up" : "the upgrade is blocked",
                        why.empty() ? "" : ": ", why);
  }
  if (operation.error().reason() == kReasonBlocked && !why.empty()) return why;
  return absl::StrCat("contract ", operation.target(), " did not run", why.empty() ? "" : ": ",
                      why);
}

absl::Status Blocked(const v1::Operation& operation) {
  const std::string why = operation.error().message();
  const std::string hint = operation.error().hint();
  return base::MakeError(absl::StatusCode::kFailedPrecondition, operation.error().reason(),
                         WhatIsBlocked(operation, why),
                         {{"operation_id", operation.operation_id()},
                          {"version", absl::StrCat(operation.error().version())},
                          {"applied", absl::StrCat(operation.applied())},
                          {"effect", absl::StrCat("the database is at ", operation.applied())}},
                         !hint.empty()           ? hint
                         : IsContract(operation) ? "`lockstep blockers` shows who is in the way"
                                                 : "`lockstep plan` shows what is in the way");
}

}  // namespace

std::string ProgressLine(const v1::Operation& operation, absl::Duration since) {
  const bool paused = operation.state() == v1::OPERATION_STATE_PAUSED;
  if (operation.has_running()) {
    const v1::RunningStep& step = operation.running();
    std::string line =
        absl::StrCat(paused ? "pausing after " : "running ", step.version(), " ", step.title());
    if (step.statements() > 0) {
      absl::StrAppend(&line, "  statement ", step.statement(), "/", step.statements());
    }
    if (!step.activity().empty()) absl::StrAppend(&line, "  ", step.activity());
    if (step.has_percent()) absl::StrAppend(&line, ", ", step.percent(), " %");
    if (!step.holder().empty()) absl::StrAppend(&line, "  on ", step.holder());
    const absl::Duration elapsed = convert::FromProto(step.elapsed()) + since;
    absl::StrAppend(&line, "  ", DurationText(elapsed));
    if (step.has_lock_wait()) {
      absl::StrAppend(&line, "  waits for its lock: ", LockWaitText(step.lock_wait()));
    }
    return line;
  }
  if (IsContract(operation) && !HasEnded(operation)) {
    const bool cancelling = operation.state() == v1::OPERATION_STATE_CANCELLING;
    const std::string why = cancelling ? StateWord(operation.state()) : operation.waiting_for();
    return absl::StrCat("contract ", operation.target(), why.empty() ? "" : ": ", why);
  }
  if (paused) {
    return absl::StrCat("paused at ", operation.applied(), " of ", operation.target(),
                        "; `lockstep operations resume ", operation.operation_id(), "` goes on");
  }
  if (operation.has_backfill() && operation.state() == v1::OPERATION_STATE_RUNNING) {
    const std::string progress = BackfillProgress(operation.backfill());
    return absl::StrCat("waiting for backfill ", operation.backfill().name(),
                        progress.empty() ? "" : "  ", progress);
  }
  if (!operation.waiting_for().empty()) return absl::StrCat("waiting: ", operation.waiting_for());
  if (operation.state() == v1::OPERATION_STATE_RUNNING) {
    return absl::StrCat("applied ", operation.applied(), " of ", operation.target());
  }
  return StateWord(operation.state());
}

void ShowProgress(Progress& progress, const v1::Operation& operation) {
  progress.Show(StepOf(operation), ProgressLine(operation, absl::ZeroDuration()));
}

absl::Status WithReattach(const absl::Status& status, absl::string_view operation_id) {
  base::ErrorInfo info = base::GetErrorInfo(status).value_or(base::ErrorInfo{});
  const std::string reattach = absl::StrCat("`lockstep operations watch ", operation_id, "`");
  info.metadata["operation_id"] = std::string(operation_id);
  const bool detached = info.reason == kReasonInterrupted || info.reason == kReasonTerminated;
  if (!detached && info.reason != kReasonTimeout && !absl::IsUnavailable(status)) return status;
  info.hint = info.blockers.empty()
                  ? absl::StrCat(reattach, " re-attaches")
                  : absl::StrCat("once a coordinator is back, ", reattach, " re-attaches");
  const std::string message = detached
                                  ? absl::StrCat("detached; ", operation_id, " goes on")
                                  : absl::StrCat(status.message(), "; ", operation_id, " goes on");
  return base::MakeError(status.code(), message, std::move(info));
}

std::string EndText(const v1::Operation& operation) {
  if (IsContract(operation)) {
    const absl::Duration took =
        convert::FromProto(operation.ended_at()) - convert::FromProto(operation.created_at());
    return absl::StrCat("contract ", operation.target(), " has run (", DurationText(took),
                        " after it was asked for)\n");
  }
  const std::string waiting = ContractsWaiting(
      {operation.contracts_waiting().begin(), operation.contracts_waiting().end()});
  return absl::StrCat("applied ", operation.applied(), "\n", waiting, waiting.empty() ? "" : "\n");
}

absl::StatusOr<v1::Operation> Follow(Context& context, const std::string& operation_id,
                                     const std::function<void(const v1::Operation&)>& on_state) {
  Progress progress(context.console);
  v1::Operation operation;
  absl::Time heard_at = absl::Now();
  v1::WatchOperationRequest request;
  request.set_operation_id(operation_id);
  WatchHooks<v1::WatchOperationResponse> hooks;
  hooks.first_outage = kMaxOutage;  // The operation is known to exist: its coordinator comes back.
  hooks.on_event = [&](const v1::WatchOperationResponse& event) {
    operation = event.operation();
    heard_at = absl::Now();
    if (on_state) on_state(operation);
    if (HasEnded(operation)) return true;
    progress.Show(StepOf(operation), ProgressLine(operation, absl::ZeroDuration()));
    return false;
  };
  hooks.on_tick = [&] {
    progress.Show(StepOf(operation), ProgressLine(operation, absl::Now() - heard_at));
  };
  hooks.on_outage = [&](const absl::Status& status) {
    progress.Show("outage", absl::StrCat("reconnecting: ", std::string(status.message())));
  };
  const absl::Status status =
      Watch(context.client, &v1::OperationService::Stub::WatchOperation, request, hooks);
  progress.Clear();
  if (!status.ok()) return WithReattach(status, operation_id);
  return operation;
}

absl::Status OutcomeOf(const v1::Operation& operation, std::optional<bool> transactional) {
  switch (operation.state()) {
    case v1::OPERATION_STATE_FAILED:
      if (operation.error().reason() == kReasonLockBusy) return LockBusy(operation);
      return IsBlocked(operation.error()) ? Blocked(operation)
                                          : MigrationFailed(operation, transactional);
    case v1::OPERATION_STATE_CANCELLED:
      return base::MakeError(
          absl::StatusCode::kCancelled, kReasonCancelled,
          absl::StrCat(operation.operation_id(), " was cancelled"),
          {{"operation_id", operation.operation_id()},
           {"applied", absl::StrCat(operation.applied())},
           {"effect", absl::StrCat("the database is at ", operation.applied())}});
    default:
      return absl::OkStatus();
  }
}

}  // namespace lockstep::ctl
