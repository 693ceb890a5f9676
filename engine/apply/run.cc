#include "engine/apply/run.h"

#include <span>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "engine/apply/migration_session.h"
#include "engine/apply/outcome.h"
#include "engine/base/error_info.h"
#include "engine/base/log.h"
#include "engine/base/status_macros.h"
#include "engine/postgres/errors.h"

namespace lockstep::apply {
namespace {

using postgres::Command;

constexpr char kProbeName[] = "lockstep:probe";

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

class Runner {
 public:
  Runner(const RunSpec& spec, Cancellation& cancellation, const Observer& observer)
      : spec_(spec), cancellation_(cancellation), observer_(observer) {
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
    for (const chain::Migration& migration : *migrations) {
      if (absl::Status ready = MakeReady(); !ready.ok()) return NotReady(migration, ready);
      const MigrationResult result = RunOne(migration);
      if (result.outcome != MigrationOutcome::kCommitted) return Stop(migration, result);
      committed_ = migration.version;
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
    return absl::OkStatus();
  }

  RunResult NotReady(const chain::Migration& migration, const absl::Status& status) {
    MigrationError error = RunErrorOf(migration.version, status);
    // A server that is away or full is away for every agent, and comes back.
    error.agent_unfit = !error.retryable;
    return End(committed_ == 0 ? RunOutcome::kNotStarted : RunOutcome::kFailed, std::move(error));
  }

  // Includes finding out what became of a COMMIT whose connection was lost.
  MigrationResult RunOne(const chain::Migration& migration) {
    MigrationResult result;
    {
      CancelWatch watch(cancellation_, *session_.session);
      result = RunMigration(*session_.session, migration,
                            {.token = spec_.token,
                             .settings = spec_.settings,
                             .cancellation = cancellation_,
                             .watch = watch,
                             .observer = observer_,
                             .committed = committed_,
                             .reset = used_ ? session_.reset : std::span<const Command>()});
    }
    if (result.outcome != MigrationOutcome::kInDoubt) return result;
    session_ = {};
    switch (ResolveCommit(options_, spec_.token, migration.version, result.xid, cancellation_)) {
      case CommitOutcome::kCommitted:
        base::LogInfo("commit in doubt was committed",
                      {{"version", absl::StrCat(migration.version)}});
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
  const Observer& observer_;
  MigrationSessionOptions options_;
  MigrationSession session_;
  bool used_ = false;  // A migration ran on it before this one.
  chain::Version committed_ = 0;
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
