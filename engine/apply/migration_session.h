// The connection of a run, set up: proven fit (preflight.h), with the few settings that every
// migration starts from.
//
//   ASSIGN_OR_RETURN(MigrationSession session, OpenMigrationSession(options));
//   ... a migration ...
//   ... session.reset, in one round trip with the next migration ...
//
// Not guaranteed: a lost connection is not re-opened.
#ifndef LOCKSTEP_ENGINE_APPLY_MIGRATION_SESSION_H_
#define LOCKSTEP_ENGINE_APPLY_MIGRATION_SESSION_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "engine/apply/preflight.h"
#include "engine/postgres/script_session.h"

namespace lockstep::apply {

struct MigrationSessionOptions {
  std::string conninfo;
  std::string application_name;
  PreflightOptions preflight;
  // The backend goes on with its statement when this process has died (run_concurrent.h).
  bool outlives_client = false;
};

struct MigrationSession {
  std::unique_ptr<postgres::ScriptSession> session;
  // Forgets what the last migration left in the session: settings, temporary tables, prepared
  // statements, advisory locks. Outside of a transaction; ends with the end of a part.
  std::vector<postgres::Command> reset;
};

// Fails as ScriptSession::Open and Preflight do; never shows the password.
absl::StatusOr<MigrationSession> OpenMigrationSession(const MigrationSessionOptions& options);

}  // namespace lockstep::apply

#endif  // LOCKSTEP_ENGINE_APPLY_MIGRATION_SESSION_H_
