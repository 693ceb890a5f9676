#include "engine/apply/migration_session.h"

#include <utility>
#include <vector>

#include "engine/base/failpoint.h"
#include "engine/base/status_macros.h"
#include "engine/postgres/errors.h"

namespace lockstep::apply {
namespace {

using postgres::Command;

constexpr int kChecksClientSince = 140000;

// What DISCARD ALL does, in its order, but for DISCARD PLANS: the plans of lockstep's own functions
// are valid after a migration as after any other DDL (PostgreSQL invalidates what it must), and
// making them anew for each file costs more than the rest of the fence. DISCARD ALL could not be
// sent in a pipeline either. The locks are given up together with the settings.
std::vector<Command> DiscardButPlans() {
  return {{"CLOSE ALL"},        {"SET SESSION AUTHORIZATION DEFAULT"},
          {"RESET ALL"},        {"DEALLOCATE ALL"},
          {"UNLISTEN *"},       {"DISCARD TEMP"},
          {"DISCARD SEQUENCES"}};
}

// Files are UTF-8, and the split into statements assumes standard strings. The name is set here too
// because a connection string may carry another.
Command GiveUpLocksAndSet(const std::string& application_name, const char* check_interval) {
  Command command{
      "SELECT pg_catalog.pg_advisory_unlock_all(),"
      " pg_catalog.set_config('client_encoding', 'UTF8', false),"
      " pg_catalog.set_config('standard_conforming_strings', 'on', false),"
      " pg_catalog.set_config('application_name', $1, false)",
      {postgres::Param(application_name)}};
  if (check_interval != nullptr) {
    command.sql += ", pg_catalog.set_config('client_connection_check_interval', $2, false)";
    command.params.push_back(postgres::Param(check_interval));
  }
  return command;
}

// Returns the command that the server took. The backend of an agent that died notices within 200 ms
// instead of finishing its statement first, so a revoke need not wait for it. Some platforms
// cannot; there the revoke terminates it.
absl::StatusOr<Command> ApplySettings(postgres::ScriptSession& session,
                                      const MigrationSessionOptions& options) {
  if (session.server_version() >= kChecksClientSince) {
    const Command command =
        GiveUpLocksAndSet(options.application_name, options.outlives_client ? "0" : "200ms");
    const absl::Status status = session.Execute(command.sql, command.params).status();
    if (status.ok()) return command;
    if (postgres::IsConnectionLost(status)) return status;
  }
  const Command command = GiveUpLocksAndSet(options.application_name, nullptr);
  RETURN_IF_ERROR(session.Execute(command.sql, command.params).status());
  return command;
}

}  // namespace

absl::StatusOr<MigrationSession> OpenMigrationSession(const MigrationSessionOptions& options) {
  LOCKSTEP_FAILPOINT("agent.before_connect", base::kNoSocket);
  MigrationSession opened{.reset = DiscardButPlans()};
  ASSIGN_OR_RETURN(opened.session,
                   postgres::ScriptSession::Open({.conninfo = options.conninfo,
                                                  .application_name = options.application_name}));
  RETURN_IF_ERROR(Preflight(*opened.session, options.preflight));
  ASSIGN_OR_RETURN(Command settings, ApplySettings(*opened.session, options));
  settings.then = postgres::Then::kSync;
  opened.reset.push_back(std::move(settings));
  return opened;
}

}  // namespace lockstep::apply
