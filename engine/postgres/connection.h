// A connection for lockstep's own SQL, over libpqxx. What people's migrations run on is
// ScriptSession, which needs more of the protocol than libpqxx shows.
//
//   ASSIGN_OR_RETURN(auto connection, Connection::Open(options));
//   ASSIGN_OR_RETURN(Result result, connection->Query("SELECT ... WHERE id = $1", {Param(id)}));
//   RETURN_IF_ERROR(connection->InTransaction([&] { ...; return absl::OkStatus(); }));
//
// Not guaranteed: nothing is retried, and a connection that was lost stays lost (libpqxx 6 would
// reconnect silently and lose session state; that is switched off). Check usable() and open a new
// one. Not thread-safe; one user at a time. Every call blocks.
#ifndef LOCKSTEP_ENGINE_POSTGRES_CONNECTION_H_
#define LOCKSTEP_ENGINE_POSTGRES_CONNECTION_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "engine/postgres/result.h"

namespace lockstep::postgres {

struct ConnectionOptions {
  std::string conninfo;          // libpq key=value string or URL.
  std::string application_name;  // At most 63 bytes are kept by the server.
  absl::Duration connect_timeout = absl::Seconds(5);
  // Session defaults; zero leaves the server's.
  absl::Duration statement_timeout = absl::Seconds(5);
  absl::Duration lock_timeout = absl::Seconds(2);
};

class Connection {
 public:
  // Connects and sets the session up. UNAUTHENTICATED, NOT_FOUND, RESOURCE_EXHAUSTED or UNAVAILABLE
  // as postgres/errors.h says; the message names the database, never the password.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const ConnectionOptions& options);
  ~Connection();

  // Runs one statement, in the open transaction or by itself. Parameters are bound, in text format.
  absl::StatusOr<Result> Query(const std::string& sql, const std::vector<Value>& params = {});

  // Runs several statements without parameters as one message; for lockstep's own files only.
  absl::Status RunScript(const std::string& sql);

  // Runs `body` between BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE and COMMIT; rolls back when
  // it fails, and fails itself (INTERNAL, 25P02) when `body` hid that a statement in it failed.
  // UNKNOWN (COMMIT_IN_DOUBT) when the connection was lost in the COMMIT.
  absl::Status InTransaction(const std::function<absl::Status()>& body);
  // The same, ISOLATION LEVEL REPEATABLE READ READ ONLY: one consistent snapshot.
  absl::Status InSnapshot(const std::function<absl::Status()>& body);

  // False once the connection was lost.
  bool usable() const;
  int backend_pid() const;
  int socket() const;          // The file descriptor; for failpoints.
  int server_version() const;  // E.g. 150018.

 private:
  class Impl;
  explicit Connection(std::unique_ptr<Impl> impl);
  absl::Status Wrap(const std::string& begin, const std::function<absl::Status()>& body);
  std::unique_ptr<Impl> impl_;
};

}  // namespace lockstep::postgres

#endif  // LOCKSTEP_ENGINE_POSTGRES_CONNECTION_H_
