// Creates schema `lockstep` in the database it governs, or brings it up to what this binary knows.
//
// Safe to call from any number of processes at once: the work is one transaction behind an advisory
// lock (IF NOT EXISTS alone fails under a race). Where the connecting role is a superuser, the
// schema belongs to lockstep_owner, a role nobody logs in as, and the groups lockstep_coordinators,
// lockstep_agents and lockstep_services carry the rights. Otherwise everything belongs to the
// connecting role ("single-role mode"), which is fine for development and weaker: whoever has that
// role can forge history.
#ifndef LOCKSTEP_ENGINE_CATALOG_BOOTSTRAP_H_
#define LOCKSTEP_ENGINE_CATALOG_BOOTSTRAP_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "engine/postgres/connection.h"

namespace lockstep::catalog {

// Lowest server this works on: pg_current_xact_id and pg_xact_status.
inline constexpr int kMinServerVersion = 130000;

struct BootstrapOptions {
  // The role migrations run as; empty: the owner of the database. Used when the schema is created,
  // and stored anew when not empty.
  std::string owner_role;
  // search_path of migrations; empty: "public". The same rule.
  std::string search_path;
};

// FAILED_PRECONDITION: SERVER_TOO_OLD below PostgreSQL 13, SCHEMA_TOO_NEW when a newer lockstep
// made the schema. PERMISSION_DENIED when the role may not create it. INVALID_ARGUMENT
// (INVALID_FIELD) when owner_role does not exist. Blocks; at most kBootstrapTimeout for another one
// that is under way.
inline constexpr int kBootstrapTimeoutSeconds = 30;
absl::Status Bootstrap(postgres::Connection& connection, const BootstrapOptions& options);

// What Bootstrap does to a database without schema lockstep, as a script for psql and a superuser;
// with `single_role`, for the role that will own everything. Fails when the schema is there.
std::string BootstrapScript(const BootstrapOptions& options, bool single_role);

// OK up to the newest number this binary knows, else FAILED_PRECONDITION (SCHEMA_TOO_NEW).
absl::Status CheckSchemaVersion(int version);

// The number of the newest schema file in this binary.
int KnownSchemaVersion();

// The number in the database; 0 when there is no schema lockstep.
absl::StatusOr<int> SchemaVersion(postgres::Connection& connection);

}  // namespace lockstep::catalog

#endif  // LOCKSTEP_ENGINE_CATALOG_BOOTSTRAP_H_
