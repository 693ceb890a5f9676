#include "coordinator/operation/operations.h"

#include <algorithm>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"

#include "coordinator/operation/groups.h"
#include "coordinator/operation/needs.h"
#include "coordinator/store/backfill_store.h"
#include "coordinator/store/lock_store.h"
#include "engine/base/error_info.h"
#include "engine/base/log.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

using base::MakeError;

// SQL that one FetchRun answer carries at most.
constexpr int64_t kMaxFetchBytes = 8 << 20;
// Runs that are told of one operation at most.
constexpr int kMaxAttempts = 20;
constexpr absl::Duration kDeclinePause = absl::Seconds(1);

absl::Status InvalidTarget(Version target, Version head) {
  return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                   absl::StrCat("version ", target, " is not published, the head is ", head),
                   {{"field", "target"}, {"value", absl::StrCat(target)}},
                   "lockstep publish, or choose a lower target");
}

absl::Status PlanStale() {
  return MakeError(absl::StatusCode::kAborted, "PLAN_STALE",
                   "the plan is out of date: chain or database have changed since it was made", {},
                   "lockstep plan");
}

// The plan ends before its first step: whoever asks hears it at once, with what is in the way.
// A backfill that it only has to wait for is none.
absl::Status CheckBlocked(const Plan& plan, const std::vector<BackfillRow>& backfills) {
  if (plan.HasWork()) return absl::OkStatus();
  for (const PlanStep& step : plan.steps) {
    if (step.kind != StepKind::kBlocked) continue;
    const PendingMigration& m = step.migration;
    const auto need = NeedOf(m, backfills);
    if (need.has_value() && need->wait) return absl::OkStatus();
    const std::string why = need.has_value() ? need->why : step.why;
    const std::string name = absl::StrCat(m.version, " ", m.title);
    base::ErrorInfo info{
        .reason = kReasonBlocked,
        .metadata = {{"version", absl::StrCat(m.version)},
                     {"title", m.title},
                     {"why", why},
                     {"applied", absl::StrCat(plan.applied)}},
        .hint = need.has_value() ? need->hint : "`lockstep plan` shows what is in the way",
        .blockers = {{"migration", name, why}}};
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     absl::StrCat("migration ", name, " is blocked: it ", why), std::move(info));
  }
  return absl::OkStatus();
}

// The backfill that an upgrade waits for while no run of it is in flight.
absl::StatusOr<std::optional<BackfillRow>> ReadWaitedFor(postgres::Connection& connection,
                                                         const ChainRow& chain,
                                                         const OperationRow& row) {
  ASSIGN_OR_RETURN(const auto backfills, ReadBackfills(connection));
  const bool any = std::any_of(backfills.begin(), backfills.end(),
                               [](const BackfillRow& b) { return b.state != "done"; });
  if (!any) return std::nullopt;
  ASSIGN_OR_RETURN(auto pending, ReadPending(connection));
  return WaitedFor(MakePlan({chain, std::move(pending)}, row.target, row.contracts), backfills);
}

absl::string_view NameOf(RunOutcome outcome) {
  switch (outcome) {
    case RunOutcome::kSucceeded:
      return "succeeded";
    case RunOutcome::kFailed:
      return "failed";
    case RunOutcome::kNotStarted:
      return "not started";
    case RunOutcome::kUnknown:
      return "unknown";
  }
  return "";
}

}  // namespace

absl::StatusOr<LeaderToken> Operations::Leadership() const {
  const auto token = options_.elector->leadership();
  if (token.has_value()) return *token;
  const std::string address = options_.elector->leader_address();
  if (const auto direct = DirectIdentity(address); direct.has_value()) {
    // It serves nobody, so there is no address to go to.
    return MakeError(absl::StatusCode::kUnavailable, "NOT_LEADER",
                     absl::StrCat("a run without a coordinator is under way: ", *direct),
                     {{"leader_address", ""}, {"direct", *direct}},
                     "retry: this coordinator leads when that upgrade has ended");
  }
  return MakeError(absl::StatusCode::kUnavailable, "NOT_LEADER",
                   address.empty() ? "no coordinator leads right now"
                                   : absl::StrCat("another coordinator leads: ", address),
                   {{"leader_address", address}}, "retry, or ask the leader");
}

absl::StatusOr<PublishResult> Operations::Publish(const PublishRequest& request) {
  ASSIGN_OR_RETURN(const LeaderToken leader, Leadership());
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  ASSIGN_OR_RETURN(PublishResult result, PublishChain(*connection, leader, request));
  if (request.validate_only) return result;
  options_.driver->Wake();
  if (!result.added.empty()) recent_review_.Keep(result.revision, result.review);
  return result;
}

