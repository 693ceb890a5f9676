// A PostgreSQL of the test's own: a cluster that nobody else sees, on a Unix socket only, so any
// number of test binaries run side by side.
//
//   PostgresServer& server = SharedPostgres();          // one per test binary; most tests
//   TestDatabase db;                                     // a fresh database on it
//
//   PostgresServer server({.fsync = true});             // for tests that break it
//   ASSERT_THAT(server.Start(), IsOk());
//   server.Kill();
//   ASSERT_THAT(server.Start(), IsOk());                // the same data, after crash recovery
//
// The server is a child of this process and dies with it, also when a test aborts. Directory, log
// and data go when the object goes; those of a test that aborted go when the next one starts.
#ifndef LOCKSTEP_TESTS_SUPPORT_POSTGRES_SERVER_H_
#define LOCKSTEP_TESTS_SUPPORT_POSTGRES_SERVER_H_

#include <map>
#include <memory>
#include <string>
#include <sys/types.h>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

#include "tests/support/spawn.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"

namespace lockstep::testing {

struct PostgresServerOptions {
  bool fsync = false;  // A killed server does not need it: the kernel lives on.
  int max_connections = 100;
  bool log_statements = false;
  std::map<std::string, std::string> settings = {};  // Anything else of postgresql.conf.
  std::map<std::string, std::string> env = {};       // Added to the server's environment.
  // Of another server: a streaming standby of it, made by pg_basebackup at the first Start.
  std::string standby_of = {};
  std::string log_file = {};  // Empty: in the server's directory, with which it goes.
};

enum class StopMode {
  kFast,       // Ends the sessions, writes a checkpoint.
  kImmediate,  // Ends the processes; the next start recovers.
};

// Not thread-safe; conninfo, log_path and ReadLog may be called from any thread.
class PostgresServer {
 public:
  explicit PostgresServer(PostgresServerOptions options = {});
  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // Starts the server and waits until it accepts connections. After a Stop or Kill it is the same
  // cluster with the same conninfo. NOT_FOUND when PostgreSQL is not installed; INTERNAL with the
  // end of the log when it does not come up.
  absl::Status Start();
  // Waits until it is down. INTERNAL when it had to be killed. Nothing happens when it is down.
  absl::Status Stop(StopMode mode = StopMode::kFast);
  absl::Status Restart(StopMode mode = StopMode::kFast);
  // Makes a running standby a primary of its own, on a new timeline, and waits until it is.
  absl::Status Promote();
  // Kills postmaster and sessions with SIGKILL, as a crash of the machine would, and waits until
  // none runs.
  void Kill();
  // Whether the postmaster runs.
  bool running();
  // The postmaster; 0 when it is down.
  pid_t pid() const;

  // A libpq connection string for `database` as `user`.
  std::string conninfo(absl::string_view database = "postgres",
                       absl::string_view user = "postgres") const;
  const std::string& bindir() const { return bindir_; }
  std::string data_directory() const { return directory_.File("data"); }
  std::string socket_directory() const { return directory_.File("s"); }

  // The server's log. A line starts with time, [process id], transaction id, virtual transaction
  // id, application name.
  std::string log_path() const {
    return options_.log_file.empty() ? directory_.File("log") : options_.log_file;
  }
  std::string ReadLog() const;

 private:
  absl::Status Prepare();
  std::vector<std::string> CommandLine() const;
  std::vector<Fd> Children() const;

  const PostgresServerOptions options_;
  const TempDir directory_;
  Fd in_use_;  // Locked while the directory is; see RemoveStaleDirectories.
  std::string bindir_;
  std::unique_ptr<Subprocess> process_;
};

// The server of this test binary, started by the first call and stopped at exit. A test that cannot
// have it fails with an exception that says why. Call from the main thread first.
PostgresServer& SharedPostgres();

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SUPPORT_POSTGRES_SERVER_H_
