#include "coordinator/operation/operations.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "coordinator/operation/groups.h"
#include "engine/base/digest.h"
#include "engine/base/error_info.h"
#include "engine/base/log.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

using base::MakeError;

// SQL that one FetchRun answer carries at most.
constexpr int64_t kMaxFetchBytes = 8 << 20;
constexpr absl::Duration kDeclinePause = absl::Seconds(1);

std::string FileNameOf(Version version, const std::string& title) {
  return absl::StrFormat("%03d_%s.sql", version, title);
}

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
absl::Status CheckBlocked(const Plan& plan) {
  if (plan.HasWork()) return absl::OkStatus();
  for (const PlanStep& step : plan.steps) {
    if (step.kind != StepKind::kBlocked) continue;
    const PendingMigration& m = step.migration;
    const std::string name = absl::StrCat(m.version, " ", m.title);
    base::ErrorInfo info{.reason = kReasonBlocked,
                         .metadata = {{"version", absl::StrCat(m.version)},
                                      {"title", m.title},
                                      {"why", step.why},
                                      {"applied", absl::StrCat(plan.applied)}},
                         .hint = "`lockstep plan` shows what is in the way",
                         .blockers = {{"migration", name, step.why}}};
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     absl::StrCat("migration ", name, " is blocked: it ", step.why),
                     std::move(info));
  }
  return absl::OkStatus();
}

// Names of those that are not published yet.
absl::StatusOr<std::vector<std::string>> NewBackfills(
    postgres::Connection& connection, const std::vector<chain::Backfill>& backfills) {
  ASSIGN_OR_RETURN(const auto published, ReadBackfills(connection));
  std::vector<std::string> names;
  for (const chain::Backfill& backfill : backfills) {
    const bool known = std::any_of(published.begin(), published.end(), [&](const BackfillRow& row) {
      return row.name == backfill.name;
    });
    if (!known) names.push_back(backfill.name);
  }
  return names;
}

// The migrations of a request that are not published, with what the analysis says of them.
absl::StatusOr<std::vector<chain::ReviewedMigration>> ReviewFresh(postgres::Connection& connection,
                                                                  Version head,
                                                                  const PublishRequest& request) {
  std::vector<chain::Migration> fresh;
  for (const chain::Migration& m : request.migrations) {
    if (m.version > head) fresh.push_back(m);
  }
  if (fresh.empty()) return std::vector<chain::ReviewedMigration>();
  const size_t count = fresh.size();
  ASSIGN_OR_RETURN(Review review, ReviewPending(connection, std::move(fresh)));
  auto& all = review.migrations;
  all.erase(all.begin(), all.end() - static_cast<std::ptrdiff_t>(count));
  RETURN_IF_ERROR(CheckFindings(all, request.lint != LintMode::kError));
  return std::move(all);
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
                     absl::StrCat("an upgrade without a coordinator is under way: ", *direct),
                     {{"leader_address", ""}, {"direct", *direct}},
                     "retry: this coordinator leads when that upgrade has ended");
  }
  return MakeError(absl::StatusCode::kUnavailable, "NOT_LEADER",
                   address.empty() ? "no coordinator leads right now"
                                   : absl::StrCat("another coordinator leads: ", address),
                   {{"leader_address", address}}, "retry, or ask the leader");
}

