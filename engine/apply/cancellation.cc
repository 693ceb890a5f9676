#include "engine/apply/cancellation.h"

#include <algorithm>

#include "absl/time/clock.h"

namespace lockstep::apply {
namespace {
// How soon a cancel that may have come too early is repeated.
constexpr absl::Duration kRepeat = absl::Milliseconds(100);
// Of one wait: a condition variable cannot count an infinite one in nanoseconds.
constexpr absl::Duration kLongestWait = absl::Hours(1);
}  // namespace

void Cancellation::Request(absl::string_view why) {
  base::MutexLock lock(mu_);
  if (requested_) return;
  requested_ = true;
  why_ = std::string(why);
  changed_.NotifyAll();
}

bool Cancellation::requested() const {
  base::MutexLock lock(mu_);
  return requested_;
}

std::string Cancellation::why() const {
  base::MutexLock lock(mu_);
  return why_;
}

bool Cancellation::WaitFor(absl::Duration timeout) const {
  const absl::Time deadline = absl::Now() + timeout;
  base::MutexLock lock(mu_);
  while (!requested_) {
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) break;
    changed_.WaitFor(lock, std::min(left, kLongestWait));
  }
  return requested_;
}

CancelWatch::CancelWatch(Cancellation& cancellation, postgres::ScriptSession& session)
    : cancellation_(cancellation), session_(session), thread_([this] { Run(); }) {}

CancelWatch::~CancelWatch() {
  {
    base::MutexLock lock(cancellation_.mu_);
    stopped_ = true;
    cancellation_.changed_.NotifyAll();
  }
  thread_.join();
}

void CancelWatch::Disarm() {
  base::MutexLock lock(cancellation_.mu_);
  armed_ = false;
  while (sending_) cancellation_.changed_.Wait(lock);
}

void CancelWatch::Arm() {
  base::MutexLock lock(cancellation_.mu_);
  armed_ = true;
  cancellation_.changed_.NotifyAll();
}

void CancelWatch::Run() {
  while (NextCancel()) {
    session_.Cancel();
    Sent();
  }
}

bool CancelWatch::NextCancel() {
  base::MutexLock lock(cancellation_.mu_);
  // A repeated cancel waits its turn, so that a runner that is about to notice is left alone.
  bool rested = sent_ == 0;
  while (!stopped_) {
    const bool wanted = armed_ && cancellation_.requested_;
    if (wanted && rested) {
      sending_ = true;
      return true;
    }
    if (wanted) {
      rested = !cancellation_.changed_.WaitFor(lock, kRepeat);
    } else {
      cancellation_.changed_.Wait(lock);
    }
  }
  return false;
}

void CancelWatch::Sent() {
  base::MutexLock lock(cancellation_.mu_);
  sending_ = false;
  ++sent_;
  cancellation_.changed_.NotifyAll();
}

}  // namespace lockstep::apply
