#include "agent/process/ready_poller.h"

#include <utility>

#include "absl/time/clock.h"

#include "agent/process/http.h"
#include "engine/base/log.h"

namespace lockstep::process {

ReadyPoller::ReadyPoller(ReadyPollerOptions options, std::function<void()> ready)
    : options_(std::move(options)), ready_(std::move(ready)), thread_([this] { Run(); }) {}

ReadyPoller::~ReadyPoller() {
  {
    base::MutexLock lock(mu_);
    stopping_ = true;
  }
  stopped_.NotifyAll();
  thread_.join();
}

void ReadyPoller::Run() {
  do {
    const int status = ProbeUrl(options_.url, options_.timeout);
    base::LogDebug("ready URL asked", {{"url", options_.url}, {"status", std::to_string(status)}});
    if (status >= 200 && status < 300) return ready_();
  } while (Rest());
}

bool ReadyPoller::Rest() {
  const absl::Time until = absl::Now() + options_.interval;
  base::MutexLock lock(mu_);
  while (!stopping_ && absl::Now() < until) stopped_.WaitFor(lock, until - absl::Now());
  return !stopping_;
}

}  // namespace lockstep::process