absl::StatusOr<PlannedUpgrade> Operations::PlanUpgrade(Version target, bool contracts) {
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  PlannedUpgrade planned;
  ASSIGN_OR_RETURN(const ChainRow before, ReadChain(*connection));
  ASSIGN_OR_RETURN(const bool pending, HasPending(*connection));
  if (auto recent = recent_review_.Take(before.revision); recent.has_value()) {
    planned.review = *std::move(recent);
  } else if (pending) {
    ASSIGN_OR_RETURN(planned.review, ReviewPending(*connection));
  }
  RETURN_IF_ERROR(connection->InSnapshot([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const ChainRow chain, ReadChain(*connection));
    if (target < 0 || target > chain.head) return InvalidTarget(target, chain.head);
    ASSIGN_OR_RETURN(auto pending_rows, ReadPending(*connection));
    Strengthen(planned.review, &pending_rows);
    planned.plan = MakePlan({chain, std::move(pending_rows)}, target, contracts);
    planned.digest = PlanDigest(planned.plan, chain.head_hash);
    ASSIGN_OR_RETURN(const auto backfills, ReadBackfills(*connection));
    ExplainNeeds(backfills, &planned.plan);
    return absl::OkStatus();
  }));
  for (const Member& member : options_.fleet->Members()) {
    if (member.connected && member.declaration.can_migrate) ++planned.migrators;
  }
  return planned;
}

// Whether an upgrade that begins now has anything to begin with, and may do what it asks for.
absl::Status Operations::CheckCanRun(postgres::Connection& connection, const LeaderToken& leader,
                                     const UpgradeRequest& request,
                                     const std::string& plan_digest) {
  ASSIGN_OR_RETURN(const ChainRow chain, ReadChain(connection));
  if (!chain.never_served) RETURN_IF_ERROR(JudgePending(connection, leader));
  ASSIGN_OR_RETURN(auto pending, ReadPending(connection));
  const Plan plan = MakePlan({chain, std::move(pending)}, request.target, request.contracts);
  if (!plan_digest.empty() && PlanDigest(plan, chain.head_hash) != plan_digest) {
    return PlanStale();
  }
  ASSIGN_OR_RETURN(const auto backfills, ReadBackfills(connection));
  RETURN_IF_ERROR(CheckBlocked(plan, backfills));
  return request.terminate_idle.has_value() ? CheckMayTerminate(connection) : absl::OkStatus();
}

absl::StatusOr<OperationView> Operations::StartUpgrade(const UpgradeRequest& request,
                                                       const std::string& plan_digest) {
  ASSIGN_OR_RETURN(const LeaderToken leader, Leadership());
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  ASSIGN_OR_RETURN(const ChainRow chain, ReadChain(*connection));
  if (request.target < 0 || request.target > chain.head) {
    return InvalidTarget(request.target, chain.head);
  }
  // A repeated request finds its own operation: the plan it was bound to has moved on.
  ASSIGN_OR_RETURN(const bool known, IsRequestKnown(*connection, request.request_id));
  ASSIGN_OR_RETURN(const auto active, ReadActiveOperation(*connection));
  if (!known && !active.has_value()) {
    RETURN_IF_ERROR(CheckCanRun(*connection, leader, request, plan_digest));
  }
  UpgradeRequest resolved = request;
  if (resolved.target == 0) resolved.target = chain.head;
  // Decided once: a gate that opens half-way does not change what the operation does. What concerns
  // that instance is left waiting all the same.
  resolved.run_contracts = request.contracts || chain.never_served;
  ASSIGN_OR_RETURN(const std::string id, StartOperation(*connection, leader, resolved));
  base::LogInfo(
      "upgrade asked for",
      {{"operation", id}, {"target", absl::StrCat(resolved.target)}, {"actor", request.actor}});
  options_.driver->Wake();
  ASSIGN_OR_RETURN(const OperationRow row, ReadOperation(*connection, id));
  return Describe(*connection, row);
}