absl::Status Operations::CheckAgainstPublished(postgres::Connection& connection,
                                               const ChainRow& chain,
                                               const PublishRequest& request) {
  if (request.migrations.empty()) return absl::OkStatus();
  const Version first = request.migrations.front().version;
  ASSIGN_OR_RETURN(const auto published,
                   ReadEntries(connection, first, request.migrations.back().version));
  std::string parent = first == 1 ? chain::EmptyChainHash() : request.parent_hash;
  for (size_t i = 0; i < published.size(); ++i) {
    const chain::Migration& ours = request.migrations[i];
    const chain::ChainEntry& theirs = published[i];
    if (ours.title == theirs.title && ours.digest != theirs.digest) {
      return MakeError(absl::StatusCode::kFailedPrecondition, "DIGEST_MISMATCH",
                       absl::StrCat(FileNameOf(ours.version, ours.title),
                                    " was edited after it was published: nothing was changed"),
                       {{"version", absl::StrCat(ours.version)},
                        {"file", FileNameOf(ours.version, ours.title)},
                        {"published_digest", base::ToHex(theirs.digest)},
                        {"digest", base::ToHex(ours.digest)}},
                       "restore the published text, and put the change into a new migration");
    }
    const std::string hash = chain::NextChainHash(parent, ours.version, ours.title, ours.digest);
    if (hash != theirs.chain_hash) {
      return MakeError(absl::StatusCode::kAborted, "CHAIN_DIVERGED",
                       absl::StrCat("the chains part at version ", ours.version, ": here ",
                                    ours.title, ", published ", theirs.title),
                       {{"version", absl::StrCat(ours.version)},
                        {"published_title", theirs.title},
                        {"title", ours.title},
                        {"published_head", absl::StrCat(chain.head)},
                        {"published_head_hash", base::ToHex(chain.head_hash)},
                        {"published_hash", base::ToHex(theirs.chain_hash)},
                        {"hash", base::ToHex(hash)}},
                       "renumber the unpublished migrations on top of the published chain");
    }
    parent = hash;
  }
  const bool continues = published.size() < request.migrations.size();
  const Version next = first + static_cast<Version>(published.size());
  if (continues && (next != chain.head + 1 || parent != chain.head_hash)) {
    return MakeError(
        absl::StatusCode::kAborted, "CHAIN_DIVERGED",
        absl::StrCat("version ", next, " does not follow the published head ", chain.head),
        {{"version", absl::StrCat(next)},
         {"published_head", absl::StrCat(chain.head)},
         {"published_head_hash", base::ToHex(chain.head_hash)},
         {"hash", base::ToHex(parent)}},
        "publish the whole chain, or fetch the published one first");
  }
  return absl::OkStatus();
}

absl::StatusOr<PublishResult> Operations::Publish(const PublishRequest& request) {
  ASSIGN_OR_RETURN(const LeaderToken leader, Leadership());
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  ASSIGN_OR_RETURN(ChainRow chain, ReadChain(*connection));
  RETURN_IF_ERROR(CheckAgainstPublished(*connection, chain, request));
  PublishResult result;
  ASSIGN_OR_RETURN(result.reviewed, ReviewFresh(*connection, chain.head, request));
  std::vector<chain::Migration> fresh;
  for (const chain::ReviewedMigration& added : result.reviewed) {
    fresh.push_back(added.migration);
    result.added.push_back(added.migration.version);
  }
  if (request.validate_only) {
    ASSIGN_OR_RETURN(result.added_backfills, NewBackfills(*connection, request.backfills));
  } else {
    ASSIGN_OR_RETURN(result.added_backfills,
                     AppendMigrations(*connection, leader, chain.head_hash, fresh,
                                      request.backfills, request.actor));
    ASSIGN_OR_RETURN(chain, ReadChain(*connection));
    if (!result.added.empty()) {
      base::LogInfo("chain published", {{"head", absl::StrCat(chain.head)},
                                        {"added", absl::StrCat(result.added.size())},
                                        {"actor", request.actor}});
    }
    options_.driver->Wake();
  }
  result.head = chain.head;
  result.head_hash = chain.head_hash;
  return result;
}

