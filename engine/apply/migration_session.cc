#include "engine/apply/migration_session.h"

#include <utility>
#include <vector>

#include "engine/base/status_macros.h"
#include "engine/postgres/errors.h"

namespace lockstep::apply {
namespace {

constexpr int kChecksClientSince = 140000;

// What DISCARD ALL does, in its order, but for DISCARD PLANS: the plans of lockstep's own functions
// are valid after a migration as after any other DDL (PostgreSQL invalidates what it must), and
// making them anew for each file costs more than the rest of the fence. DISCARD ALL could not be
// sent in a pipeline either.
const std::vector<postgres::Command>& DiscardButPlans() {
  static const auto* const commands = new std::vector<postgres::Command>{
      {"CLOSE ALL"},    {"SET SESSION AUTHORIZATION DEFAULT"},
      {"RESET ALL"},    {"DEALLOCATE ALL"},
      {"UNLISTEN *"},   {"SELECT pg_catalog.pg_advisory_unlock_all()"},
      {"DISCARD TEMP"}, {"DISCARD SEQUENCES"}};
  return *commands;
}

// In one round trip with what is to be done `before`.
absl::Status ApplySettings(postgres::ScriptSession& session, const std::string& application_name,
                           std::vector<postgres::Command> before) {
  // Files are UTF-8, and the split into statements assumes standard strings. The name is set here
  // too because a connection string may carry another.
  before.push_back({"SET client_encoding = 'UTF8'"});
  before.push_back({"SET standard_conforming_strings = on"});
  before.push_back({"SELECT pg_catalog.set_config('application_name', $1, false)",
                    {postgres::Param(application_name)}});
  if (session.server_version() >= kChecksClientSince) {
    // The backend of an agent that died notices within 200 ms instead of finishing its statement
    // first, so a revoke need not wait for it. Some platforms cannot; there the revoke terminates
    // it. What fails in a pipeline undoes all of it.
    std::vector<postgres::Command> all = before;
    all.push_back({"SET client_connection_check_interval = '200ms'"});
    const absl::Status status = session.Pipeline(all).status();
    if (status.ok() || postgres::IsConnectionLost(status)) return status;
  }
  return session.Pipeline(before).status();
}

}  // namespace

absl::StatusOr<std::unique_ptr<postgres::ScriptSession>> OpenMigrationSession(
    const MigrationSessionOptions& options) {
  ASSIGN_OR_RETURN(auto session,
                   postgres::ScriptSession::Open({.conninfo = options.conninfo,
                                                  .application_name = options.application_name}));
  RETURN_IF_ERROR(Preflight(*session, options.preflight));
  RETURN_IF_ERROR(ApplySettings(*session, options.application_name, {}));
  return session;
}

absl::Status ResetMigrationSession(postgres::ScriptSession& session,
                                   const std::string& application_name) {
  return ApplySettings(session, application_name, DiscardButPlans());
}

}  // namespace lockstep::apply
