#include "engine/apply/run_concurrent.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "engine/apply/build_watch.h"
#include "engine/apply/concurrent_errors.h"
#include "engine/apply/inspect.h"
#include "engine/apply/migration_session.h"
#include "engine/apply/outcome.h"
#include "engine/apply/search_path.h"
#include "engine/apply/statement_log.h"
#include "engine/apply/step.h"
#include "engine/apply/transaction.h"
#include "engine/base/backoff.h"
#include "engine/base/error_info.h"
#include "engine/base/failpoint.h"
#include "engine/base/log.h"
#include "engine/base/status_macros.h"
#include "engine/postgres/errors.h"

namespace lockstep::apply {
namespace {

using base::MakeError;
using postgres::Param;
using postgres::TransactionStatus;

// The lock of statements, and a table on which somebody else is at work, are looked at again.
constexpr base::BackoffOptions kLookAgain = {.base = absl::Milliseconds(100),
                                             .cap = absl::Seconds(1)};

// What a failed or cancelled statement left is taken away by a drop that waits this long for each
// lock. What stays is taken away by the next holder.
constexpr absl::Duration kCleanLockTimeout = absl::Seconds(5);
// A cancel of the statement may still be on its way and hit what cleans up behind it.
constexpr int kCleanTries = 3;

class OutsideRunner {
 public:
  OutsideRunner(const RunSpec& spec, const chain::Migration& migration, Cancellation& cancellation,
                const Observer& observer)
      : spec_(spec),
        migration_(migration),
        cancellation_(cancellation),
        observer_(observer),
        steps_(StepsOf(migration)) {
    options_ = {.conninfo = spec.conninfo,
                .application_name = ApplicationNameOf(spec.token),
                .preflight = {.owner_role = spec.settings.owner_role,
                              .allow_superuser = spec.allow_superuser},
                .outlives_client = true};
  }

  RunResult Run() {
    if (absl::Status connected = Connect(); !connected.ok()) {
      MigrationError error = RunErrorOf(migration_.version, connected);
      error.agent_unfit = !error.retryable;
      return {.outcome = RunOutcome::kNotStarted, .error = std::move(error)};
    }
    std::vector<StepState> states;
    if (absl::Status planned = Plan(&states); !planned.ok()) {
      MigrationError error = RunErrorOf(migration_.version, planned);
      error.agent_unfit = absl::IsPermissionDenied(planned);
      return {.outcome = RunOutcome::kNotStarted, .error = std::move(error)};
    }
    for (size_t i = 0; i < steps_.size(); ++i) {
      if (absl::Status done = RunStep(steps_[i], states[i]); !done.ok()) return Failed(done);
    }
    at_.reset();
    return Finish();
  }

 private:
  absl::Status Connect() {
    if (cancellation_.requested()) return CancelledError(cancellation_.why());
    ASSIGN_OR_RETURN(session_, OpenMigrationSession(options_));
    watch_.emplace(cancellation_, *session_.session);
    log_.emplace(*session_.session, spec_.token, migration_.version);
    const auto needed = migration_.directives.min_postgres;
    if (needed.has_value() && session().server_version() / 10000 < *needed) {
      return MakeError(absl::StatusCode::kFailedPrecondition, "SERVER_TOO_OLD",
                       absl::StrCat("the migration needs PostgreSQL ", *needed, ", the server is ",
                                    session().server_version() / 10000),
                       {{"min_postgres", absl::StrCat(*needed)}}, "upgrade PostgreSQL");
    }
    return session()
        .Execute(
            "SELECT pg_catalog.set_config('search_path', $1, false),"
            " pg_catalog.set_config('statement_timeout', $2, false)",
            {Param(SafeSearchPath(spec_.settings.search_path)),
             Param(TimeoutOf("", statement_timeout()).value)})
        .status();
  }

  // The lock first, then the token.
  absl::Status Plan(std::vector<StepState>* states) {
    RETURN_IF_ERROR(TakeLock());
    LOCKSTEP_FAILPOINT("agent.after_lock", session().socket());
    ASSIGN_OR_RETURN(*states, log_->Plan(steps_));
    return absl::OkStatus();
  }

  absl::Status TakeLock() {
    base::Backoff backoff(kLookAgain);
    for (;;) {
      ASSIGN_OR_RETURN(const bool taken, log_->TryLock());
      if (taken) return absl::OkStatus();
      ASSIGN_OR_RETURN(const int holder, log_->LockHolder());
      ASSIGN_OR_RETURN(Activity activity, ActivityOf(session(), holder));
      activity.text = absl::StrCat("backend ", holder, " still runs a statement of an earlier run",
                                   activity.text.empty() ? "" : ": ", activity.text);
      Tell(activity);
      if (cancellation_.WaitFor(backoff.Next())) return CancelledError(cancellation_.why());
    }
  }

