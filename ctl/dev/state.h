// The state directory of `lockstep dev`: the private database, logs and sockets of one project, in
// .lockstep/dev unless somebody says otherwise. Nobody else may enter it.
//
//   .gitignore         "*"
//   data/              the database; stays from one start to the next
//   log/               what the programs said, begun anew with each start
//   agent/             what the agent is configured with
//   pg/                PostgreSQL's socket     } these two in a short private directory elsewhere
//   lockstep.sock      the coordinator's       } when the path is too long for a socket's name
//   running            while a dev runs: its pid and the coordinator's address
//
// Two locks, both of the kernel's, so that none outlives its holder. The one on the directory
// belongs to the running `lockstep dev`; a second one is refused. The one on log/ is held by its
// children, too: after a dev was killed, the next one waits until they have gone.
#ifndef LOCKSTEP_CTL_DEV_STATE_H_
#define LOCKSTEP_CTL_DEV_STATE_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "ctl/dev/child.h"

namespace lockstep::ctl::dev {

inline constexpr char kDefaultState[] = ".lockstep/dev";

// A Unix socket's path has at most 107 bytes and a NUL.
inline constexpr size_t kMaxSocketPath = 107;

// How long children of a dev that was killed get to end.
inline constexpr absl::Duration kLeftoverPatience = absl::Seconds(30);

struct StateOptions {
  std::string path;  // Empty: a new directory in $TMPDIR or /tmp, removed in the end.
  std::optional<ServerUser> server_user;
  int cancel = -1;  // Readable when somebody does not want to wait any more.
};

class State {
 public:
  // Makes the directory, or takes the one that is there, and locks it. Waits at most
  // kLeftoverPatience for children of a dev that was killed. ABORTED (DEV_RUNNING) when another one
  // runs there; FAILED_PRECONDITION (DEV_STATE) when the directory cannot be used; CANCELLED.
  static absl::StatusOr<std::unique_ptr<State>> Open(const StateOptions& options);
  // Removes sockets, `running` and, if it is a temporary one, the directory.
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  const std::string& path() const { return path_; }
  std::string data() const { return path_ + "/data"; }
  std::string log(const std::string& name) const { return path_ + "/log/" + name + ".log"; }
  std::string agent() const { return path_ + "/agent"; }
  std::string server_sockets() const { return sockets_ + "/pg"; }
  std::string socket() const { return sockets_ + "/lockstep.sock"; }
  std::string address() const { return "unix:" + socket(); }
  const std::optional<ServerUser>& server_user() const { return server_user_; }
  bool temporary() const { return temporary_; }
  // For ChildOptions::keep.
  int family_lock() const { return family_lock_; }

  // The password of the application's role, for connections over TCP; made by the first call.
  absl::StatusOr<std::string> Password() const;

  // Lets commands in this directory find the coordinator.
  absl::Status Announce() const;

 private:
  State(std::string path, const StateOptions& options);
  absl::Status MakeDirectory();
  absl::Status Lock();
  absl::Status WaitForLeftovers(int cancel);
  absl::Status MakeContents();
  absl::Status MakeSockets();

  const std::string path_;
  const bool temporary_;
  const std::optional<ServerUser> server_user_;
  std::string sockets_;  // `path_`, or the short directory.
  int lock_ = -1;
  int family_lock_ = -1;
};

// The coordinator's address of a dev that was started in `directory` or in one above it: what
// `running` says there; absent when there is none. A file of somebody else's is not believed.
// Whether that dev still runs is for the caller to find out, by connecting.
std::optional<std::string> FindAddress(const std::string& directory);

// True when PostgreSQL, libpq and gRPC all take a path in this directory for the same socket: it is
// short enough and has no character that one of them reads as more than itself.
bool FitsSockets(absl::string_view directory);

}  // namespace lockstep::ctl::dev

#endif  // LOCKSTEP_CTL_DEV_STATE_H_
