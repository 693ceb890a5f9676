#include "engine/base/file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

#include "engine/base/error_info.h"
#include "engine/base/ids.h"

namespace lockstep::base {
namespace {

absl::Status ErrnoError(absl::string_view what, const std::string& path, int error) {
  absl::StatusCode code = absl::StatusCode::kUnavailable;
  if (error == ENOENT) code = absl::StatusCode::kNotFound;
  if (error == EACCES || error == EPERM || error == EROFS) {
    code = absl::StatusCode::kPermissionDenied;
  }
  if (error == EEXIST) code = absl::StatusCode::kAlreadyExists;
  if (error == ENOSPC || error == EDQUOT) code = absl::StatusCode::kResourceExhausted;
  return MakeError(code, "FILE", absl::StrCat("cannot ", what, " ", path, ": ", strerror(error)),
                   {{"path", path}});
}

// Writes everything, syncs and closes `fd`, whatever happens. Returns 0, or the errno of the first
// failure.
int WriteAndClose(int fd, absl::string_view bytes) {
  int error = 0;
  size_t done = 0;
  while (error == 0 && done < bytes.size()) {
    const ssize_t n = write(fd, bytes.data() + done, bytes.size() - done);
    if (n >= 0) {
      done += static_cast<size_t>(n);
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  if (error == 0 && fsync(fd) != 0) error = errno;
  if (close(fd) != 0 && error == 0) error = errno;
  return error;
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path, int64_t max_bytes) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoError("open", path, errno);
  const auto closer = absl::MakeCleanup([fd] { close(fd); });
  struct stat info = {};
  if (fstat(fd, &info) != 0) return ErrnoError("read", path, errno);
  if (S_ISDIR(info.st_mode)) {
    return MakeError(absl::StatusCode::kInvalidArgument, "FILE",
                     absl::StrCat(path, " is a directory, not a file"), {{"path", path}});
  }
  std::string bytes;
  char buffer[65536];
  for (;;) {
    const ssize_t n = read(fd, buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError("read", path, errno);
    if (n == 0) return bytes;
    bytes.append(buffer, static_cast<size_t>(n));
    if (static_cast<int64_t>(bytes.size()) > max_bytes) {
      return MakeError(absl::StatusCode::kResourceExhausted, "FILE_TOO_LARGE",
                       absl::StrCat(path, " is larger than ", max_bytes, " bytes"),
                       {{"path", path}, {"max_bytes", absl::StrCat(max_bytes)}});
    }
  }
}

absl::Status WriteFileAtomically(const std::string& path, absl::string_view bytes, int mode) {
  // A name of its own for each writer: threads of one process, and processes of several containers
  // on one volume, which share their process ids.
  const std::string temporary = absl::StrCat(path, ".tmp.", NewNonce());
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return ErrnoError("create", temporary, errno);
  auto remover = absl::MakeCleanup([&] { unlink(temporary.c_str()); });
  if (const int error = WriteAndClose(fd, bytes); error != 0) {
    return ErrnoError("write", path, error);
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) return ErrnoError("replace", path, errno);
  std::move(remover).Cancel();
  return absl::OkStatus();
}

absl::Status WriteNewFile(const std::string& path, absl::string_view bytes, int mode) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return ErrnoError("create", path, errno);
  if (const int error = WriteAndClose(fd, bytes); error != 0) {
    unlink(path.c_str());
    return ErrnoError("write", path, error);
  }
  return absl::OkStatus();
}

}  // namespace lockstep::base
