#include "engine/apply/run.h"

#include <optional>
#include <span>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "engine/apply/lock_look.h"
#include "engine/apply/lock_watch.h"
#include "engine/apply/migration_session.h"
#include "engine/apply/outcome.h"
#include "engine/apply/run_concurrent.h"
#include "engine/apply/run_group.h"
#include "engine/base/error_info.h"
#include "engine/base/log.h"
#include "engine/base/mutex.h"
#include "engine/base/status_macros.h"
#include "engine/postgres/errors.h"

namespace lockstep::apply {
namespace {

using postgres::Command;

constexpr char kProbeName[] = "lockstep:probe";
constexpr char kLockWatchName[] = "lockstep:watch";

// Reads what was fetched and checks that it is what was leased: consecutive, and with the digests
// under which it was published.
absl::StatusOr<std::vector<chain::Migration>> ReadItems(const RunSpec& spec) {
  LOCKSTEP_CHECK(!spec.items.empty() && spec.items.size() <= kMaxRunLength);
  std::vector<chain::Migration> migrations;
  for (const RunItem& item : spec.items) {
    LOCKSTEP_CHECK(migrations.empty() || item.version == migrations.back().version + 1);
    const std::string file = absl::StrFormat("%03d_%s.sql", item.version, item.title);
    ASSIGN_OR_RETURN(chain::Migration migration, chain::ReadMigration(file, item.sql));
    if (migration.digest != item.digest) {
      return base::MakeError(
          absl::StatusCode::kFailedPrecondition, "DIGEST_MISMATCH",
          absl::StrCat(file, " as fetched is not what was published under its digest"),
          {{"file", file}}, "run the same release of lockstep in agents and coordinators");
    }
    migrations.push_back(std::move(migration));
  }
  return migrations;
}

// A file that cannot be read any more carries its line and column as metadata.
MigrationError ReadErrorOf(chain::Version version, const absl::Status& status) {
  MigrationError error = RunErrorOf(version, status);
  if (!absl::SimpleAtoi(base::MetadataOf(status, "line"), &error.line)) error.line = 0;
  if (!absl::SimpleAtoi(base::MetadataOf(status, "column"), &error.column)) error.column = 0;
  return error;
}

// What the observer hears, from the thread that runs and from the one that looks who is in its way.
class Reporter {
 public:
  explicit Reporter(const Observer& observer) : observer_(observer) {}

  void Step(const Progress& progress) {
    base::MutexLock lock(mu_);
    last_ = progress;
    observer_(last_);
  }
  void Wait(const std::optional<postgres::LockWait>& wait) {
    base::MutexLock lock(mu_);
    last_.lock = wait;
    observer_(last_);
  }
  // Before its first statement: what is waited for is waited for by this one.
  void Begin(chain::Version version, chain::Version committed) {
    base::MutexLock lock(mu_);
    last_ = {.version = version, .committed = committed};
  }

 private:
  const Observer& observer_;
  base::Mutex mu_;
  Progress last_ ABSL_GUARDED_BY(mu_);
};

class Runner {
 public:
  Runner(const RunSpec& spec, Cancellation& cancellation, const Observer& observer)
      : spec_(spec), cancellation_(cancellation), reporter_(observer) {
    if (observer) {
      observer_ = [this](const Progress& progress) {
        reporter_.Step(progress);
        if (lock_watch_.has_value()) lock_watch_->Turn();
      };
    }
    options_ = {.conninfo = spec.conninfo,
                .application_name = ApplicationNameOf(spec.token),
                .preflight = {.owner_role = spec.settings.owner_role,
                              .allow_superuser = spec.allow_superuser}};
  }

