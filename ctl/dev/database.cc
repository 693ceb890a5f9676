#include "ctl/dev/database.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "engine/base/error_info.h"
#include "engine/base/file.h"
#include "engine/base/status_macros.h"
#include "engine/catalog/bootstrap.h"

namespace lockstep::ctl::dev {
namespace {

using postgres::Connection;
using postgres::Param;

constexpr absl::Duration kSetUpTimeout = absl::Minutes(1);
constexpr absl::Duration kSeedTimeout = absl::Minutes(10);
constexpr int64_t kMaxSeedBytes = int64_t{64} << 20;

constexpr char kCreateRoles[] = R"sql(
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app') THEN CREATE ROLE app LOGIN; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app_migrator') THEN CREATE ROLE app_migrator LOGIN; END IF;
  GRANT app TO app_migrator;
END $$)sql";

absl::StatusOr<std::unique_ptr<Connection>> Connect(const Postgres& server, const char* user,
                                                    const char* database, absl::Duration timeout) {
  return Connection::Open({.conninfo = server.Conninfo(user, database),
                           .application_name = "lockstep dev",
                           .statement_timeout = timeout});
}

absl::StatusOr<std::unique_ptr<Connection>> ConnectToDatabase(const Postgres& server) {
  auto connection = Connect(server, kSuperuser, kDatabase, kSetUpTimeout);
  if (!absl::IsNotFound(connection.status())) return connection;
  ASSIGN_OR_RETURN(const auto first, Connect(server, kSuperuser, "postgres", kSetUpTimeout));
  RETURN_IF_ERROR(first->RunScript(kCreateRoles));
  RETURN_IF_ERROR(
      first->Query(absl::StrCat("CREATE DATABASE ", kDatabase, " OWNER ", kOwner)).status());
  return Connect(server, kSuperuser, kDatabase, kSetUpTimeout);
}

absl::Status SetPassword(Connection& connection, const std::string& password) {
  // ALTER ROLE takes no parameters; format() quotes.
  ASSIGN_OR_RETURN(
      const auto command,
      connection.Query("SELECT format('ALTER ROLE app PASSWORD %L', $1::text)", {Param(password)}));
  return connection.Query(command.only().Text(0)).status();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Database>> Database::Prepare(const Postgres& server,
                                                            const std::string& password) {
  ASSIGN_OR_RETURN(auto connection, ConnectToDatabase(server));
  RETURN_IF_ERROR(catalog::Bootstrap(*connection, {.owner_role = kOwner}));
  ASSIGN_OR_RETURN(const auto marked, connection->Query("SELECT dev FROM lockstep.setting"));
  if (!marked.only().Bool(0)) {
    RETURN_IF_ERROR(connection->InTransaction([&] {
      RETURN_IF_ERROR(connection->RunScript("GRANT lockstep_agents TO app_migrator"));
      return connection->RunScript("UPDATE lockstep.setting SET dev = true");
    }));
  }
  RETURN_IF_ERROR(connection->Query("SELECT lockstep.dev_recover()").status());
  if (!password.empty()) RETURN_IF_ERROR(SetPassword(*connection, password));
  return std::unique_ptr<Database>(new Database(std::move(connection)));
}

absl::StatusOr<Published> Database::ReadPublished() {
  Published published;
  RETURN_IF_ERROR(connection_->InSnapshot([&] {
    ASSIGN_OR_RETURN(
        const auto versions,
        connection_->Query("SELECT m.version, m.title, m.digest, h.version IS NOT NULL "
                           "FROM lockstep.migration m "
                           "LEFT JOIN lockstep.history h USING (version) "
                           "ORDER BY m.version"));
    for (const postgres::Row& row : versions.rows) {
      published.versions.push_back({.version = row.Int(0),
                                    .title = row.Text(1),
                                    .digest = row.Bytes(2),
                                    .applied = row.Bool(3)});
    }
    ASSIGN_OR_RETURN(const auto backfills,
                     connection_->Query("SELECT name, digest FROM lockstep.backfill"));
    for (const postgres::Row& row : backfills.rows) {
      published.backfills[row.Text(0)] = row.Bytes(1);
    }
    return absl::OkStatus();
  }));
  return published;
}

absl::Status Database::Unpublish(chain::Version from) {
  return connection_->InTransaction([&] {
    return connection_
        ->Query("SELECT lockstep.dev_unpublish($1)",
                {from == 0 ? postgres::NullParam() : Param(from)})
        .status();
  });
}

absl::StatusOr<std::vector<std::string>> ApplySeeds(const Postgres& server,
                                                    const std::string& directory) {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename().string();
    if (name[0] != '.' && absl::EndsWith(name, ".sql")) paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  if (paths.empty()) return paths;
  ASSIGN_OR_RETURN(const auto connection, Connect(server, kOwner, kDatabase, kSeedTimeout));
  for (const std::string& path : paths) {
    ASSIGN_OR_RETURN(const std::string sql, base::ReadFile(path, kMaxSeedBytes));
    RETURN_IF_ERROR(base::Annotate(
        connection->InTransaction([&] { return connection->RunScript(sql); }), path));
  }
  return paths;
}

}  // namespace lockstep::ctl::dev
