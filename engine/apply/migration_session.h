// The connection of a run, set up: proven fit (preflight.h), with the few settings that every
// migration starts from.
//
//   ASSIGN_OR_RETURN(auto session, OpenMigrationSession(options));
//   ... a migration ...
//   RETURN_IF_ERROR(ResetMigrationSession(*session, options.application_name));
//
// Not guaranteed: a lost connection is not re-opened.
#ifndef LOCKSTEP_ENGINE_APPLY_MIGRATION_SESSION_H_
#define LOCKSTEP_ENGINE_APPLY_MIGRATION_SESSION_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "engine/apply/preflight.h"
#include "engine/postgres/script_session.h"

namespace lockstep::apply {

struct MigrationSessionOptions {
  std::string conninfo;
  std::string application_name;
  PreflightOptions preflight;
};

// Fails as ScriptSession::Open and Preflight do; never shows the password.
absl::StatusOr<std::unique_ptr<postgres::ScriptSession>> OpenMigrationSession(
    const MigrationSessionOptions& options);

// Forgets what the last migration left in the session: settings, temporary tables, prepared
// statements, advisory locks. Must not be called inside a transaction.
absl::Status ResetMigrationSession(postgres::ScriptSession& session,
                                   const std::string& application_name);

}  // namespace lockstep::apply

#endif  // LOCKSTEP_ENGINE_APPLY_MIGRATION_SESSION_H_