  RunResult Run() {
    const absl::StatusOr<std::vector<chain::Migration>> migrations = ReadItems(spec_);
    if (!migrations.ok()) {
      return End(RunOutcome::kNotStarted,
                 ReadErrorOf(spec_.items.front().version, migrations.status()));
    }
    if (migrations->size() == 1 &&
        !(migrations->front().transactional && spec_.items.front().transactional)) {
      return ApplyOutsideTransaction(spec_, migrations->front(), cancellation_, observer_);
    }
    for (size_t at = 0; at < migrations->size();) {
      const std::span<const chain::Migration> together =
          std::span(*migrations).subspan(at, GroupSizeAt(at));
      if (absl::Status ready = MakeReady(); !ready.ok()) return NotReady(together[0], ready);
      const MigrationResult result = RunTogether(together);
      if (result.outcome == MigrationOutcome::kCommitted) {
        committed_ = together.back().version;
        at += together.size();
      } else if (together.size() == 1 || EndsRun(*result.error)) {
        return Stop(together[0], result);
      } else {
        TakeApart(at, together, *result.error);
      }
    }
    return {.outcome = RunOutcome::kSucceeded, .committed = committed_, .error = std::nullopt};
  }

 private:
  // A fresh connection for the first migration and after a lost one.
  absl::Status MakeReady() {
    if (cancellation_.requested()) return CancelledError(cancellation_.why());
    used_ = session_.session != nullptr;
    if (used_) return absl::OkStatus();
    ASSIGN_OR_RETURN(session_, OpenMigrationSession(options_));
    watch_.emplace(cancellation_, *session_.session);
    lock_watch_.emplace(LockWatchOptions{.conninfo = spec_.conninfo,
                                         .application_name = kLockWatchName,
                                         .pid = session_.session->announced_backend_pid()},
                        [this](const auto& wait) { Waits(wait); });
    return absl::OkStatus();
  }

  void Waits(const std::optional<postgres::LockWait>& wait) {
    if (observer_) reporter_.Wait(wait);
  }

  void GiveUpSession() {
    lock_watch_.reset();
    watch_.reset();
    session_ = {};
  }

  RunResult NotReady(const chain::Migration& migration, const absl::Status& status) {
    MigrationError error = RunErrorOf(migration.version, status);
    // A server that is away or full is away for every agent, and comes back.
    error.agent_unfit = !error.retryable;
    return End(committed_ == 0 ? RunOutcome::kNotStarted : RunOutcome::kFailed, std::move(error));
  }

  // How many migrations from index `at` on share a transaction; 1 when it is alone.
  size_t GroupSizeAt(size_t at) const {
    size_t end = at + 1;
    if (at < apart_until_) return 1;
    const chain::Version first = spec_.items[at].version;
    while (end < spec_.items.size() && spec_.items[end].group == first) ++end;
    return end - at;
  }

  // Nothing that applying the group's migrations one by one would change.
  static bool EndsRun(const MigrationError& error) {
    return error.reason == "FENCED" || error.reason == "CANCELLED" ||
           error.reason == "COMMIT_IN_DOUBT";
  }

  // After the group at index `at` failed: its migrations run one by one from here on, so that those
  // before a failure are committed, and the failure is told with its statement. A database that was
  // served meanwhile takes no group at all.
  void TakeApart(size_t at, std::span<const chain::Migration> group, const MigrationError& error) {
    apart_until_ = error.reason == "GATE_CLOSED" ? spec_.items.size() : at + group.size();
    if (!session_.session->usable()) GiveUpSession();
    base::LogInfo("a group was rolled back, its migrations follow one by one",
                  {{"first", absl::StrCat(group.front().version)},
                   {"last", absl::StrCat(group.back().version)},
                   {"reason", error.reason},
                   {"error", error.message}});
  }

