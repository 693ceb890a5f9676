#include "engine/catalog/bootstrap.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "engine/base/digest.h"
#include "engine/base/error_info.h"
#include "engine/base/log.h"
#include "engine/base/status_macros.h"
#include "engine/catalog/embedded.h"
#include "engine/catalog/roles.h"

namespace lockstep::catalog {
namespace {

using postgres::BytesParam;
using postgres::Connection;
using postgres::Param;

// "lockstep" in ASCII, as a number: the same for every version, for ever.
constexpr char kBootstrapLock[] = "SELECT pg_advisory_xact_lock(7813864584466949488)";

// Roles belong to the whole server: another database's bootstrap may be making them now.
constexpr char kCreateRoles[] = R"sql(
DO $$
DECLARE r text;
BEGIN
  FOREACH r IN ARRAY ARRAY['lockstep_owner', 'lockstep_coordinators', 'lockstep_agents', 'lockstep_services'] LOOP
    BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN EXECUTE format('CREATE ROLE %I NOLOGIN', r); END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END;
  END LOOP;
  -- Its functions tell a migration who is in its way; see f13_lock.sql.
  BEGIN
    IF NOT pg_has_role('lockstep_owner', 'pg_read_all_stats', 'MEMBER') THEN GRANT pg_read_all_stats TO lockstep_owner; END IF;
  EXCEPTION WHEN unique_violation OR internal_error THEN NULL;
  END;
  FOREACH r IN ARRAY ARRAY['pg_read_all_stats', 'pg_signal_backend'] LOOP
    BEGIN
      IF NOT pg_has_role('lockstep_coordinators', r, 'MEMBER') THEN EXECUTE format('GRANT %I TO lockstep_coordinators', r); END IF;
    EXCEPTION WHEN unique_violation OR internal_error THEN NULL;
    END;
  END LOOP;
END $$)sql";

// Number of a numbered file, 0 for the others.
int NumberOf(const EmbeddedFile& file) {
  int number = 0;
  return absl::SimpleAtoi(file.name.substr(0, 4), &number) ? number : 0;
}

absl::StatusOr<std::string> OwnerRole(Connection& connection, const std::string& wanted) {
  if (wanted.empty()) {
    ASSIGN_OR_RETURN(const auto owner,
                     connection.Query("SELECT pg_get_userbyid(datdba) FROM pg_database "
                                      "WHERE datname = current_database()"));
    return owner.only().Text(0);
  }
  ASSIGN_OR_RETURN(const auto found,
                   connection.Query("SELECT 1 FROM pg_roles WHERE rolname = $1", {Param(wanted)}));
  if (found.empty()) {
    return base::MakeError(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                           absl::StrCat("there is no role \"", wanted, "\" to run migrations as"),
                           {{"field", "owner_role"}, {"value", wanted}},
                           "create the role, or name the one that owns the application's tables");
  }
  return wanted;
}

absl::Status StoreSetting(Connection& connection, const BootstrapOptions& options, bool created,
                          bool single_role) {
  if (!created) {
    if (!options.owner_role.empty()) {
      RETURN_IF_ERROR(OwnerRole(connection, options.owner_role).status());
    }
    ASSIGN_OR_RETURN(const auto stored,
                     connection.Query("SELECT owner_role, search_path FROM lockstep.setting"));
    const bool same = (options.owner_role.empty() || options.owner_role == stored.only().Text(0)) &&
                      (options.search_path.empty() || options.search_path == stored.only().Text(1));
    // Most coordinators may read the settings only.
    if (same) return absl::OkStatus();
    return connection
        .Query(
            "UPDATE lockstep.setting SET owner_role = coalesce(nullif($1, ''), owner_role), "
            "search_path = coalesce(nullif($2, ''), search_path)",
            {Param(options.owner_role), Param(options.search_path)})
        .status();
  }
  ASSIGN_OR_RETURN(const std::string owner, OwnerRole(connection, options.owner_role));
  return connection
      .Query(
          "INSERT INTO lockstep.setting (owner_role, search_path, single_role) "
          "VALUES ($1, coalesce(nullif($2, ''), 'public'), $3)",
          {Param(owner), Param(options.search_path), Param(single_role)})
      .status();
}

std::string SettingScript(const BootstrapOptions& options, bool single_role) {
  const std::string owner =
      options.owner_role.empty()
          ? "pg_get_userbyid((SELECT datdba FROM pg_database WHERE datname = current_database()))"
          : QuoteLiteral(options.owner_role);
  return absl::StrCat(
      "\nINSERT INTO lockstep.setting (owner_role, search_path, single_role)\nVALUES (", owner,
      ", ", QuoteLiteral(options.search_path.empty() ? "public" : options.search_path), ", ",
      single_role ? "true" : "false", ");\n");
}

absl::Status CreateSchema(Connection& connection, bool superuser) {
  if (!superuser) return connection.RunScript("CREATE SCHEMA lockstep");
  RETURN_IF_ERROR(connection.RunScript(kCreateRoles));
  return connection.RunScript("CREATE SCHEMA lockstep AUTHORIZATION lockstep_owner");
}

absl::Status ApplyFiles(Connection& connection, int version, const BootstrapOptions& options,
                        bool single_role) {
  bool settings_stored = false;
  for (const EmbeddedFile& file : EmbeddedFiles()) {
    const int number = NumberOf(file);
    if (number != 0 && number <= version) continue;
    if (number == 0 && !settings_stored) {
      RETURN_IF_ERROR(StoreSetting(connection, options, version == 0, single_role));
      settings_stored = true;
    }
    RETURN_IF_ERROR(base::Annotate(connection.RunScript(file.text), file.name));
    if (number == 0) continue;
    RETURN_IF_ERROR(
        connection
            .Query("INSERT INTO lockstep.schema_version (number, name, digest) VALUES ($1, $2, $3)",
                   {Param(number), Param(file.name), BytesParam(base::Sha256Of(file.text))})
            .status());
  }
  return absl::OkStatus();
}

// True when functions must be made by lockstep_owner: as superuser we can step into it.
absl::StatusOr<bool> IsSuperuser(Connection& connection) {
  ASSIGN_OR_RETURN(const auto row,
                   connection.Query("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"));
  return row.only().Bool(0);
}

absl::Status BootstrapLocked(Connection& connection, const BootstrapOptions& options) {
  ASSIGN_OR_RETURN(const int version, SchemaVersion(connection));
  RETURN_IF_ERROR(CheckSchemaVersion(version));
  ASSIGN_OR_RETURN(const bool superuser, IsSuperuser(connection));
  if (version == KnownSchemaVersion()) {
    return StoreSetting(connection, options, false, !superuser);
  }
  if (version == 0) RETURN_IF_ERROR(CreateSchema(connection, superuser));
  bool single_role = !superuser;
  if (version > 0) {
    ASSIGN_OR_RETURN(const auto setting,
                     connection.Query("SELECT single_role FROM lockstep.setting"));
    single_role = setting.only().Bool(0);
  }
  if (superuser && !single_role) {
    RETURN_IF_ERROR(connection.RunScript("SET LOCAL ROLE lockstep_owner"));
  }
  RETURN_IF_ERROR(ApplyFiles(connection, version, options, single_role));
  RETURN_IF_ERROR(connection.RunScript("RESET ROLE"));
  base::LogInfo("schema lockstep is ready", {{"version", absl::StrCat(KnownSchemaVersion())},
                                             {"single_role", single_role ? "true" : "false"}});
  return absl::OkStatus();
}

}  // namespace

