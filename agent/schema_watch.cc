#include "agent/schema_watch.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "engine/base/log.h"

namespace lockstep::agent {
namespace {

// More are told as "everything".
constexpr size_t kMaxObjects = 1000;

}  // namespace

void SchemaWatch::Verdict(const GateVerdict& verdict) {
  base::MutexLock lock(mu_);
  if (!open_) applied_ = verdict.applied;
  if (verdict.state != GateState::kOpen) return;
  open_ = true;
  if (revision_ == 0) revision_ = verdict.revision;
}

void SchemaWatch::Incarnation(int64_t incarnation) {
  base::MutexLock lock(mu_);
  const bool same = incarnation_ == 0 || incarnation_ == incarnation;
  incarnation_ = incarnation;
  if (same || !open_) return;
  revision_ = 0;  // Until the next verdict.
  Add().everything = true;
  changed_.NotifyAll();
}

SchemaWatch::Pending& SchemaWatch::Add() {
  if (!pending_.has_value()) pending_ = Pending{.from = applied_};
  return *pending_;
}

void SchemaWatch::Changed(const v1::SchemaChanged& change) {
  base::MutexLock lock(mu_);
  if (!open_) return;
  Pending& pending = Add();
  pending.objects.insert(change.objects().begin(), change.objects().end());
  pending.everything = pending.everything || change.everything();
  if (pending.objects.size() > kMaxObjects) {
    pending.objects.clear();
    pending.everything = true;
  }
  revision_ = std::max(revision_, change.revision());
  applied_ = change.applied();
  base::LogInfo("schema changed", {{"applied", absl::StrCat(applied_)},
                                   {"objects", absl::StrCat(change.objects_size())},
                                   {"everything", change.everything() ? "true" : "false"}});
  changed_.NotifyAll();
}

int64_t SchemaWatch::revision() const {
  base::MutexLock lock(mu_);
  return open_ ? revision_ : 0;
}

int32_t SchemaWatch::applied() const {
  base::MutexLock lock(mu_);
  return applied_;
}

void SchemaWatch::Observe(SchemaObserver observer) {
  base::MutexLock lock(mu_);
  observer_ = std::move(observer);
  if (!stopped_ && observer_ && !thread_.joinable()) thread_ = std::thread([this] { Run(); });
  changed_.NotifyAll();
}

void SchemaWatch::Run() {
  for (;;) {
    SchemaObserver observer;
    SchemaChange change;
    {
      base::MutexLock lock(mu_);
      observer_thread_ = std::this_thread::get_id();
      while (!stopped_ && (!pending_.has_value() || !observer_)) changed_.Wait(lock);
      if (stopped_) return;
      observer = observer_;
      change = {.from = pending_->from,
                .to = applied_,
                .objects = {pending_->objects.begin(), pending_->objects.end()},
                .everything = pending_->everything};
      pending_.reset();
    }
    observer(change);
  }
}

void SchemaWatch::Stop() {
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
