// A leased run: consecutive transactional migrations, each in its own fenced transaction, on one
// connection; or in groups that share one (run_group.h), where the run says so. Stops at the first
// that fails; those before it stay committed, also those of its group. Or one migration outside of
// a transaction (run_concurrent.h), which is always a run of its own.
//
//   Cancellation cancellation;
//   RunResult result = ApplyRun(spec, cancellation, observer);   // blocks; the worker's thread
//
// Not guaranteed: that the lease is still ours when it returns, or was for a part of the run. Every
// transaction found out for itself.
#ifndef LOCKSTEP_ENGINE_APPLY_RUN_H_
#define LOCKSTEP_ENGINE_APPLY_RUN_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "engine/apply/cancellation.h"
#include "engine/apply/errors.h"
#include "engine/apply/lease.h"
#include "engine/apply/preflight.h"
#include "engine/apply/run_migration.h"
#include "engine/chain/migration.h"

namespace lockstep::apply {

// The protocol's limit on the length of a run.
inline constexpr int kMaxRunLength = 256;

// One migration as it was fetched.
struct RunItem {
  chain::Version version = 0;
  std::string title;
  std::string sql;
  std::string digest;  // Expected; 32 raw bytes.
  // The first version of the group that it shares a transaction with; its own version, or 0, when
  // it shares with none before it. Advice: whatever the database refuses is applied one by one.
  chain::Version group = 0;
  // False when the database says that it cannot run inside a transaction, although its text alone
  // may not show it.
  bool transactional = true;
};

struct RunSpec {
  LeaseToken token;
  std::vector<RunItem> items;  // Consecutive versions; at most kMaxRunLength.
  RunSettings settings;
  std::string conninfo;
  bool allow_superuser = false;
};

enum class RunOutcome {
  kSucceeded,   // Every version is committed.
  kFailed,      // A version was rolled back; `committed` says which ones stay.
  kNotStarted,  // No statement of any file ran.
  kUnknown,     // The connection was lost in a COMMIT and the database could not be asked.
};

struct RunResult {
  RunOutcome outcome = RunOutcome::kNotStarted;
  chain::Version committed = 0;         // The newest committed version of the run; 0 for none.
  std::optional<MigrationError> error;  // Absent for kSucceeded.
};

// Applies the run. Blocks; `cancellation` may be requested from another thread.
RunResult ApplyRun(const RunSpec& spec, Cancellation& cancellation, const Observer& observer);

// Connects and checks whether migrations could be applied at all. Fails as OpenMigrationSession
// does. Blocks. `owner_role` may be empty.
absl::Status ProbeMigrator(const std::string& conninfo, const PreflightOptions& preflight);

}  // namespace lockstep::apply

#endif  // LOCKSTEP_ENGINE_APPLY_RUN_H_
