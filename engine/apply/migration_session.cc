#include "engine/apply/migration_session.h"

#include <utility>

#include "engine/base/status_macros.h"
#include "engine/postgres/errors.h"

namespace lockstep::apply {
namespace {

constexpr int kChecksClientSince = 140000;

absl::Status ApplySettings(postgres::ScriptSession& session, const std::string& application_name) {
  // Files are UTF-8, and the split into statements assumes standard strings. The name is set here
  // too because a connection string may carry another.
  RETURN_IF_ERROR(session
                      .Pipeline({{"SET client_encoding = 'UTF8'"},
                                 {"SET standard_conforming_strings = on"},
                                 {"SELECT pg_catalog.set_config('application_name', $1, false)",
                                  {postgres::Param(application_name)}}})
                      .status());
  if (session.server_version() < kChecksClientSince) return absl::OkStatus();
  // The backend of an agent that died notices within 200 ms instead of finishing its statement
  // first, so a revoke need not wait for it. Some platforms cannot; there the revoke terminates it.
  const absl::Status checked =
      session.Execute("SET client_connection_check_interval = '200ms'").status();
  return postgres::IsConnectionLost(checked) ? checked : absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<postgres::ScriptSession>> OpenMigrationSession(
    const MigrationSessionOptions& options) {
  ASSIGN_OR_RETURN(auto session,
                   postgres::ScriptSession::Open({.conninfo = options.conninfo,
                                                  .application_name = options.application_name}));
  RETURN_IF_ERROR(Preflight(*session, options.preflight));
  RETURN_IF_ERROR(ApplySettings(*session, options.application_name));
  return session;
}

absl::Status ResetMigrationSession(postgres::ScriptSession& session,
                                   const std::string& application_name) {
  RETURN_IF_ERROR(session.Execute("DISCARD ALL").status());
  return ApplySettings(session, application_name);
}

}  // namespace lockstep::apply
