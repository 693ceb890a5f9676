// From a description of a program to a running child: the part between fork and exec. Used by
// Subprocess only.
#ifndef LOCKSTEP_TESTS_SUPPORT_SPAWN_H_
#define LOCKSTEP_TESTS_SUPPORT_SPAWN_H_

#include <sys/types.h>
#include <unistd.h>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "tests/support/subprocess.h"

namespace lockstep::testing {

// Owns a file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    Close();
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }
  ~Fd() { Close(); }
  int get() const { return fd_; }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
};

struct Pipe {
  Fd read, write;
};

// Both ends are closed on exec.
absl::StatusOr<Pipe> MakePipe();

// Starts the program with these files as its standard input, output and error. Returns once the
// child has become the program; `*pid` is set as soon as there is a child to wait for, also when
// the exec failed.
absl::Status Spawn(const SubprocessOptions& options, int input, int output, int error, pid_t* pid);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SUPPORT_SPAWN_H_
