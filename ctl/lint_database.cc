#include "ctl/lint_database.h"

#include <set>
#include <utility>
#include <vector>

#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"
#include "engine/postgres/connection.h"
#include "engine/schema/inspect.h"

namespace lockstep::ctl {
namespace {

using postgres::Connection;
using postgres::Result;

// Generous: thousands of tables on a busy server.
constexpr absl::Duration kStatementTimeout = absl::Seconds(30);

struct Lockstep {
  bool there = false;
  bool readable = false;
};

absl::StatusOr<Lockstep> FindLockstep(Connection& connection) {
  ASSIGN_OR_RETURN(
      const Result result,
      connection.Query("SELECT pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND"
                       "   coalesce((SELECT pg_catalog.bool_and("
                       "                pg_catalog.has_table_privilege(c.oid, 'SELECT'))"
                       "     FROM pg_catalog.pg_class c WHERE c.relnamespace = n.oid"
                       "       AND c.relname IN ('setting', 'history')), false)"
                       " FROM pg_catalog.pg_namespace n WHERE n.nspname = 'lockstep'"));
  if (result.empty()) return Lockstep{};
  return Lockstep{.there = true, .readable = result.only().Bool(0)};
}

// None where the role may not read them, or an older schema has none.
absl::StatusOr<std::set<std::string>> ReadStarted(Connection& connection) {
  std::set<std::string> started;
  ASSIGN_OR_RETURN(const Result readable,
                   connection.Query("SELECT coalesce(pg_catalog.has_table_privilege("
                                    "  pg_catalog.to_regclass('lockstep.backfill')::pg_catalog.oid,"
                                    "  'SELECT'), false)"));
  if (!readable.only().Bool(0)) return started;
  ASSIGN_OR_RETURN(const Result result,
                   connection.Query("SELECT b.name FROM lockstep.backfill b"
                                    " WHERE b.state <> 'not run' OR b.started_at IS NOT NULL"));
  for (const postgres::Row& row : result.rows) started.insert(row.Text(0));
  return started;
}

}  // namespace

absl::StatusOr<LiveDatabase> ReadLiveDatabase(const std::string& conninfo, bool catalog_only) {
  ASSIGN_OR_RETURN(const auto connection,
                   Connection::Open({.conninfo = conninfo,
                                     .application_name = "lockstep-lint",
                                     .statement_timeout = kStatementTimeout}));
  ASSIGN_OR_RETURN(const Lockstep lockstep, FindLockstep(*connection));
  LiveDatabase live;
  schema::InspectOptions options;
  if (lockstep.readable) {
    ASSIGN_OR_RETURN(const Result setting,
                     connection->Query("SELECT s.search_path FROM lockstep.setting s"));
    if (!setting.empty()) options.search_path = schema::SearchPathOf(setting.rows[0].Text(0));
    ASSIGN_OR_RETURN(const Result history,
                     connection->Query("SELECT h.version FROM lockstep.history h"));
    for (const postgres::Row& row : history.rows) live.applied.insert(row.Int(0));
    ASSIGN_OR_RETURN(live.started, ReadStarted(*connection));
  } else if (lockstep.there && !catalog_only) {
    return base::MakeError(absl::StatusCode::kPermissionDenied, "PERMISSION",
                           "this role may not read which versions are applied", {},
                           "name the version with --applied N, or GRANT lockstep_coordinators to "
                           "the role");
  }
  ASSIGN_OR_RETURN(live.catalog, schema::Inspect(*connection, options));
  return live;
}

}  // namespace lockstep::ctl