  absl::Status RunStep(const Step& step, StepState state) {
    at_ = step.first;
    if (state == StepState::kDone || state == StepState::kAdopted) return Replay(step);
    Observe(step.first);
    RETURN_IF_ERROR(CheckNotCancelled(cancellation_));
    if (step.kind == StepKind::kFenced) return RunFenced(step);
    return RunAlone(step, state == StepState::kRunning ? Moment::kBegun : Moment::kFresh);
  }

  // A step that an earlier run did: what it set for the session, the rest of the file counts on.
  absl::Status Replay(const Step& step) {
    for (size_t i = step.first; i <= step.last; ++i) {
      if (migration_.alone.statements[i].node != "VariableSetStmt") continue;
      at_ = i;
      RETURN_IF_ERROR(BecomeOwner());
      RETURN_IF_ERROR(session().Execute(TextOf(i)).status());
    }
    return absl::OkStatus();
  }

  // ---- A statement by itself.

  absl::Status RunAlone(const Step& step, Moment moment) {
    ASSIGN_OR_RETURN(const Evidence evidence, LookUntilFree(step, moment));
    if (evidence.verdict == Verdict::kDiffers) return DiffersError(evidence);
    if (evidence.verdict == Verdict::kInDoubt) return InDoubtError(migration_.version, step);
    if (evidence.verdict == Verdict::kDone && evidence.leftovers.empty()) {
      return Adopt(step, evidence);
    }
    RETURN_IF_ERROR(log_->Begin(step));
    started_ = true;
    LOCKSTEP_FAILPOINT("agent.after_intent", session().socket());
    std::string found;
    if (absl::Status worked = Work(step, evidence, &found); !worked.ok()) {
      const absl::Status why = CancelledOr(cancellation_, worked);
      if (session().usable()) CleanUp(step, evidence.absent);
      return why;
    }
    LOCKSTEP_FAILPOINT("agent.before_record", session().socket());
    return log_->End(step, StepState::kDone, found);
  }

  absl::Status Adopt(const Step& step, const Evidence& evidence) {
    base::LogInfo("statement found done", {{"version", absl::StrCat(migration_.version)},
                                           {"statement", absl::StrCat(step.first + 1)},
                                           {"found", evidence.found}});
    started_ = true;
    return log_->End(step, StepState::kAdopted, evidence.found);
  }

  absl::StatusOr<Evidence> LookUntilFree(const Step& step, Moment moment) {
    base::Backoff backoff(kLookAgain);
    for (;;) {
      RETURN_IF_ERROR(BecomeOwner());
      ASSIGN_OR_RETURN(Evidence evidence, Inspect(session(), step, moment));
      if (evidence.verdict != Verdict::kBusy) return evidence;
      Tell({.text = evidence.found});
      if (cancellation_.WaitFor(backoff.Next())) return CancelledError(cancellation_.why());
    }
  }

  absl::Status Work(const Step& step, const Evidence& evidence, std::string* found) {
    RETURN_IF_ERROR(BecomeOwner());
    RETURN_IF_ERROR(SetLockTimeout(LockTimeoutOf(step)));
    RETURN_IF_ERROR(Drop(evidence.leftovers));
    if (evidence.verdict != Verdict::kDone) {
      RETURN_IF_ERROR(Watched(evidence.instead.empty() ? TextOf(step.first) : evidence.instead));
      LOCKSTEP_FAILPOINT("agent.after_alone", session().socket());
      if (session().transaction_status() != TransactionStatus::kIdle) return FenceBrokenError();
    }
    RETURN_IF_ERROR(BecomeOwner());
    ASSIGN_OR_RETURN(const Evidence after, Inspect(session(), step, Moment::kAfter));
    *found = after.found;
    return after.verdict == Verdict::kDone ? absl::OkStatus() : NotVerifiedError(step);
  }

  absl::Status Watched(const std::string& statement) {
    const BuildWatch watch(
        {.conninfo = spec_.conninfo, .application_name = options_.application_name},
        session().announced_backend_pid(), session().socket(),
        [this](const Activity& activity) { Tell(activity); });
    return session().Execute(statement).status();
  }

  absl::Status Drop(const std::vector<std::string>& indexes) {
    for (const std::string& index : indexes) {
      base::LogInfo("dropping an invalid index", {{"index", index}});
      RETURN_IF_ERROR(
          session().Execute(absl::StrCat("DROP INDEX CONCURRENTLY IF EXISTS ", index)).status());
    }
    return absl::OkStatus();
  }

