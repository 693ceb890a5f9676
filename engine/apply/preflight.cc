#include "engine/apply/preflight.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"

namespace lockstep::apply {
namespace {

using absl::StatusCode;
using base::MakeError;
using postgres::Param;
using postgres::Result;
using postgres::ScriptSession;

// Nothing here changes what a statement means, who runs it, which triggers fire or how isolated it
// is. Kept in alphabetical order.
constexpr std::array<absl::string_view, 44> kHarmless = {"application_name",
                                                         "bytea_output",
                                                         "client_connection_check_interval",
                                                         "client_encoding",
                                                         "client_min_messages",
                                                         "constraint_exclusion",
                                                         "cpu_tuple_cost",
                                                         "datestyle",
                                                         "deadlock_timeout",
                                                         "default_statistics_target",
                                                         "default_tablespace",
                                                         "default_text_search_config",
                                                         "default_toast_compression",
                                                         "effective_cache_size",
                                                         "effective_io_concurrency",
                                                         "extra_float_digits",
                                                         "from_collapse_limit",
                                                         "hash_mem_multiplier",
                                                         "idle_in_transaction_session_timeout",
                                                         "idle_session_timeout",
                                                         "intervalstyle",
                                                         "join_collapse_limit",
                                                         "lc_messages",
                                                         "lc_monetary",
                                                         "lc_numeric",
                                                         "lc_time",
                                                         "lock_timeout",
                                                         "maintenance_io_concurrency",
                                                         "maintenance_work_mem",
                                                         "max_parallel_maintenance_workers",
                                                         "max_parallel_workers",
                                                         "max_parallel_workers_per_gather",
                                                         "password_encryption",
                                                         "plan_cache_mode",
                                                         "random_page_cost",
                                                         "search_path",
                                                         "seq_page_cost",
                                                         "statement_timeout",
                                                         "synchronous_commit",
                                                         "temp_buffers",
                                                         "temp_file_limit",
                                                         "temp_tablespaces",
                                                         "timezone",
                                                         "work_mem"};

constexpr std::array<absl::string_view, 7> kHarmlessPrefixes = {
    "enable_", "geqo", "jit", "log_", "tcp_", "track_", "vacuum_cost_"};

absl::Status Refuse(absl::string_view reason, absl::string_view message, absl::string_view hint,
                    std::map<std::string, std::string> metadata = {}) {
  return MakeError(StatusCode::kFailedPrecondition, reason, message, std::move(metadata), hint);
}

absl::Status CheckServer(ScriptSession& session) {
  ASSIGN_OR_RETURN(const Result result,
                   session.Execute("SELECT pg_catalog.pg_backend_pid(),"
                                   " pg_catalog.pg_is_in_recovery(),"
                                   " pg_catalog.current_setting('role'),"
                                   " pg_catalog.current_setting('session_replication_role')"));
  const postgres::Row& row = result.only();
  if (row.Int(0) != session.announced_backend_pid()) {
    return Refuse("POOLED_CONNECTION", "the migration connection goes through a connection pooler",
                  "give --migrate-database an address that reaches PostgreSQL itself");
  }
  if (session.server_version() < kMinServerVersion) {
    const std::string version = absl::StrCat(session.server_version() / 10000);
    return Refuse("SERVER_TOO_OLD",
                  absl::StrCat("PostgreSQL ", version, " is too old: lockstep needs 13 or newer"),
                  "upgrade PostgreSQL", {{"version", version}});
  }
  if (row.Bool(1)) {
    return MakeError(StatusCode::kUnavailable, "SERVER_READ_ONLY",
                     "the migration connection leads to a standby", {},
                     "give --migrate-database the address of the primary");
  }
  if (row.Text(2) != "none" || row.Text(3) != "origin") {
    return Refuse("SESSION_SETTING",
                  absl::StrCat("the migration connection starts with role \"", row.Text(2),
                               "\" and session_replication_role \"", row.Text(3), "\""),
                  "remove both from the options of the connection string",
                  {{"role", row.Text(2)}, {"session_replication_role", row.Text(3)}});
  }
  return absl::OkStatus();
}

// Names are looked up as data: asking by regprocedure fails outright without USAGE on the schema.
absl::Status CheckCatalog(ScriptSession& session) {
  ASSIGN_OR_RETURN(
      const Result result,
      session.Execute("SELECT pg_catalog.has_schema_privilege(n.oid, 'USAGE'),"
                      " (SELECT pg_catalog.count(*) FROM pg_catalog.pg_proc p"
                      "   WHERE p.pronamespace = n.oid AND p.proname IN ('open', 'close')),"
                      " (SELECT pg_catalog.count(*) FROM pg_catalog.pg_proc p"
                      "   WHERE p.pronamespace = n.oid AND p.proname IN ('open', 'close')"
                      "     AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')),"
                      " session_user FROM pg_catalog.pg_namespace n WHERE n.nspname = 'lockstep'"));
  if (result.empty() || result.only().Long(1) < 2) {
    return Refuse("SCHEMA_MISSING", "the database has no schema lockstep",
                  "run `lockstep setup --database ADMIN_URL` on it, or start a coordinator");
  }
  const postgres::Row& row = result.only();
  if (!row.Bool(0) || row.Long(2) < row.Long(1)) {
    return MakeError(
        StatusCode::kPermissionDenied, "PERMISSION",
        absl::StrCat("role \"", row.Text(3), "\" may not execute lockstep.open and lockstep.close"),
        {{"role", row.Text(3)}}, absl::StrCat("GRANT lockstep_agents TO \"", row.Text(3), "\""));
  }
  return absl::OkStatus();
}

// A role that is or can become superuser, or can grant itself any role, can forge history.
absl::Status CheckPower(ScriptSession& session) {
  const bool createrole_counts = session.server_version() < 160000;
  ASSIGN_OR_RETURN(
      const Result result,
      session.Execute("SELECT r.rolname, r.rolsuper, session_user FROM pg_catalog.pg_roles r"
                      " WHERE pg_catalog.pg_has_role(session_user, r.oid, 'MEMBER')"
                      "   AND (r.rolsuper OR (r.rolcreaterole AND $1::pg_catalog.bool))"
                      " ORDER BY r.rolname <> session_user, NOT r.rolsuper, r.rolname LIMIT 1",
                      {Param(createrole_counts)}));
  if (result.empty()) return absl::OkStatus();
  const postgres::Row& row = result.only();
  const std::string power = row.Bool(1) ? "SUPERUSER" : "CREATEROLE";
  const std::string through =
      row.Text(0) == row.Text(2) ? "" : absl::StrCat(" through role \"", row.Text(0), "\"");
  return Refuse("ROLE_TOO_POWERFUL",
                absl::StrCat("role \"", row.Text(2), "\" has ", power, through,
                             ", so migrations could rewrite lockstep's own tables"),
                "connect as a plain role that is a member of the owner role and of lockstep_agents",
                {{"role", row.Text(2)}, {"power", power}});
}

absl::Status CheckSettings(ScriptSession& session) {
  ASSIGN_OR_RETURN(
      const Result result,
      session.Execute(
          "SELECT setting.text, s.setrole <> 0, pg_catalog.current_database(), session_user"
          " FROM pg_catalog.pg_db_role_setting s,"
          "      pg_catalog.unnest(s.setconfig) AS setting(text)"
          " WHERE s.setdatabase IN (0, (SELECT d.oid FROM pg_catalog.pg_database d"
          "                             WHERE d.datname = pg_catalog.current_database()))"
          "   AND s.setrole IN (0, (SELECT r.oid FROM pg_catalog.pg_roles r"
          "                         WHERE r.rolname = session_user))"
          " ORDER BY 1"));
  for (const postgres::Row& row : result.rows) {
    const std::pair<std::string, std::string> setting =
        absl::StrSplit(row.Text(0), absl::MaxSplits('=', 1));
    if (IsHarmlessSetting(setting.first)) continue;
    const std::string whose = row.Bool(1) ? absl::StrCat("ROLE \"", row.Text(3), "\"")
                                          : absl::StrCat("DATABASE \"", row.Text(2), "\"");
    return Refuse(
        "SESSION_SETTING",
        absl::StrCat("ALTER ", whose, " SET ", setting.first, " = ", setting.second,
                     " is in force for the migration connection and is not known to be harmless"),
        absl::StrCat("ALTER ", whose, " RESET ", setting.first,
                     ", or connect as a role without it"),
        {{"setting", setting.first}, {"value", setting.second}});
  }
  return absl::OkStatus();
}

absl::Status CheckOwner(ScriptSession& session, const std::string& owner) {
  if (owner.empty()) return absl::OkStatus();
  // From 16 on a membership may come without the right to SET ROLE.
  const std::string right = session.server_version() >= 160000 ? "SET" : "MEMBER";
  ASSIGN_OR_RETURN(
      const Result result,
      session.Execute("SELECT pg_catalog.pg_has_role(session_user, r.oid, $2), session_user"
                      " FROM pg_catalog.pg_roles r WHERE r.rolname = $1::pg_catalog.name",
                      {Param(owner), Param(right)}));
  if (!result.empty() && result.only().Bool(0)) return absl::OkStatus();
  if (result.empty()) {
    return MakeError(StatusCode::kPermissionDenied, "OWNER_ROLE",
                     absl::StrCat("the owner role \"", owner, "\" does not exist"),
                     {{"owner_role", owner}}, "correct owner_role in the coordinator's settings");
  }
  const std::string user = result.only().Text(1);
  return MakeError(
      StatusCode::kPermissionDenied, "OWNER_ROLE",
      absl::StrCat("role \"", user, "\" may not act as the owner role \"", owner, "\""),
      {{"owner_role", owner}, {"role", user}},
      absl::StrCat("GRANT \"", owner, "\" TO \"", user, "\""));
}

}  // namespace

bool IsHarmlessSetting(absl::string_view name) {
  const std::string lower = absl::AsciiStrToLower(name);
  // A dot marks a parameter of an extension or of the application; those of procedural languages
  // can run code or change what a function's text means.
  if (absl::StrContains(lower, '.')) return !absl::StartsWith(lower, "pl");
  for (absl::string_view prefix : kHarmlessPrefixes) {
    if (absl::StartsWith(lower, prefix)) return true;
  }
  return std::binary_search(kHarmless.begin(), kHarmless.end(), absl::string_view(lower));
}

std::vector<absl::Status> PreflightAll(ScriptSession& session, const PreflightOptions& options) {
  std::vector<absl::Status> failures;
  const auto note = [&failures](absl::Status status) {
    if (!status.ok()) failures.push_back(std::move(status));
  };
  note(CheckServer(session));
  if (session.usable()) note(CheckCatalog(session));
  if (session.usable() && !options.allow_superuser) note(CheckPower(session));
  if (session.usable()) note(CheckSettings(session));
  if (session.usable()) note(CheckOwner(session, options.owner_role));
  return failures;
}

absl::Status Preflight(ScriptSession& session, const PreflightOptions& options) {
  RETURN_IF_ERROR(CheckServer(session));
  RETURN_IF_ERROR(CheckCatalog(session));
  if (!options.allow_superuser) RETURN_IF_ERROR(CheckPower(session));
  RETURN_IF_ERROR(CheckSettings(session));
  return CheckOwner(session, options.owner_role);
}

}  // namespace lockstep::apply
