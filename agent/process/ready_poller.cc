#include "agent/process/ready_poller.h"

#include <utility>

#include "absl/time/clock.h"

#include "agent/process/http.h"
#include "engine/base/log.h"

namespace lockstep::process {

ReadyPoller::ReadyPoller(ReadyPollerOptions options, std::function<void(bool ready)> changed)
    : options_(std::move(options)), changed_(std::move(changed)), thread_([this] { Run(); }) {}

ReadyPoller::~ReadyPoller() {
  {
    base::MutexLock lock(mu_);
    stopping_ = true;
  }
  stopped_.NotifyAll();
  thread_.join();
}

void ReadyPoller::Run() {
  bool ready = false;
  int failures = 0;
  do {
    const int status = ProbeUrl(options_.url, options_.timeout);
    base::LogDebug("ready URL asked", {{"url", options_.url}, {"status", std::to_string(status)}});
    const bool good = status >= 200 && status < 300;
    failures = good ? 0 : failures + 1;
    if (good != ready && (good || failures >= options_.failures)) {
      ready = good;
      changed_(ready);
    }
    if (ready && !options_.for_ever) return;
  } while (Rest());
}

bool ReadyPoller::Rest() {
  const absl::Time until = absl::Now() + options_.interval;
  base::MutexLock lock(mu_);
  while (!stopping_ && absl::Now() < until) stopped_.WaitFor(lock, until - absl::Now());
  return !stopping_;
}

}  // namespace lockstep::process
