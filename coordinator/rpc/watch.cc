#include "coordinator/rpc/watch.h"

#include "absl/time/clock.h"

namespace lockstep::coordinator {
namespace {
constexpr absl::Duration kMinPause = absl::Milliseconds(100);
constexpr absl::Duration kMaxPause = absl::Seconds(1);
}  // namespace

void WatchHub::Start() {
  thread_ = std::thread([this] { Run(); });
}

void WatchHub::Stop() {
  {
    base::MutexLock lock(mu_);
    stopping_ = true;
  }
  wake_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

void WatchHub::Notify() {
  {
    base::MutexLock lock(mu_);
    changed_ = true;
  }
  wake_.NotifyAll();
}

void WatchHub::Run() {
  for (;;) {
    {
      base::MutexLock lock(mu_);
      if (!changed_ && !stopping_) wake_.WaitFor(lock, kMaxPause);
      if (stopping_) return;
      changed_ = false;
    }
    for (const Topic& topic : topics_) topic();
    // Changes come in bursts; what they lead to is read once.
    base::MutexLock lock(mu_);
    const absl::Time until = absl::Now() + kMinPause;
    while (!stopping_ && absl::Now() < until) wake_.WaitFor(lock, until - absl::Now());
    if (stopping_) return;
  }
}

}  // namespace lockstep::coordinator
