// The roles around schema lockstep: who owns the application's objects, who migrates, who leads.
// Statements are text, so that what is run and what is printed for somebody else to run are the
// same. All of them may be repeated. Pure functions.
#ifndef LOCKSTEP_ENGINE_CATALOG_ROLES_H_
#define LOCKSTEP_ENGINE_CATALOG_ROLES_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace lockstep::catalog {

struct RolesSpec {
  std::string owner;                      // Migrations run as it.
  std::vector<std::string> migrators;     // Agents that apply migrations connect as these.
  std::vector<std::string> agents;        // May run lockstep's functions, but not as the owner.
  std::vector<std::string> coordinators;  // Coordinators connect as these; not in single-role mode.
};

// Before the schema is made: creates the roles that are missing, the owner without login, the
// others with one and without a password.
std::vector<std::string> CreateRoleStatements(const RolesSpec& spec);

// After it: lets the owner create in schema public, the migrators act as the owner, and each role
// call what it needs: through the groups, or in single-role mode directly.
std::vector<std::string> GrantStatements(const RolesSpec& spec, bool single_role);

// In double and in single quotes.
std::string QuoteName(absl::string_view name);
std::string QuoteLiteral(absl::string_view text);

}  // namespace lockstep::catalog

#endif  // LOCKSTEP_ENGINE_CATALOG_ROLES_H_