absl::StatusOr<OperationView> Operations::Describe(postgres::Connection& connection,
                                                   const OperationRow& row) {
  OperationView view{.row = row};
  ASSIGN_OR_RETURN(const ChainRow chain, ReadChain(connection));
  view.applied = chain.applied;
  if (row.error.has_value() && row.error->version > 0) {
    ASSIGN_OR_RETURN(const auto entries,
                     ReadEntries(connection, row.error->version, row.error->version));
    if (!entries.empty()) view.error_file = FileNameOf(entries[0].version, entries[0].title);
  }
  if (row.state == OperationState::kSucceeded && row.kind == OperationKind::kUpgrade) {
    ASSIGN_OR_RETURN(auto pending, ReadPending(connection));
    view.contracts_waiting =
        MakePlan({chain, std::move(pending)}, row.target, row.contracts).ContractsWaiting();
  }
  if (HasEnded(row.state)) return view;
  view.waiting_for = options_.driver->waiting_for();
  if (row.kind == OperationKind::kContract) {
    ASSIGN_OR_RETURN(view.contract, ReadContractState(connection, row.target, row));
    // A follower's driver decides nothing, and what the leader's says of agents comes last.
    view.waiting_for = view.contract->step.move == ContractStep::Move::kGrant
                           ? options_.driver->contract_waits_for()
                           : view.contract->step.why;
  }
  const auto held = options_.lessor->held();
  if (!held.has_value() || held->lease.operation != row.operation_id) {
    if (row.kind == OperationKind::kUpgrade) {
      ASSIGN_OR_RETURN(view.backfill, ReadWaitedFor(connection, chain, row));
    }
    return view;
  }
  view.held = held;
  view.running_for = options_.clock->SinceBoot() - held->since;
  const Version running = held->progress.version == 0 ? held->lease.first : held->progress.version;
  ASSIGN_OR_RETURN(const auto entries, ReadEntries(connection, running, running));
  if (!entries.empty()) view.running_title = entries[0].title;
  return view;
}

absl::StatusOr<OperationView> Operations::Get(const std::string& operation_id, bool with_attempts) {
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  ASSIGN_OR_RETURN(const OperationRow row, ReadOperation(*connection, operation_id));
  ASSIGN_OR_RETURN(OperationView view, Describe(*connection, row));
  if (with_attempts) {
    ASSIGN_OR_RETURN(view.attempts, ReadAttemptsOf(*connection, operation_id, kMaxAttempts));
  }
  return view;
}

absl::StatusOr<std::vector<OperationView>> Operations::List(const std::string& after, int limit,
                                                            bool active_only) {
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  ASSIGN_OR_RETURN(const auto rows, ReadOperations(*connection, after, limit, active_only));
  std::vector<OperationView> views;
  for (const OperationRow& row : rows) {
    ASSIGN_OR_RETURN(OperationView view, Describe(*connection, row));
    views.push_back(std::move(view));
  }
  return views;
}

absl::StatusOr<OperationView> Operations::Cancel(const std::string& operation_id,
                                                 const std::string& actor,
                                                 const std::string& reason) {
  ASSIGN_OR_RETURN(const LeaderToken leader, Leadership());
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  RETURN_IF_ERROR(CancelOperation(*connection, leader, operation_id, actor, reason));
  options_.driver->Wake();
  ASSIGN_OR_RETURN(const OperationRow row, ReadOperation(*connection, operation_id));
  return Describe(*connection, row);
}

absl::StatusOr<OperationView> Operations::Pause(const std::string& operation_id, bool paused,
                                                const std::string& actor,
                                                const std::string& reason) {
  ASSIGN_OR_RETURN(const LeaderToken leader, Leadership());
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  RETURN_IF_ERROR(PauseOperation(*connection, leader, operation_id, paused, actor, reason));
  options_.driver->Wake();
  ASSIGN_OR_RETURN(const OperationRow row, ReadOperation(*connection, operation_id));
  return Describe(*connection, row);
}

absl::StatusOr<OperationView> Operations::Retry(const std::string& operation_id,
                                                const std::string& actor,
                                                const std::string& reason) {
  ASSIGN_OR_RETURN(const LeaderToken leader, Leadership());
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  ASSIGN_OR_RETURN(OperationRow row, ReadOperation(*connection, operation_id));
  const bool again =
      row.state == OperationState::kFailed || row.state == OperationState::kCancelled;
  ASSIGN_OR_RETURN(const auto active, ReadActiveOperation(*connection, row.kind));
  if (again && !active.has_value() && row.kind == OperationKind::kContract) {
    ASSIGN_OR_RETURN(const ContractFacts facts,
                     ReadContractFacts(*connection, row.target, row.created_at));
    const ContractRequest asks{.version = row.target,
                               .when_drained = row.when_drained,
                               .accept_unknown = row.accept_unknown,
                               .terminate_idle = row.terminate_idle};
    RETURN_IF_ERROR(CheckContract(*connection, asks, facts));
  } else if (again && !active.has_value()) {
    const UpgradeRequest asks{
        .target = row.target, .contracts = row.contracts, .terminate_idle = row.terminate_idle};
    RETURN_IF_ERROR(CheckCanRun(*connection, leader, asks, ""));
  }
  RETURN_IF_ERROR(RetryOperation(*connection, leader, operation_id, actor, reason));
  options_.driver->Wake();
  ASSIGN_OR_RETURN(row, ReadOperation(*connection, operation_id));
  return Describe(*connection, row);
}

