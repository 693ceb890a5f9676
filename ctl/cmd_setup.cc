#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"

#include "ctl/commands.h"
#include "ctl/database_flag.h"
#include "ctl/errors.h"
#include "ctl/sanitize.h"
#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"
#include "engine/catalog/bootstrap.h"
#include "engine/catalog/roles.h"
#include "engine/postgres/connection.h"

namespace lockstep::ctl {
namespace {

using postgres::Connection;
using postgres::Param;

struct Server {
  std::string database;
  std::string role;
  bool superuser = false;
};

struct SetupResult {
  Server server;
  int schema_before = 0;
  std::string owner;
  bool single_role = false;
  std::vector<std::string> created;  // Roles.
};

absl::StatusOr<Server> Ask(Connection& connection) {
  ASSIGN_OR_RETURN(const auto result,
                   connection.Query("SELECT current_database(), current_user, rolsuper "
                                    "FROM pg_catalog.pg_roles WHERE rolname = current_user"));
  const postgres::Row& row = result.only();
  return Server{.database = row.Text(0), .role = row.Text(1), .superuser = row.Bool(2)};
}

std::vector<std::string> AllRoles(const catalog::RolesSpec& spec) {
  std::vector<std::string> roles;
  if (!spec.owner.empty()) roles.push_back(spec.owner);
  for (const auto* some : {&spec.migrators, &spec.agents, &spec.coordinators}) {
    roles.insert(roles.end(), some->begin(), some->end());
  }
  return roles;
}

absl::StatusOr<std::vector<std::string>> Missing(Connection& connection,
                                                 const catalog::RolesSpec& spec) {
  ASSIGN_OR_RETURN(
      const auto result,
      connection.Query("SELECT DISTINCT wanted FROM unnest($1::pg_catalog.text[]) AS wanted "
                       "WHERE wanted NOT IN (SELECT rolname FROM pg_catalog.pg_roles) ORDER BY 1",
                       {postgres::TextArrayParam(AllRoles(spec))}));
  std::vector<std::string> missing;
  for (const postgres::Row& row : result.rows) missing.push_back(row.Text(0));
  return missing;
}

absl::Status RunAll(Connection& connection, const std::vector<std::string>& statements,
                    absl::string_view hint) {
  return connection.InTransaction([&] {
    for (const std::string& statement : statements) {
      const absl::Status status = connection.Query(statement).status();
      if (!absl::IsPermissionDenied(status)) {
        RETURN_IF_ERROR(status);
        continue;
      }
      base::ErrorInfo info = base::GetErrorInfo(status).value_or(base::ErrorInfo{});
      info.hint = std::string(hint);
      return base::MakeError(status.code(), status.message(), std::move(info));
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<SetupResult> SetUp(Connection& connection, catalog::RolesSpec spec,
                                  const std::string& search_path) {
  SetupResult result;
  ASSIGN_OR_RETURN(result.server, Ask(connection));
  ASSIGN_OR_RETURN(result.schema_before, catalog::SchemaVersion(connection));
  ASSIGN_OR_RETURN(result.created, Missing(connection, spec));
  if (!result.created.empty()) {
    RETURN_IF_ERROR(
        RunAll(connection, catalog::CreateRoleStatements(spec),
               "create the missing roles as somebody who may, or connect as a superuser"));
  }
  RETURN_IF_ERROR(
      catalog::Bootstrap(connection, {.owner_role = spec.owner, .search_path = search_path}));
  ASSIGN_OR_RETURN(const auto setting,
                   connection.Query("SELECT owner_role, single_role FROM lockstep.setting"));
  result.owner = setting.only().Text(0);
  result.single_role = setting.only().Bool(1);
  spec.owner = result.owner;
  RETURN_IF_ERROR(RunAll(connection, catalog::GrantStatements(spec, result.single_role),
                         "the schema is ready; let the rest be granted by somebody who may: "
                         "`lockstep setup --print` shows it"));
  return result;
}

std::string Script(const catalog::RolesSpec& spec, const std::string& search_path,
                   bool single_role) {
  const auto lines = [](const std::vector<std::string>& statements) {
    return statements.empty() ? "" : absl::StrJoin(statements, ";\n") + ";\n";
  };
  return absl::StrCat("-- Schema lockstep ", catalog::KnownSchemaVersion(),
                      ", for psql -v ON_ERROR_STOP=1 as ",
                      single_role ? "the role that will own it" : "a superuser",
                      ", on a database without it.\n", lines(catalog::CreateRoleStatements(spec)),
                      catalog::BootstrapScript({spec.owner, search_path}, single_role), "\n",
                      lines(catalog::GrantStatements(spec, single_role)));
}

absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& database) {
  return Connection::Open({.conninfo = database, .application_name = "lockstep-setup"});
}

absl::StatusOr<int> Print(Context& context, const std::string& database,
                          const catalog::RolesSpec& spec, const std::string& search_path) {
  bool single_role = false;
  if (!database.empty()) {
    ASSIGN_OR_RETURN(const auto connection, Open(database));
    ASSIGN_OR_RETURN(const Server server, Ask(*connection));
    single_role = !server.superuser;
  }
  context.console.Data(Script(spec, search_path, single_role));
  return kExitDone;
}

std::string ToJson(const SetupResult& result, const catalog::RolesSpec& spec) {
  const nlohmann::ordered_json document = {
      {"database", result.server.database},
      {"schema", {{"before", result.schema_before}, {"now", catalog::KnownSchemaVersion()}}},
      {"singleRole", result.single_role},
      {"ownerRole", result.owner},
      {"createdRoles", result.created},
      {"migrators", spec.migrators},
      {"agents", spec.agents},
      {"coordinators", spec.coordinators}};
  return document.dump(2, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string ToText(const SetupResult& result, const catalog::RolesSpec& spec) {
  const int known = catalog::KnownSchemaVersion();
  std::vector<std::string> lines;
  lines.push_back(absl::StrCat("database ", result.server.database, ": schema lockstep ",
                               result.schema_before == 0 ? absl::StrCat("created, version ", known)
                               : result.schema_before == known
                                   ? absl::StrCat("is up to date, version ", known)
                                   : absl::StrCat("upgraded to version ", known)));
  lines.push_back(
      result.single_role
          ? absl::StrCat(
                "single-role mode: lockstep's own roles could not be created, so all of it "
                "belongs to ",
                result.server.role, ", and whoever has that role can forge history")
          : "roles lockstep_owner, lockstep_coordinators, lockstep_agents, lockstep_services");
  lines.push_back(absl::StrCat("migrations run as ", result.owner));
  for (const std::string& role : result.created) {
    lines.push_back(absl::StrCat(
        "created role ", role,
        role == result.owner ? ", nobody logs in as it" : ", which has no password yet"));
  }
  const auto add = [&lines](const std::vector<std::string>& roles, absl::string_view what) {
    if (!roles.empty()) lines.push_back(absl::StrCat(absl::StrJoin(roles, ", "), " ", what));
  };
  add(spec.migrators, "may migrate");
  add(spec.agents, "may call lockstep's functions for agents");
  if (!result.single_role) add(spec.coordinators, "may lead");
  std::string text;
  for (const std::string& line : lines) absl::StrAppend(&text, Sanitize(line), "\n");
  return text;
}

}  // namespace

absl::StatusOr<int> RunSetup(Context& context, const Arguments& arguments) {
  const catalog::RolesSpec spec = {.owner = arguments.Text("--owner-role"),
                                   .migrators = arguments.Texts("--migrator"),
                                   .agents = arguments.Texts("--agent"),
                                   .coordinators = arguments.Texts("--coordinator")};
  const std::string search_path = arguments.Text("--search-path");
  if (arguments.Has("--print")) {
    ASSIGN_OR_RETURN(const std::string database, FindDatabase(arguments));
    return Print(context, database, spec, search_path);
  }
  ASSIGN_OR_RETURN(const std::string database, RequireDatabase(arguments));
  ASSIGN_OR_RETURN(const auto connection, Open(database));
  ASSIGN_OR_RETURN(const SetupResult result, SetUp(*connection, spec, search_path));
  if (context.flags.json) {
    context.console.Data(ToJson(result, spec));
    return kExitDone;
  }
  context.console.Data(ToText(result, spec));
  if (result.single_role && !spec.coordinators.empty()) {
    context.console.Say(absl::StrCat("note: in single-role mode coordinators connect as ",
                                     Sanitize(result.server.role)));
  }
  context.console.Say("check a migrator's connection with `lockstep doctor --database URL`");
  return kExitDone;
}

}  // namespace lockstep::ctl
