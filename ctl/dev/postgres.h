// The private PostgreSQL of `lockstep dev`: made with the initdb that is installed, listening on a
// Unix socket that only its owner can reach, and on loopback when a port is asked for.
//
//   ASSIGN_OR_RETURN(const std::string binaries, FindBinaries(flag, state.data()));
//   Postgres server({.binaries = binaries, .state = &state, .port = 0});
//   RETURN_IF_ERROR(server.Start(cancel));
//   ... server.Conninfo("app", "app") ...
//   server.Stop();
//
// The cluster syncs its files, but not at each commit: a killed machine may lose the last moments
// and nothing else. It is no place for data that matters.
#ifndef LOCKSTEP_CTL_DEV_POSTGRES_H_
#define LOCKSTEP_CTL_DEV_POSTGRES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "ctl/dev/child.h"
#include "ctl/dev/state.h"

namespace lockstep::ctl::dev {

inline constexpr int kServerPort = 5432;
inline constexpr absl::Duration kInitPatience = absl::Minutes(5);
inline constexpr absl::Duration kServerStartPatience = absl::Minutes(2);
inline constexpr absl::Duration kServerStopPatience = absl::Seconds(30);

// The superuser of the private cluster.
inline constexpr char kSuperuser[] = "postgres";

// The directory of postgres and initdb: `named` (--postgres-bin), else LOCKSTEP_POSTGRES_BIN, else
// Debian's for the version that made `data`, else Debian's newest, else the one in PATH.
// NOT_FOUND (POSTGRES_NOT_FOUND) listing where was looked.
absl::StatusOr<std::string> FindBinaries(const std::string& named, const std::string& data);

struct PostgresOptions {
  std::string binaries;
  const State* state = nullptr;  // Must outlive the server.
  int port = 0;                  // Of 127.0.0.1; 0: no TCP.
};

// Not thread-safe.
class Postgres {
 public:
  explicit Postgres(PostgresOptions options) : options_(std::move(options)) {}

  // True when there is no cluster yet.
  bool fresh() const;
  // Makes the cluster where there is none; one that was left half made is made anew. Waits until
  // the server accepts connections. INTERNAL (DEV_PROCESS_FAILED), FAILED_PRECONDITION (DEV_STATE),
  // CANCELLED once `cancel` is readable.
  absl::Status Start(int cancel);
  // Ends sessions and server; kills it when it takes too long.
  void Stop();
  // Removes the cluster. FAILED_PRECONDITION (DEV_STATE) while somebody else's server runs on it.
  absl::Status RemoveData();

  // Null before Start.
  Child* process() { return process_.get(); }
  int port() const { return options_.port == 0 ? kServerPort : options_.port; }

  // For libpq, over the socket.
  std::string Conninfo(absl::string_view user, absl::string_view database) const;
  // The same as a URL.
  std::string Url(absl::string_view user, absl::string_view database) const;

 private:
  absl::Status Create(int cancel);
  absl::Status CheckNotRunning() const;
  std::vector<std::string> CommandLine() const;

  const PostgresOptions options_;
  std::unique_ptr<Child> process_;
};

}  // namespace lockstep::ctl::dev

#endif  // LOCKSTEP_CTL_DEV_POSTGRES_H_
