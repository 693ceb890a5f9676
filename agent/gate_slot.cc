#include "agent/gate_slot.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "engine/base/error_info.h"
#include "engine/base/log.h"

namespace lockstep::agent {
namespace {

std::map<std::string, std::string> MetadataOf(const GateVerdict& verdict) {
  return {{"reason", verdict.reason},
          {"applied", absl::StrCat(verdict.applied)},
          {"needs", absl::StrCat(verdict.needs)},
          {"head", absl::StrCat(verdict.head)}};
}

std::string SentenceOf(const GateVerdict& verdict) {
  return verdict.detail.empty() ? verdict.reason
                                : absl::StrCat(verdict.reason, ": ", verdict.detail);
}

absl::Status TimeoutError(const GateVerdict& verdict, absl::Duration timeout) {
  return base::MakeError(absl::StatusCode::kDeadlineExceeded, "GATE_TIMEOUT",
                         absl::StrCat("the gate did not open within ",
                                      absl::FormatDuration(timeout), ": ", SentenceOf(verdict)),
                         MetadataOf(verdict), verdict.hint);
}

bool IsFinal(const GateVerdict& verdict) {
  return verdict.state == GateState::kRefused && verdict.reason != kDraining;
}

bool IsSame(const GateVerdict& a, const GateVerdict& b) {
  return a.state == b.state && a.reason == b.reason && a.detail == b.detail && a.hint == b.hint &&
         a.applied == b.applied && a.needs == b.needs && a.head == b.head && a.facts == b.facts;
}

}  // namespace

absl::Status RefusedError(const GateVerdict& verdict) {
  return base::MakeError(absl::StatusCode::kFailedPrecondition, "GATE_REFUSED",
                         absl::StrCat("this build may not start: ", SentenceOf(verdict)),
                         MetadataOf(verdict), verdict.hint);
}

void GateSlot::Set(GateVerdict verdict) {
  base::MutexLock lock(mu_);
  if (verdict_.state == GateState::kOpen) {
    if (verdict.state != GateState::kOpen) {
      base::LogWarning("gate closed for this build, serving goes on",
                       {{"reason", verdict.reason}, {"detail", verdict.detail}});
    }
    return;
  }
  if (verdict.state != verdict_.state || verdict.reason != verdict_.reason) {
    base::LogInfo("gate", {{"reason", verdict.reason},
                           {"detail", verdict.detail},
                           {"applied", absl::StrCat(verdict.applied)},
                           {"needs", absl::StrCat(verdict.needs)}});
  }
  away_ = false;
  Publish(std::move(verdict));
}

void GateSlot::SetAway(GateVerdict verdict) {
  base::MutexLock lock(mu_);
  if (verdict_.state == GateState::kOpen || IsFinal(verdict_)) return;
  away_ = true;
  Publish(std::move(verdict));
}

void GateSlot::SetConnecting(const std::string& detail) {
  base::MutexLock lock(mu_);
  if (verdict_.reason != kConnecting || away_) return;
  GateVerdict verdict = verdict_;
  verdict.detail = detail;
  Publish(std::move(verdict));
}

void GateSlot::Publish(GateVerdict verdict) {
  if (IsSame(verdict, verdict_)) return;
  verdict_ = std::move(verdict);
  ++version_;
  changed_.NotifyAll();
}

GateVerdict GateSlot::Get() const {
  base::MutexLock lock(mu_);
  return verdict_;
}

bool GateSlot::is_open() const {
  base::MutexLock lock(mu_);
  return verdict_.state == GateState::kOpen;
}

absl::Status GateSlot::WaitUntilOpen(absl::Duration timeout) const {
  const absl::Time deadline = absl::Now() + timeout;
  base::MutexLock lock(mu_);
  for (;;) {
    if (verdict_.state == GateState::kOpen) return absl::OkStatus();
    if (stopped_) return absl::CancelledError("the agent was stopped");
    if (IsFinal(verdict_)) return RefusedError(verdict_);
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) return TimeoutError(verdict_, timeout);
    // Bounded, because a condition variable cannot wait for ever in nanoseconds.
    changed_.WaitFor(lock, std::min(left, absl::Hours(1)));
  }
}

void GateSlot::Observe(GateObserver observer) {
  base::MutexLock lock(mu_);
  observer_ = std::move(observer);
  observed_ = 0;
  if (!stopped_ && observer_ && !thread_.joinable()) {
    thread_ = std::thread([this] { RunObserver(); });
  }
  changed_.NotifyAll();
  if (observer_thread_ == std::this_thread::get_id()) return;
  while (calling_) changed_.Wait(lock);
}

void GateSlot::RunObserver() {
  GateObserver observer;
  GateVerdict verdict;
  while (NextCall(&observer, &verdict)) {
    observer(verdict);
    observer = nullptr;  // What it holds is released before Observe returns.
    base::MutexLock lock(mu_);
    calling_ = false;
    changed_.NotifyAll();
  }
}

bool GateSlot::NextCall(GateObserver* observer, GateVerdict* verdict) {
  base::MutexLock lock(mu_);
  while (!stopped_ && (!observer_ || observed_ == version_)) changed_.Wait(lock);
  if (stopped_) return false;
  observed_ = version_;
  calling_ = true;
  observer_thread_ = std::this_thread::get_id();
  *observer = observer_;
  *verdict = verdict_;
  return true;
}

void GateSlot::Stop() {
  std::thread thread;
  {
    base::MutexLock lock(mu_);
    stopped_ = true;
    changed_.NotifyAll();
    // An observer may end the agent; its own thread is then joined by the destructor.
    if (observer_thread_ == std::this_thread::get_id()) return;
    thread = std::move(thread_);
  }
  if (thread.joinable()) thread.join();
}

}  // namespace lockstep::agent
