#include "coordinator/lease/lessor.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"

#include "engine/base/log.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

// While a revoke waits for a lock, asks who is in its way and terminates them. Ends with the scope.
class BlockerTerminator {
 public:
  BlockerTerminator(Database* database, int waiter, absl::Duration patience)
      : thread_([this, database, waiter, patience] { Run(database, waiter, patience); }) {}
  ~BlockerTerminator() {
    {
      base::MutexLock lock(mu_);
      done_ = true;
    }
    wake_.NotifyAll();
    thread_.join();
  }

 private:
  static constexpr absl::Duration kPause = absl::Milliseconds(100);

  void Run(Database* database, int waiter, absl::Duration patience) {
    absl::Duration pause = patience;
    for (;;) {
      {
        base::MutexLock lock(mu_);
        if (!done_) wake_.WaitFor(lock, pause);
        if (done_) return;
      }
      pause = kPause;
      auto connection = database->Take();
      if (!connection.ok()) continue;
      const auto terminated = TerminateBlockersOf(**connection, waiter);
      if (!terminated.ok()) {
        base::LogWarning("blockers of a revoke could not be terminated",
                         {{"error", std::string(terminated.status().message())}});
      }
    }
  }

  base::Mutex mu_;
  base::CondVar wake_;
  bool done_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

std::string AtWork(Version version, const StatementHolder& holder) {
  std::string text = absl::StrCat("backend ", holder.pid, " still runs a statement of version ",
                                  version, ", whose agent is gone");
  if (!holder.phase.empty()) absl::StrAppend(&text, ": ", holder.phase);
  if (holder.percent >= 0) absl::StrAppend(&text, ", ", holder.percent, " %");
  return text;
}

}  // namespace

absl::StatusOr<LeaseToken> Lessor::Grant(const LeaderToken& leader, int64_t seen_epoch,
                                         const GrantRequest& request) {
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  GrantRequest full = request;
  full.ttl = options_.durations.lease_ttl;
  ASSIGN_OR_RETURN(const LeaseToken token, GrantRun(*connection, leader, seen_epoch, full));
  const absl::Duration now = options_.clock->SinceBoot();
  base::LogInfo("run granted", {{"first", absl::StrCat(request.first)},
                                {"last", absl::StrCat(request.last)},
                                {"to", request.holder},
                                {"lease_epoch", absl::StrCat(token.epoch)}});
  base::MutexLock lock(mu_);
  held_ = HeldLease{.lease = {.token = token,
                              .held = true,
                              .session = request.session,
                              .operation = request.operation,
                              .first = request.first,
                              .last = request.last},
                    .holder = request.holder,
                    .since = now,
                    .deadline = now + options_.durations.lease_ttl};
  return token;
}

void Lessor::Adopt(const LeaseRow& lease, const std::string& holder) {
  const absl::Duration now = options_.clock->SinceBoot();
  base::MutexLock lock(mu_);
  if (held_.has_value() && held_->lease.token == lease.token) return;
  held_ = HeldLease{.lease = lease,
                    .holder = holder,
                    .since = now,
                    .deadline = now + options_.durations.lease_ttl};
}

void Lessor::Reset() {
  base::MutexLock lock(mu_);
  held_.reset();
}

void Lessor::Forget(int64_t epoch) {
  base::MutexLock lock(mu_);
  if (held_.has_value() && held_->lease.token.epoch <= epoch) held_.reset();
}

void Lessor::Accept(const std::string& session_id, const LeaseToken& token) {
  (void)StreamBack(session_id, token);  // The same: it works on it.
}

void Lessor::Heartbeat(const std::string& session_id) {
  base::MutexLock lock(mu_);
  if (!held_.has_value() || held_->lease.session != session_id || !held_->taken) return;
  held_->deadline = options_.clock->SinceBoot() + options_.durations.lease_ttl;
}

void Lessor::StreamLost(const std::string& session_id) {
  base::MutexLock lock(mu_);
  if (!held_.has_value() || held_->lease.session != session_id) return;
  held_->deadline =
      std::min(held_->deadline, options_.clock->SinceBoot() + options_.durations.lease_reconnect);
}

void Lessor::Decline(const std::string& session_id, const LeaseToken& token) {
  base::MutexLock lock(mu_);
  if (!held_.has_value() || held_->lease.session != session_id || held_->lease.token != token) {
    return;
  }
  held_->taken = false;
  held_->deadline = options_.clock->SinceBoot();
}

void Lessor::Left(const std::string& session_id) {
  base::MutexLock lock(mu_);
  if (!held_.has_value() || held_->lease.session != session_id) return;
  held_->taken = false;
  held_->deadline = options_.clock->SinceBoot();
}

void Lessor::OfferedAgain(const std::string& session_id) {
  base::MutexLock lock(mu_);
  if (!held_.has_value() || held_->lease.session != session_id) return;
  held_->taken = false;
  held_->deadline = options_.clock->SinceBoot() + options_.durations.lease_ttl;
}

bool Lessor::StreamBack(const std::string& session_id, const LeaseToken& token) {
  base::MutexLock lock(mu_);
  if (!held_.has_value() || held_->lease.session != session_id || held_->lease.token != token) {
    return false;
  }
  held_->taken = true;
  held_->deadline = options_.clock->SinceBoot() + options_.durations.lease_ttl;
  return true;
}