  // Takes away what a statement left that failed or was cancelled. Also when the lease is gone: the
  // lock of statements is still ours, so nobody else is at work. What cannot be taken away now
  // stays written down as running, and the next holder does it.
  void CleanUp(const Step& step, bool was_absent) {
    watch_->Disarm();
    absl::Status cleaned;
    for (int tries = 0; tries < kCleanTries; ++tries) {
      cleaned = TryCleanUp(step, was_absent);
      if (postgres::SqlStateOf(cleaned) != "57014") break;
    }
    if (!cleaned.ok()) {
      base::LogWarning("a failed statement may have left something behind",
                       {{"version", absl::StrCat(migration_.version)},
                        {"statement", absl::StrCat(step.first + 1)},
                        {"error", std::string(cleaned.message())}});
    }
    watch_->Arm();
  }

  absl::Status TryCleanUp(const Step& step, bool was_absent) {
    if (session().transaction_status() != TransactionStatus::kIdle) {
      RETURN_IF_ERROR(session().Execute("ROLLBACK").status());
    }
    if (step.kind == StepKind::kOnce && step.may_commit) return absl::OkStatus();
    RETURN_IF_ERROR(BecomeOwner());
    RETURN_IF_ERROR(SetLockTimeout(kCleanLockTimeout));
    Evidence evidence;
    if (step.kind != StepKind::kOnce && !was_absent) {
      ASSIGN_OR_RETURN(evidence, Inspect(session(), step, Moment::kBegun));
    }
    // Done all the same, half done for good, or not ours to judge: the next look decides.
    if (evidence.half || evidence.verdict != Verdict::kRun) return absl::OkStatus();
    RETURN_IF_ERROR(Drop(evidence.leftovers));
    return log_->End(step, StepState::kCleaned, "it failed, and nothing of it remains");
  }

  // ---- Statements in a transaction.

  absl::Status RunFenced(const Step& step) {
    started_ = true;
    if (absl::Status ran = Transact(step); !ran.ok()) {
      if (session().usable() && session().transaction_status() != TransactionStatus::kIdle) {
        (void)session().Execute("ROLLBACK");  // The next use finds a lost connection.
      }
      return CancelledOr(cancellation_, ran);
    }
    MigrationOutcome outcome;
    return Commit(&outcome);
  }

  absl::Status Transact(const Step& step) {
    RETURN_IF_ERROR(Open());
    RETURN_IF_ERROR(
        session()
            .Pipeline({Calls()
                           .Set(AsOwner({TimeoutOf("lock_timeout", lock_timeout()),
                                         TimeoutOf("statement_timeout", statement_timeout())},
                                        spec_.settings))
                           .command()})
            .status());
    for (size_t i = step.first; i <= step.last; ++i) {
      at_ = i;
      Observe(i);
      RETURN_IF_ERROR(CheckNotCancelled(cancellation_));
      RETURN_IF_ERROR(session().Execute(TextOf(i)).status());
      if (session().transaction_status() != TransactionStatus::kInTransaction) {
        return FenceBrokenError();
      }
    }
    at_ = step.first;
    // As at the end of any migration: deferred triggers of the application run as the owner.
    return session()
        .Pipeline({{"RESET ROLE"},
                   Calls()
                       .Set({{"search_path", "pg_catalog, pg_temp"},
                             TimeoutOf("lock_timeout", kFenceLockTimeout)})
                       .command(),
                   log_->EndCommand(step, StepState::kDone, "committed"),
                   Calls().Set(AsOwner({}, spec_.settings)).command(),
                   {"SET CONSTRAINTS ALL IMMEDIATE"}})
        .status();
  }

  // BEGIN and lockstep.open; remembers the transaction.
  absl::Status Open() {
    ASSIGN_OR_RETURN(
        const std::vector<postgres::Result> results,
        session().Pipeline({{kBegin},
                            {"RESET ROLE"},
                            Calls()
                                .Add(kXid)
                                .Set({TimeoutOf("lock_timeout", kFenceLockTimeout)})
                                .Add(kOpen, TokenParams(spec_.token, migration_.version))
                                .command()}));
    xid_ = results.back().only().Text(0);
    return absl::OkStatus();
  }

  // A failure is told by commit_error_.
  absl::Status Commit(MigrationOutcome* outcome) {
    const MigrationContext context = {.token = spec_.token,
                                      .settings = spec_.settings,
                                      .cancellation = cancellation_,
                                      .watch = *watch_,
                                      .observer = observer_};
    MigrationResult result = CommitTransaction(session(), context, migration_.version, xid_);
    *outcome = result.outcome;
    commit_error_ = std::move(result.error);
    return commit_error_.has_value() ? absl::UnknownError(commit_error_->message)
                                     : absl::OkStatus();
  }

