// A directory of its own for a test, removed with all that is in it.
#ifndef LOCKSTEP_TESTS_SUPPORT_TEMP_DIR_H_
#define LOCKSTEP_TESTS_SUPPORT_TEMP_DIR_H_

#include <string>
#include <sys/types.h>

#include "absl/strings/string_view.h"

namespace lockstep::testing {

// Not thread-safe, but many may exist. A copy of the process (fork) does not remove the directory.
class TempDir {
 public:
  // Creates /tmp/`prefix`XXXXXX with mode 0755, so that a server run as another user gets in; the
  // name is short because Unix socket paths are. Throws std::runtime_error when that fails.
  explicit TempDir(const std::string& prefix = "lockstep-test-");
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  // The path of `name` in the directory, which need not exist.
  std::string File(absl::string_view name) const;
  // Writes a file, with its parent directories, and returns its path.
  std::string Write(absl::string_view name, absl::string_view bytes) const;

 private:
  const pid_t owner_;
  std::string path_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SUPPORT_TEMP_DIR_H_
