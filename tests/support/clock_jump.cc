// Preloaded into a PostgreSQL server (PostgresServerOptions.env LD_PRELOAD): its time of day is the
// machine's plus the seconds in the file that CLOCK_JUMP_FILE names (eight bytes, mapped). Clocks
// that count from boot are left alone, as by a real jump, and nobody else's time changes.
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

namespace {

// Null where there is no file.
volatile const int64_t* Offset() {
  static volatile const int64_t* const offset = [] {
    const char* const path = std::getenv("CLOCK_JUMP_FILE");
    const int fd = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return static_cast<volatile const int64_t*>(nullptr);
    void* const mapped = mmap(nullptr, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    return mapped == MAP_FAILED ? nullptr : static_cast<volatile const int64_t*>(mapped);
  }();
  return offset;
}

time_t Jump() { return Offset() == nullptr ? 0 : static_cast<time_t>(*Offset()); }

template <typename Function>
Function Original(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

int gettimeofday(timeval* now, void* zone) noexcept {
  static const auto original = Original<int (*)(timeval*, void*)>("gettimeofday");
  const int result = original(now, zone);
  if (result == 0) now->tv_sec += Jump();
  return result;
}

int clock_gettime(clockid_t clock, timespec* now) noexcept {
  static const auto original = Original<int (*)(clockid_t, timespec*)>("clock_gettime");
  const int result = original(clock, now);
  if (result == 0 && clock == CLOCK_REALTIME) now->tv_sec += Jump();
  return result;
}

time_t time(time_t* out) noexcept {
  static const auto original = Original<time_t (*)(time_t*)>("time");
  const time_t now = original(nullptr) + Jump();
  if (out != nullptr) *out = now;
  return now;
}

}  // extern "C"