absl::StatusOr<PlannedUpgrade> Operations::PlanUpgrade(Version target, bool contracts) {
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  PlannedUpgrade planned;
  ASSIGN_OR_RETURN(const bool pending, HasPending(*connection));
  if (pending) {
    ASSIGN_OR_RETURN(planned.review, ReviewPending(*connection));
  }
  RETURN_IF_ERROR(connection->InSnapshot([&]() -> absl::Status {
    ASSIGN_OR_RETURN(const ChainRow chain, ReadChain(*connection));
    if (target < 0 || target > chain.head) return InvalidTarget(target, chain.head);
    ASSIGN_OR_RETURN(auto pending_rows, ReadPending(*connection));
    Strengthen(planned.review, &pending_rows);
    planned.plan = MakePlan({chain, std::move(pending_rows)}, target, contracts);
    planned.digest = PlanDigest(planned.plan, chain.head_hash);
    return absl::OkStatus();
  }));
  for (const Member& member : options_.fleet->Members()) {
    if (member.connected && member.declaration.can_migrate) ++planned.migrators;
  }
  return planned;
}

// What an upgrade would run is judged against what is in use now, before anything of it is granted.
// On a database that was never served nothing is in use.
absl::Status Operations::JudgePending(postgres::Connection& connection, const LeaderToken& leader) {
  ASSIGN_OR_RETURN(auto pending, ReadPending(connection));
  if (pending.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Review review, ReviewPending(connection));
  const std::vector<JudgedMigration> changed = Strengthen(review, &pending);
  for (const JudgedMigration& m : changed) {
    base::LogInfo("phase judged again", {{"version", absl::StrCat(m.version)},
                                         {"phase", std::string(sql::PhaseName(m.phase))}});
  }
  return changed.empty() ? absl::OkStatus() : JudgeMigrations(connection, leader, changed);
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
    if (!chain.never_served) RETURN_IF_ERROR(JudgePending(*connection, leader));
    ASSIGN_OR_RETURN(auto pending, ReadPending(*connection));
    const Plan plan = MakePlan({chain, std::move(pending)}, request.target, request.contracts);
    if (!plan_digest.empty() && PlanDigest(plan, chain.head_hash) != plan_digest) {
      return PlanStale();
    }
    RETURN_IF_ERROR(CheckBlocked(plan));
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
  if (row.state == OperationState::kSucceeded) {
    ASSIGN_OR_RETURN(auto pending, ReadPending(connection));
    view.contracts_waiting =
        MakePlan({chain, std::move(pending)}, row.target, row.contracts).ContractsWaiting();
  }
  if (HasEnded(row.state)) return view;
  view.waiting_for = options_.driver->waiting_for();
  const auto held = options_.lessor->held();
  if (!held.has_value() || held->lease.operation != row.operation_id) return view;
  view.held = held;
  view.running_for = options_.clock->SinceBoot() - held->since;
  const Version running = held->progress.version == 0 ? held->lease.first : held->progress.version;
  ASSIGN_OR_RETURN(const auto entries, ReadEntries(connection, running, running));
  if (!entries.empty()) view.running_title = entries[0].title;
  return view;
}

absl::StatusOr<OperationView> Operations::Get(const std::string& operation_id) {
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  ASSIGN_OR_RETURN(const OperationRow row, ReadOperation(*connection, operation_id));
  return Describe(*connection, row);
}

absl::StatusOr<std::vector<OperationView>> Operations::List(std::optional<absl::Time> before,
                                                            int limit, bool active_only) {
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  ASSIGN_OR_RETURN(const auto rows, ReadOperations(*connection, before, limit, active_only));
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
  if (met.agent_unfit) {
    options_.fleet->MarkUnfit(session_id, operation_id, met.message, met.hint);
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  ASSIGN_OR_RETURN(const OperationRow row, ReadOperation(*connection, operation_id));
  const AfterFailure next = DecideAfterFailure(met, row.failures, options_.durations);
  if (next.retry) {
    return DeferOperation(*connection, leader, operation_id, next.delay, met);
  }
  return EndOperation(*connection, leader, operation_id, OperationState::kFailed, met).status();
}

}  // namespace lockstep::coordinator
