#include "agent/self_stop.h"

#include <algorithm>
#include <utility>

namespace lockstep::agent {
namespace {

// A clock that also counts suspend does not wake a sleeper: it looks at least this often.
constexpr absl::Duration kLook = absl::Seconds(1);

}  // namespace

void SelfStop::Acknowledged(absl::Duration sent, absl::Duration stop_after) {
  base::MutexLock lock(mu_);
  if (Left() <= absl::ZeroDuration()) return;
  sent_ = std::max(sent_, sent);
  stop_after_ = stop_after;
  changed_.NotifyAll();
}

void SelfStop::Arm() {
  base::MutexLock lock(mu_);
  armed_ = true;
  changed_.NotifyAll();
}

void SelfStop::ArmWithoutCoordinator() {
  base::MutexLock lock(mu_);
  if (armed_) return;
  armed_ = true;
  sent_ = -absl::InfiniteDuration();
  stop_after_ = absl::InfiniteDuration();
  changed_.NotifyAll();
}

void SelfStop::Observe(std::function<void()> lost) {
  base::MutexLock lock(mu_);
  lost_ = std::move(lost);
  if (!thread_.joinable() && !stopped_) thread_ = std::thread([this] { Run(); });
  changed_.NotifyAll();
}

absl::Duration SelfStop::Left() const {
  if (!armed_ || stop_after_ == absl::InfiniteDuration()) return absl::InfiniteDuration();
  return sent_ + stop_after_ - clock_->SinceBoot();
}

void SelfStop::Run() {
  std::function<void()> call;
  {
    base::MutexLock lock(mu_);
    for (;;) {
      if (stopped_) return;
      const absl::Duration left = Left();
      const bool counts = left < absl::InfiniteDuration() && lost_ != nullptr;
      if (counts && left <= absl::ZeroDuration()) break;
      if (counts) {
        changed_.WaitFor(lock, std::min(left, kLook));
      } else {
        changed_.Wait(lock);
      }
    }
    call = std::exchange(lost_, nullptr);
  }
  call();
}

void SelfStop::Stop() {
  std::thread thread;
  {
    base::MutexLock lock(mu_);
    stopped_ = true;
    changed_.NotifyAll();
    thread = std::move(thread_);
  }
  if (thread.joinable()) thread.join();
}

}  // namespace lockstep::agent