  // ---- The end.

  RunResult Finish() {
    if (absl::Status closing = Close(); !closing.ok()) {
      return Failed(CancelledOr(cancellation_, closing));
    }
    MigrationOutcome outcome;
    const absl::Status committed = Commit(&outcome);
    if (outcome == MigrationOutcome::kInDoubt) return Resolve(committed);
    return committed.ok() ? Succeeded() : Failed(committed);
  }

  RunResult Resolve(const absl::Status& lost) {
    watch_.reset();
    log_.reset();
    session_ = {};
    switch (ResolveCommit(options_, spec_.token, migration_.version, xid_, cancellation_)) {
      case CommitOutcome::kCommitted:
        return Succeeded();
      case CommitOutcome::kNotApplied:
        return Failed(lost);
      case CommitOutcome::kUnknown:
        break;
    }
    return {.outcome = RunOutcome::kUnknown, .error = commit_error_};
  }

  absl::Status Close() {
    RETURN_IF_ERROR(Open());
    std::vector<postgres::Value> params = TokenParams(spec_.token, migration_.version);
    params.push_back(postgres::BytesParam(migration_.digest));
    return session().Pipeline({Calls().Add(kClose, params).command()}).status();
  }

  RunResult Succeeded() const {
    return {
        .outcome = RunOutcome::kSucceeded, .committed = migration_.version, .error = std::nullopt};
  }

  RunResult Failed(const absl::Status& status) {
    MigrationError error = commit_error_.has_value() ? *commit_error_
                           : at_.has_value()         ? StatementErrorOf(migration_, *at_, status)
                                                     : RunErrorOf(migration_.version, status);
    return {.outcome = started_ ? RunOutcome::kFailed : RunOutcome::kNotStarted,
            .error = std::move(error)};
  }

  // ---- Small things.

  absl::Status BecomeOwner() {
    if (spec_.settings.owner_role.empty()) return absl::OkStatus();
    return session()
        .Execute("SELECT pg_catalog.set_config('role', $1, false)",
                 {Param(spec_.settings.owner_role)})
        .status();
  }

  absl::Status SetLockTimeout(absl::Duration timeout) {
    return session()
        .Execute("SELECT pg_catalog.set_config('lock_timeout', $1, false)",
                 {Param(TimeoutOf("", timeout).value)})
        .status();
  }

  absl::Duration LockTimeoutOf(const Step& step) const {
    return step.gentle ? migration_.directives.lock_timeout.value_or(absl::ZeroDuration())
                       : lock_timeout();
  }
  absl::Duration lock_timeout() const {
    return migration_.directives.lock_timeout.value_or(spec_.settings.lock_timeout);
  }
  absl::Duration statement_timeout() const {
    return migration_.directives.statement_timeout.value_or(spec_.settings.statement_timeout);
  }

  // Nobody else tells anything meanwhile: the run's thread waits for the statement that is watched.
  void Tell(const Activity& activity) const {
    if (!observer_) return;
    observer_({.version = migration_.version,
               .statement = static_cast<int>(at_.has_value() ? *at_ + 1 : 0),
               .statements = static_cast<int>(migration_.statements.size()),
               .activity = activity.text,
               .percent = activity.percent});
  }
  void Observe(size_t statement) {
    at_ = statement;
    Tell({});
  }

  std::string TextOf(size_t statement) const {
    return std::string(sql::TextOf(migration_.sql, migration_.statements[statement]));
  }
  postgres::ScriptSession& session() { return *session_.session; }

  const RunSpec& spec_;
  const chain::Migration& migration_;
  Cancellation& cancellation_;
  const Observer& observer_;
  const std::vector<Step> steps_;
  MigrationSessionOptions options_;
  MigrationSession session_;
  std::optional<CancelWatch> watch_;  // Of session_, as long as that is there.
  std::optional<StatementLog> log_;   // Likewise.
  std::optional<size_t> at_;          // The statement under way.
  std::string xid_;                   // Of the transaction under way.
  std::optional<MigrationError> commit_error_;
  bool started_ = false;  // A statement may have run.
};

}  // namespace

RunResult ApplyOutsideTransaction(const RunSpec& spec, const chain::Migration& migration,
                                  Cancellation& cancellation, const Observer& observer) {
  return OutsideRunner(spec, migration, cancellation, observer).Run();
}

}  // namespace lockstep::apply