  // Includes finding out what became of a COMMIT whose connection was lost: of a group the last
  // history row tells, as all of them were to be committed together.
  MigrationResult RunTogether(std::span<const chain::Migration> together) {
    if (together.size() == 1) LookAround(together[0]);
    const MigrationContext context = {.token = spec_.token,
                                      .settings = spec_.settings,
                                      .cancellation = cancellation_,
                                      .watch = *watch_,
                                      .observer = observer_,
                                      .committed = committed_,
                                      .reset = used_ ? session_.reset : std::span<const Command>()};
    lock_watch_->Arm();
    MigrationResult result = together.size() == 1
                                 ? RunMigration(*session_.session, together[0], context)
                                 : RunGroup(*session_.session, together, context);
    const std::optional<postgres::LockWait> seen = lock_watch_->Disarm();
    if (result.error.has_value() && IsAboutLocks(*result.error)) {
      result.error->lock = seen.has_value() ? seen : LookBack(together[0]);
    }
    if (result.outcome != MigrationOutcome::kInDoubt) return result;
    GiveUpSession();
    switch (
        ResolveCommit(options_, spec_.token, together.back().version, result.xid, cancellation_)) {
      case CommitOutcome::kCommitted:
        base::LogInfo("commit in doubt was committed",
                      {{"version", absl::StrCat(together.back().version)}});
        result.outcome = MigrationOutcome::kCommitted;
        break;
      case CommitOutcome::kNotApplied:
        result.outcome = MigrationOutcome::kRolledBack;
        result.error->retryable = true;
        break;
      case CommitOutcome::kUnknown:
        break;
    }
    return result;
  }

  // Who is in the way of `migration`, which has just failed, when its wait was too short to be
  // seen.
  std::optional<postgres::LockWait> LookBack(const chain::Migration& migration) {
    if (!session_.session->usable()) return std::nullopt;
    if (!session_.session->Pipeline(session_.reset).ok()) return std::nullopt;
    return LockLook::HoldersNow(*session_.session, migration, spec_.settings.search_path);
  }

  // Gives transactions that have held a lock of `migration` for long a moment to end.
  void LookAround(const chain::Migration& migration) {
    reporter_.Begin(migration.version, committed_);
    if (!look_.IsDue()) return;
    if (used_) {
      if (!session_.session->Pipeline(session_.reset).ok()) return;
      used_ = false;
    }
    look_.WaitForOldHolders(*session_.session, migration, spec_.settings.search_path, cancellation_,
                            [this](const auto& wait) { Waits(wait); });
  }

  RunResult Stop(const chain::Migration& migration, const MigrationResult& result) {
    switch (result.outcome) {
      case MigrationOutcome::kNotOpened:
        if (migration.version == spec_.items.front().version) {
          return End(RunOutcome::kNotStarted, *result.error);
        }
        return End(RunOutcome::kFailed, *result.error);
      case MigrationOutcome::kInDoubt:
        return End(RunOutcome::kUnknown, *result.error);
      default:
        return End(RunOutcome::kFailed, *result.error);
    }
  }

  RunResult End(RunOutcome outcome, MigrationError error) {
    return {.outcome = outcome, .committed = committed_, .error = std::move(error)};
  }

  const RunSpec& spec_;
  Cancellation& cancellation_;
  Reporter reporter_;
  Observer observer_;  // Empty when nobody listens.
  LockLook look_;
  MigrationSessionOptions options_;
  MigrationSession session_;
  std::optional<CancelWatch> watch_;     // Of session_, as long as that is there.
  std::optional<LockWatch> lock_watch_;  // Likewise.
  bool used_ = false;                    // A migration ran on it before this one.
  chain::Version committed_ = 0;
  size_t apart_until_ = 0;  // Items before this index share no transaction.
};

}  // namespace

RunResult ApplyRun(const RunSpec& spec, Cancellation& cancellation, const Observer& observer) {
  return Runner(spec, cancellation, observer).Run();
}

absl::Status ProbeMigrator(const std::string& conninfo, const PreflightOptions& preflight) {
  return OpenMigrationSession(
             {.conninfo = conninfo, .application_name = kProbeName, .preflight = preflight})
      .status();
}

}  // namespace lockstep::apply