std::string BootstrapScript(const BootstrapOptions& options, bool single_role) {
  std::string script =
      absl::StrCat("BEGIN;\nSET LOCAL standard_conforming_strings = on;\n", kBootstrapLock, ";\n");
  absl::StrAppend(&script, single_role ? "CREATE SCHEMA lockstep;\n"
                                       : absl::StrCat(kCreateRoles,
                                                      ";\nCREATE SCHEMA lockstep AUTHORIZATION "
                                                      "lockstep_owner;\nSET LOCAL ROLE "
                                                      "lockstep_owner;\n"));
  bool settings_stored = false;
  for (const EmbeddedFile& file : EmbeddedFiles()) {
    const int number = NumberOf(file);
    if (number == 0 && !settings_stored) {
      absl::StrAppend(&script, SettingScript(options, single_role));
      settings_stored = true;
    }
    absl::StrAppend(&script, "\n-- ", file.name, "\n", file.text);
    if (number == 0) continue;
    absl::StrAppend(&script, "INSERT INTO lockstep.schema_version (number, name, digest)\nVALUES (",
                    number, ", ", QuoteLiteral(file.name), ", '\\x",
                    base::ToHex(base::Sha256Of(file.text)), "');\n");
  }
  return absl::StrCat(script, "\nRESET ROLE;\nCOMMIT;\n");
}

int KnownSchemaVersion() {
  int newest = 0;
  for (const EmbeddedFile& file : EmbeddedFiles()) newest = std::max(newest, NumberOf(file));
  return newest;
}

absl::Status CheckSchemaVersion(int version) {
  if (version <= KnownSchemaVersion()) return absl::OkStatus();
  return base::MakeError(
      absl::StatusCode::kFailedPrecondition, "SCHEMA_TOO_NEW",
      absl::StrCat("schema lockstep is at ", version, ", this program knows ",
                   KnownSchemaVersion()),
      {{"schema", absl::StrCat(version)}, {"known", absl::StrCat(KnownSchemaVersion())}},
      "run a lockstep at least as new as the one that made the schema");
}

absl::StatusOr<int> SchemaVersion(Connection& connection) {
  ASSIGN_OR_RETURN(const auto exists,
                   connection.Query("SELECT to_regclass('lockstep.schema_version') IS NOT NULL"));
  if (!exists.only().Bool(0)) return 0;
  ASSIGN_OR_RETURN(
      const auto row,
      connection.Query("SELECT coalesce(max(number), 0) FROM lockstep.schema_version"));
  return row.only().Int(0);
}

absl::Status Bootstrap(Connection& connection, const BootstrapOptions& options) {
  if (connection.server_version() < kMinServerVersion) {
    return base::MakeError(absl::StatusCode::kFailedPrecondition, "SERVER_TOO_OLD",
                           absl::StrCat("PostgreSQL ", connection.server_version() / 10000,
                                        " is too old, lockstep needs 13 or newer"),
                           {{"server_version", absl::StrCat(connection.server_version())}},
                           "upgrade the server");
  }
  return connection.InTransaction([&] {
    RETURN_IF_ERROR(connection.RunScript(
        absl::StrCat("SET LOCAL lock_timeout = '", kBootstrapTimeoutSeconds,
                     "s'; SET LOCAL statement_timeout = '", kBootstrapTimeoutSeconds, "s'")));
    RETURN_IF_ERROR(connection.Query(kBootstrapLock).status());
    return BootstrapLocked(connection, options);
  });
}

}  // namespace lockstep::catalog
