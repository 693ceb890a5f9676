#include "engine/apply/lock_watch.h"

#include <algorithm>
#include <utility>

#include "engine/base/clock.h"

namespace lockstep::apply {
namespace {

constexpr char kLook[] = "SELECT * FROM lockstep.lock_wait($1::pg_catalog.int4)";
// The session only ever looks; it must not become one that others wait for.
constexpr char kLimits[] =
    "SELECT pg_catalog.set_config('statement_timeout', '2s', false),"
    " pg_catalog.set_config('lock_timeout', '1s', false)";

absl::Duration Clock() { return base::SystemClock()->SinceBoot(); }

bool SameBlockers(const postgres::LockWait& a, const postgres::LockWait& b) {
  return a.relation == b.relation &&
         std::equal(
             a.blockers.begin(), a.blockers.end(), b.blockers.begin(), b.blockers.end(),
             [](const auto& x, const auto& y) { return x.pid == y.pid && x.state == y.state; });
}

}  // namespace

LockWatch::LockWatch(LockWatchOptions options, OnWait on_wait)
    : options_(std::move(options)), on_wait_(std::move(on_wait)), thread_([this] { Run(); }) {}

LockWatch::~LockWatch() {
  {
    base::MutexLock lock(mu_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

void LockWatch::Arm() {
  base::MutexLock lock(mu_);
  armed_ = true;
  seen_.reset();
  waiting_ = false;
  ++turn_;
  looks_ = 0;
  since_ = Clock();
}

void LockWatch::Turn() {
  base::MutexLock lock(mu_);
  ++turn_;
  looks_ = 0;
  since_ = Clock();
}

std::optional<postgres::LockWait> LockWatch::Disarm() {
  base::MutexLock lock(mu_);
  armed_ = false;
  return std::exchange(seen_, std::nullopt);
}

// Nobody wakes it for a statement: it looks around at its own pace, so that arming costs nothing.
void LockWatch::Run() {
  for (;;) {
    {
      base::MutexLock lock(mu_);
      if (!stopping_) {
        changed_.WaitFor(lock, armed_ && looks_ > kOften ? kSeldom : kInterval);
      }
      if (stopping_) return;
      if (!armed_ || Clock() - since_ < kInterval) continue;
      ++looks_;
    }
    Look();
  }
}

void LockWatch::Look() {
  int64_t turn = 0;
  {
    base::MutexLock lock(mu_);
    turn = turn_;
  }
  if (session_ == nullptr || !session_->usable()) {
    auto opened = postgres::ScriptSession::Open(
        {.conninfo = options_.conninfo, .application_name = options_.application_name});
    // A server without room for it has none to spare: the migration goes on unobserved.
    if (!opened.ok() || !(*opened)->Execute(kLimits).ok()) return;
    session_ = *std::move(opened);
  }
  const auto rows = session_->Execute(kLook, {postgres::Param(options_.pid)});
  if (!rows.ok()) return;
  Remember(turn, rows->empty() ? std::nullopt : std::optional(postgres::LockWaitOf(*rows)));
}

// What was seen of an earlier statement says nothing about this one.
void LockWatch::Remember(int64_t turn, std::optional<postgres::LockWait> wait) {
  base::MutexLock lock(mu_);
  if (!armed_ || turn != turn_ || stopping_) return;
  const absl::Duration now = Clock();
  bool told = wait.has_value() != waiting_;
  if (wait.has_value() && waiting_) {
    told = !SameBlockers(*wait, *seen_) || now - reported_ >= kSeldom;
  }
  waiting_ = wait.has_value();
  if (wait.has_value()) seen_ = wait;
  if (!told) return;
  reported_ = now;
  // Under the lock, so that nothing is told after Disarm.
  on_wait_(wait);
}

}  // namespace lockstep::apply