absl::StatusOr<FetchedRun> Operations::FetchRun(const LeaseToken& token, Version from) {
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  ASSIGN_OR_RETURN(const LeaseRow lease, ReadLease(*connection));
  if (!lease.held || lease.token != token) {
    return MakeError(absl::StatusCode::kFailedPrecondition, "FENCED",
                     "the lease is not current: the run was taken back or has ended");
  }
  if (from < lease.first || from > lease.last) {
    return MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                     absl::StrCat("version ", from, " is not part of the run"),
                     {{"field", "from"}});
  }
  FetchedRun run;
  ASSIGN_OR_RETURN(run.texts, ReadTexts(*connection, from, lease.last, kMaxFetchBytes));
  ASSIGN_OR_RETURN(run.settings, ReadSettings(*connection));
  ASSIGN_OR_RETURN(const ChainRow chain, ReadChain(*connection));
  // The database is asked again when a group begins: it may be served by then.
  run.groups = GroupsOf(run.texts, chain.never_served);
  ASSIGN_OR_RETURN(const OperationRow operation, ReadOperation(*connection, lease.operation));
  run.lock_timeout = LockTimeoutOf(LadderOf(options_.durations), operation.failures + 1);
  run.more = run.texts.back().entry.version < lease.last;
  return run;
}

absl::StatusOr<Version> Operations::CompleteRun(const std::string& session_id,
                                                const LeaseToken& token, RunOutcome outcome,
                                                Version committed,
                                                const std::optional<RunError>& error) {
  ASSIGN_OR_RETURN(const LeaderToken leader, Leadership());
  std::string operation_id;
  {
    ASSIGN_OR_RETURN(auto connection, options_.database->Take());
    ASSIGN_OR_RETURN(const LeaseRow lease, ReadLease(*connection));
    if (lease.token.epoch == token.epoch) operation_id = lease.operation;
  }
  ASSIGN_OR_RETURN(
      const bool gave_back,
      options_.lessor->Complete(leader, token, std::string(NameOf(outcome)), committed, error));
  base::LogInfo("run reported", {{"outcome", std::string(NameOf(outcome))},
                                 {"committed", absl::StrCat(committed)},
                                 {"lease_epoch", absl::StrCat(token.epoch)},
                                 {"error", error.has_value() ? error->message : ""}});
  if (gave_back) {
    RETURN_IF_ERROR(AfterReport(leader, session_id, operation_id, outcome, error));
  }
  options_.driver->Wake();
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  ASSIGN_OR_RETURN(const ChainRow chain, ReadChain(*connection));
  return chain.applied;
}

absl::Status Operations::AfterReport(const LeaderToken& leader, const std::string& session_id,
                                     const std::string& operation_id, RunOutcome outcome,
                                     const std::optional<RunError>& error) {
  if (outcome == RunOutcome::kNotStarted && !error.has_value()) {
    options_.fleet->MarkDeclined(session_id, kDeclinePause);
    return absl::OkStatus();
  }
  RunError met = error.value_or(RunError{.reason = "COMMIT_IN_DOUBT",
                                         .message = "the outcome of a commit was in doubt",
                                         .retryable = true});
  if (outcome == RunOutcome::kUnknown) met.retryable = true;  // By now the database has decided.
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  ASSIGN_OR_RETURN(const OperationRow row, ReadOperation(*connection, operation_id));
  if (met.agent_unfit) {
    options_.fleet->MarkUnfit(session_id, FitnessScope(row), met.message, met.hint);
    return absl::OkStatus();
  }
  const FailureStreak streak{.failures = row.failures,
                             .failing_for = row.failing_for,
                             .jitter = absl::Uniform(absl::BitGen(), 0.0, 1.0)};
  const AfterFailure next = DecideAfterFailure(met, streak, options_.durations);
  if (next.retry) {
    return DeferOperation(*connection, leader, operation_id, next.delay, met);
  }
  return EndOperation(*connection, leader, operation_id, OperationState::kFailed, next.error)
      .status();
}

}  // namespace lockstep::coordinator
