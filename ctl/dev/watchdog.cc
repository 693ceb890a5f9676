#include "ctl/dev/watchdog.h"

#include <cstdint>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

#include "engine/base/status_macros.h"

namespace lockstep::ctl::dev {

Watchdog::Watchdog(std::vector<int> fds, std::function<void()> on_end)
    : stop_(eventfd(0, EFD_CLOEXEC)) {
  LOCKSTEP_CHECK(stop_ >= 0);
  thread_ = std::thread([stop = stop_, fds = std::move(fds), on_end = std::move(on_end)] {
    std::vector<pollfd> waits = {{.fd = stop, .events = POLLIN, .revents = 0}};
    for (const int fd : fds) waits.push_back({.fd = fd, .events = POLLIN, .revents = 0});
    while (poll(waits.data(), waits.size(), -1) <= 0) {
    }
    if (waits[0].revents == 0) on_end();
  });
}

Watchdog::~Watchdog() {
  const uint64_t one = 1;
  LOCKSTEP_CHECK(write(stop_, &one, sizeof(one)) == sizeof(one));
  thread_.join();
  close(stop_);
}

}  // namespace lockstep::ctl::dev
