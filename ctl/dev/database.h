// The private database of `lockstep dev` over SQL, as its superuser: roles, schema lockstep, and
// what only a development database permits. Everything here blocks.
#ifndef LOCKSTEP_CTL_DEV_DATABASE_H_
#define LOCKSTEP_CTL_DEV_DATABASE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "ctl/dev/drift.h"
#include "ctl/dev/postgres.h"
#include "engine/postgres/connection.h"

namespace lockstep::ctl::dev {

// The database, the role that owns it and that the application connects as, and the one that the
// agent applies migrations with.
inline constexpr char kDatabase[] = "app";
inline constexpr char kOwner[] = "app";
inline constexpr char kMigrator[] = "app_migrator";

class Database {
 public:
  // Connects; on a new cluster makes roles, database and schema lockstep and marks the database as
  // one for development. Then clears away what a dev that was killed left there: its leader, run,
  // operation and sessions. `password` is the application's role's over TCP; empty: none.
  // Only before a coordinator is started.
  static absl::StatusOr<std::unique_ptr<Database>> Prepare(const Postgres& server,
                                                           const std::string& password);

  absl::StatusOr<Published> ReadPublished();
  // Takes back the versions from `from` on (0: none) and all backfills that have not run.
  // FAILED_PRECONDITION when one of them has run; ABORTED (OPERATION_IN_PROGRESS).
  absl::Status Unpublish(chain::Version from);

  int server_version() const { return connection_->server_version(); }

 private:
  explicit Database(std::unique_ptr<postgres::Connection> connection)
      : connection_(std::move(connection)) {}

  const std::unique_ptr<postgres::Connection> connection_;
};

// Runs `directory`/*.sql in the order of their names as the application's role, each in a
// transaction of its own. Returns the names. Absent files are no error; fails with the first file
// that fails, named.
absl::StatusOr<std::vector<std::string>> ApplySeeds(const Postgres& server,
                                                    const std::string& directory);

}  // namespace lockstep::ctl::dev

#endif  // LOCKSTEP_CTL_DEV_DATABASE_H_
