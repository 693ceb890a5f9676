// Reads what exists in a live database: the catalog as the safety analysis wants it.
//
//   ASSIGN_OR_RETURN(model::Database database, schema::Inspect(*connection, {.search_path = ...}));
//   sql::Analyzer analyzer(std::move(database));
//
// Of one snapshot. Left out are PostgreSQL's own schemas, temporary ones, and what is in schema
// lockstep. Sizes are those of the last VACUUM or ANALYZE; of a table that had neither, the size of
// its file and the rows that the statistics have counted.
//
// Not guaranteed: definitions are printed and files are measured by PostgreSQL, which locks the
// table in ACCESS SHARE for that. While somebody holds ACCESS EXCLUSIVE on a table with a CHECK constraint, this waits, up to
// the connection's lock_timeout.
#ifndef LOCKSTEP_ENGINE_SCHEMA_INSPECT_H_
#define LOCKSTEP_ENGINE_SCHEMA_INSPECT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "engine/postgres/connection.h"
#include "engine/sql/model/database.h"

namespace lockstep::schema {

struct InspectOptions {
  // search_path of migrations, without "$user" and pg_temp.
  std::vector<std::string> search_path = {"public"};
};

// A complete model; nothing in it is new. DEADLINE_EXCEEDED when a lock or the statements took too
// long; otherwise as postgres/errors.h says. The connection must not be in a transaction. Blocks on
// some twenty queries, which take a few milliseconds, or half a second at thousands of tables.
absl::StatusOr<sql::model::Database> Inspect(postgres::Connection& connection,
                                             const InspectOptions& options = {});

// The elements of a search_path setting ('app, "My Schema", pg_temp'), unquoted and folded, without
// "$user" and pg_temp.
std::vector<std::string> SearchPathOf(absl::string_view setting);

}  // namespace lockstep::schema

#endif  // LOCKSTEP_ENGINE_SCHEMA_INSPECT_H_
