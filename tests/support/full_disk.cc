// Preloaded into a PostgreSQL server (PostgresServerOptions.env LD_PRELOAD): while the file that
// FULL_DISK_FLAG names exists, tables and indexes cannot grow, as on a full disk. The transaction
// log still can, so that the server lives on, as one does whose log has a disk of its own.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

bool Grows(int fd, size_t count, off_t offset) {
  struct stat file {};
  return fstat(fd, &file) == 0 && offset + static_cast<off_t>(count) > file.st_size;
}

bool IsFull(int fd, size_t count, off_t offset) {
  const char* const flag = std::getenv("FULL_DISK_FLAG");
  if (flag == nullptr || access(flag, F_OK) != 0 || !Grows(fd, count, offset)) return false;
  char link[64];
  char path[4096];
  std::snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, sizeof(path) - 1);
  if (length < 0) return false;
  path[length] = '\0';
  return std::strstr(path, "/base/") != nullptr;
}

using Pwrite = ssize_t (*)(int, const void*, size_t, off_t);

ssize_t WriteUnlessFull(const char* name, int fd, const void* bytes, size_t count, off_t offset) {
  if (IsFull(fd, count, offset)) {
    errno = ENOSPC;
    return -1;
  }
  return reinterpret_cast<Pwrite>(dlsym(RTLD_NEXT, name))(fd, bytes, count, offset);
}

}  // namespace

extern "C" {

ssize_t pwrite(int fd, const void* bytes, size_t count, off_t offset) {
  return WriteUnlessFull("pwrite", fd, bytes, count, offset);
}

ssize_t pwrite64(int fd, const void* bytes, size_t count, off_t offset) {
  return WriteUnlessFull("pwrite64", fd, bytes, count, offset);
}

// Newer servers grow files with it.
int posix_fallocate(int fd, off_t offset, off_t length) {
  if (IsFull(fd, static_cast<size_t>(length), offset)) return ENOSPC;
  using Fallocate = int (*)(int, off_t, off_t);
  return reinterpret_cast<Fallocate>(dlsym(RTLD_NEXT, "posix_fallocate"))(fd, offset, length);
}

}  // extern "C"
