// A program that `lockstep dev` runs: its output goes to a file, a terminal's signals do not reach
// it, and it does not outlive us: the kernel sends it `death_signal` when we die, whatever we die
// of.
//
//   ASSIGN_OR_RETURN(auto child, Child::Start({.name = "coordinator", .argv = {path, ...}}));
//   ... poll(child->fd()) ...
//   child->Stop(SIGTERM, absl::Seconds(10));
//
// Not thread-safe. The death signal is tied to the thread that starts the child: the main one.
#ifndef LOCKSTEP_CTL_DEV_CHILD_H_
#define LOCKSTEP_CTL_DEV_CHILD_H_

#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace lockstep::ctl::dev {

// Whom PostgreSQL runs as when we are root, which it refuses to be.
struct ServerUser {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
};

// The user `postgres` when we are root, absent otherwise. FAILED_PRECONDITION (DEV_STATE) when we
// are root and there is no such user.
absl::StatusOr<std::optional<ServerUser>> FindServerUser();

struct ChildOptions {
  std::string name;               // For messages: "PostgreSQL".
  std::vector<std::string> argv;  // argv[0] is a path.
  std::string log;                // Both outputs; begun anew.
  std::optional<ServerUser> user;
  int death_signal = 0;
  // An open file that the child keeps as its number 3; -1: none. With a lock on it, whoever waits
  // for the lock waits for the child and for its children.
  int keep = -1;
};

// Whether `fd` can be read without waiting; false for -1.
bool IsReadable(int fd);

class Child {
 public:
  // Starts it, without variables that begin with LOCKSTEP_ or PG: what a person's shell says about
  // other databases is not meant for this one. INTERNAL (DEV_PROCESS_FAILED).
  static absl::StatusOr<std::unique_ptr<Child>> Start(const ChildOptions& options);
  // Kills what still runs, and waits for it.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  // Readable once it has ended; for poll().
  int fd() const { return fd_; }
  bool running() { return !Wait(absl::ZeroDuration()); }
  // Waits for its end, or until `cancel` is readable (-1: none). True once it has ended.
  bool Wait(absl::Duration timeout, int cancel = -1);
  // The exit code, 128 + N for signal N; valid once it has ended.
  int exit_code() const { return exit_code_; }
  // Sends `signal`; kills it when it has not ended after `patience`.
  void Stop(int signal, absl::Duration patience);

  // INTERNAL (DEV_PROCESS_FAILED): "NAME `what`", with the end of its log.
  absl::Status Failure(const std::string& what, const std::string& hint = "") const;

 private:
  Child(std::string name, std::string log, pid_t pid, int fd)
      : name_(std::move(name)), log_(std::move(log)), pid_(pid), fd_(fd) {}

  const std::string name_;
  const std::string log_;
  const pid_t pid_;
  const int fd_;
  bool ended_ = false;
  int exit_code_ = 0;
};

}  // namespace lockstep::ctl::dev

#endif  // LOCKSTEP_CTL_DEV_CHILD_H_