bool Lessor::Progress(const LeaseToken& token, const RunProgress& progress) {
  base::MutexLock lock(mu_);
  if (!held_.has_value() || held_->lease.token != token) return false;
  held_->progress = progress;
  return true;
}

std::optional<HeldLease> Lessor::held() const {
  base::MutexLock lock(mu_);
  return held_;
}

bool Lessor::Overdue() const { return UntilOverdue() <= absl::ZeroDuration(); }

absl::Duration Lessor::UntilOverdue() const {
  base::MutexLock lock(mu_);
  if (!held_.has_value()) return absl::InfiniteDuration();
  return held_->deadline - options_.clock->SinceBoot();
}

absl::Status Lessor::Revoke(const LeaderToken& leader, const std::string& reason, bool overdue) {
  const std::optional<HeldLease> lease = held();
  if (!lease.has_value()) return absl::OkStatus();
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  absl::StatusOr<bool> revoked;
  {
    const BlockerTerminator terminator(options_.database, connection->backend_pid(),
                                       options_.durations.revoke_patience);
    revoked = RevokeRun(*connection, leader, lease->lease.token, reason,
                        options_.durations.revoke_wait, overdue && lease->taken);
  }
  RETURN_IF_ERROR(revoked.status());
  base::LogInfo(*revoked ? "run revoked" : "run had ended before it was revoked",
                {{"first", absl::StrCat(lease->lease.first)},
                 {"last", absl::StrCat(lease->lease.last)},
                 {"holder", lease->holder},
                 {"reason", reason},
                 {"lease_epoch", absl::StrCat(lease->lease.token.epoch)}});
  Forget(lease->lease.token.epoch);
  return absl::OkStatus();
}

absl::StatusOr<bool> Lessor::TakeBack(const LeaderToken& leader, const std::string& reason) {
  const std::optional<HeldLease> lease = held();
  if (!lease.has_value()) return true;
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  const absl::StatusOr<bool> revoked =
      RevokeRun(*connection, leader, lease->lease.token, reason, options_.durations.take_back_wait);
  if (absl::IsDeadlineExceeded(revoked.status())) return false;
  RETURN_IF_ERROR(revoked.status());
  base::LogInfo("run taken back between two migrations",
                {{"last", absl::StrCat(lease->lease.last)},
                 {"holder", lease->holder},
                 {"reason", reason},
                 {"lease_epoch", absl::StrCat(lease->lease.token.epoch)}});
  Forget(lease->lease.token.epoch);
  return true;
}

absl::StatusOr<Lessor::Settled> Lessor::Settle(const LeaderToken& leader, const LeaseRow& lease,
                                               bool force) {
  const int64_t epoch = lease.token.epoch;
  const absl::Duration now = options_.clock->SinceBoot();
  absl::Duration since;
  {
    base::MutexLock lock(mu_);
    if (settling_epoch_ != epoch) {
      settling_epoch_ = epoch;
      settling_since_ = now;
    }
    since = now - settling_since_;
  }
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  ASSIGN_OR_RETURN(const SettleOutcome outcome, SettleRun(*connection, leader, epoch));
  if (outcome != SettleOutcome::kBusy) {
    base::LogInfo("run settled",
                  {{"version", absl::StrCat(lease.first)},
                   {"half_done", outcome == SettleOutcome::kHalfDone ? "true" : "false"},
                   {"lease_epoch", absl::StrCat(epoch)}});
    base::MutexLock lock(mu_);
    half_done_epoch_ = outcome == SettleOutcome::kHalfDone ? epoch : 0;
    return Settled{.outcome = outcome};
  }
  ASSIGN_OR_RETURN(const auto holder, ReadStatementHolder(*connection));
  if (!holder.has_value()) return Settled{.outcome = outcome};  // Gone by now: the next look.
  const bool stuck = holder->sits_idle && holder->since > options_.durations.revoke_patience;
  if (stuck || (force && since > options_.durations.revoke_wait)) {
    const auto terminated = TerminateStatementHolder(*connection, *holder);
    if (!terminated.ok()) {
      base::LogWarning("a backend that holds the lock of statements could not be terminated",
                       {{"pid", absl::StrCat(holder->pid)},
                        {"error", std::string(terminated.status().message())}});
    }
  }
  return Settled{.outcome = outcome, .why = AtWork(lease.first, *holder)};
}

bool Lessor::IsHalfDone(int64_t epoch) const {
  base::MutexLock lock(mu_);
  return half_done_epoch_ == epoch && epoch != 0;
}

absl::StatusOr<bool> Lessor::Complete(const LeaderToken& leader, const LeaseToken& token,
                                      const std::string& outcome, Version committed,
                                      const std::optional<RunError>& error) {
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  ASSIGN_OR_RETURN(const bool gave_back,
                   CompleteRun(*connection, leader, token, outcome, committed, error));
  // A report under another token says nothing about the lease that is held.
  base::MutexLock lock(mu_);
  if (held_.has_value() && held_->lease.token == token) held_.reset();
  return gave_back;
}

}  // namespace lockstep::coordinator
