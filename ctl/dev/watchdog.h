// Notices that a program ended while the main thread waits for something else.
#ifndef LOCKSTEP_CTL_DEV_WATCHDOG_H_
#define LOCKSTEP_CTL_DEV_WATCHDOG_H_

#include <functional>
#include <thread>
#include <vector>

namespace lockstep::ctl::dev {

class Watchdog {
 public:
  // Calls `on_end` once, on a thread of its own, as soon as one of `fds` is readable (Child::fd).
  Watchdog(std::vector<int> fds, std::function<void()> on_end);
  // Ends the thread; afterwards nothing is called.
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  int stop_ = -1;
  std::thread thread_;
};

}  // namespace lockstep::ctl::dev

#endif  // LOCKSTEP_CTL_DEV_WATCHDOG_H_
