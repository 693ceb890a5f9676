#include "agent/worker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "engine/base/clock.h"
#include "engine/base/error_info.h"
#include "engine/base/failpoint.h"
#include "engine/base/ids.h"
#include "engine/base/log.h"
#include "engine/base/status_macros.h"

namespace lockstep::agent {
namespace {

using apply::LeaseToken;
using apply::RunResult;

absl::Duration Clock() { return base::SystemClock()->SinceBoot(); }

bool IsWellFormed(const LeaseOffer& offer) {
  return base::IsUuid(offer.token.lease_id) && offer.first >= 1 && offer.last >= offer.first &&
         offer.last - offer.first < apply::kMaxRunLength;
}

// Checks that `part` continues the run at `from` and stays inside it.
absl::Status CheckPart(const FetchedRun& part, const LeaseOffer& offer, chain::Version from) {
  bool fits = !part.items.empty();
  for (const apply::RunItem& item : part.items) fits = fits && item.version == from++;
  fits = fits && from - 1 <= offer.last && part.more == (from <= offer.last);
  if (fits) return absl::OkStatus();
  return base::MakeError(absl::StatusCode::kInternal, "BAD_RUN",
                         absl::StrCat("the coordinator's answer does not fit the leased run ",
                                      offer.first, " to ", offer.last));
}

base::LogFields RunFields(const LeaseOffer& offer) {
  return {{"first", absl::StrCat(offer.first)},
          {"last", absl::StrCat(offer.last)},
          {"lease", apply::ApplicationNameOf(offer.token)}};
}

// The connection has to be checked again before another run.
bool ShowsUnfit(const RunResult& result) {
  if (!result.error.has_value()) return false;
  const bool could_not_begin = result.outcome == apply::RunOutcome::kNotStarted &&
                               result.error->reason == "DATABASE_UNAVAILABLE";
  return result.error->agent_unfit || could_not_begin;
}

void LogEnd(const LeaseOffer& offer, const RunResult& result) {
  base::LogFields fields = RunFields(offer);
  fields.emplace_back("committed", absl::StrCat(result.committed));
  if (!result.error.has_value()) {
    base::LogInfo("run applied", fields);
    return;
  }
  fields.emplace_back("version", absl::StrCat(result.error->version));
  fields.emplace_back("reason", result.error->reason);
  fields.emplace_back("sqlstate", result.error->sqlstate);
  fields.emplace_back("error", result.error->message);
  base::LogWarning("run ended early", fields);
}

}  // namespace

bool MayRetry(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
      return true;
    default:
      return false;
  }
}

WorkerEngine PostgresEngine(const std::string& conninfo, bool allow_superuser) {
  WorkerEngine engine;
  engine.probe = [conninfo, allow_superuser](const std::string& owner_role) {
    return apply::ProbeMigrator(conninfo,
                                {.owner_role = owner_role, .allow_superuser = allow_superuser});
  };
  engine.apply = [conninfo, allow_superuser](apply::RunSpec spec, apply::Cancellation& cancellation,
                                             const apply::Observer& observer) {
    spec.conninfo = conninfo;
    spec.allow_superuser = allow_superuser;
    return apply::ApplyRun(spec, cancellation, observer);
  };
  return engine;
}

Worker::Worker(WorkerEngine engine, RunClient* client, WorkerListener listener, WorkerLimits limits)
    : engine_(std::move(engine)),
      client_(client),
      listener_(std::move(listener)),
      limits_(limits),
      probe_backoff_(limits.probe) {}

Worker::~Worker() { Stop(absl::ZeroDuration()); }

void Worker::Start() {
  thread_ = std::thread([this] { Loop(); });
}

std::optional<std::string> Worker::Refusal(const LeaseOffer& offer) const {
  if (!IsWellFormed(offer)) return "the offer is malformed";
  if (stopping_ || draining_) return "draining";
  if (!fitness_.can_migrate) {
    return fitness_.error.empty() ? "the migrator connection is not checked yet" : fitness_.error;
  }
  if (current_.has_value() && !reporting_) return "busy with another run";
  return std::nullopt;
}

bool Worker::IsTaken(const LeaseToken& token) const {
  return (current_.has_value() && current_->offer.token == token) ||
         (next_.has_value() && next_->offer.token == token);
}

void Worker::Accept(const LeaseOffer& offer) {
  Taken taken{.offer = offer, .cancellation = std::make_shared<apply::Cancellation>()};
  // A report that nobody waits for any more makes room: there is one lease, so the old one is over.
  (current_.has_value() ? next_ : current_) = std::move(taken);
  changed_.NotifyAll();
}

void Worker::Offer(const LeaseOffer& offer) {
  std::optional<std::string> refusal;
  {
    base::MutexLock lock(mu_);
    if (!IsTaken(offer.token)) {
      refusal = Refusal(offer);
      if (!refusal.has_value()) Accept(offer);
      // There is one lease: an offer of another token means that ours is no longer current.
      const bool other = current_.has_value() && !(current_->offer.token == offer.token);
      if (other && IsWellFormed(offer)) {
        current_->cancellation->Request("another run was offered");
      }
    }
  }
  if (refusal.has_value()) {
    base::LogFields fields = RunFields(offer);
    fields.emplace_back("why", *refusal);
    base::LogInfo("run declined", fields);
  }
  listener_.answer(offer.token, !refusal.has_value(), refusal.value_or(""));
}

void Worker::Revoke(const LeaseToken& token, const std::string& why) {
  base::MutexLock lock(mu_);
  for (const std::optional<Taken>* taken : {&current_, &next_}) {
    if (taken->has_value() && (*taken)->offer.token == token) (*taken)->cancellation->Request(why);
  }
}

void Worker::Drain() {
  base::MutexLock lock(mu_);
  draining_ = true;
}

std::optional<LeaseToken> Worker::held() const {
  base::MutexLock lock(mu_);
  if (next_.has_value()) return next_->offer.token;
  if (current_.has_value()) return current_->offer.token;
  return std::nullopt;
}

Fitness Worker::fitness() const {
  base::MutexLock lock(mu_);
  return fitness_;
}

void Worker::WaitForFirstProbe(absl::Duration timeout) const {
  const absl::Duration deadline = Clock() + timeout;
  base::MutexLock lock(mu_);
  while (!probed_ && !stopping_) {
    const absl::Duration left = deadline - Clock();
    if (left <= absl::ZeroDuration()) return;
    changed_.WaitFor(lock, left);
  }
}

void Worker::Stop(absl::Duration timeout) {
  const absl::Duration stop_by = Clock() + timeout;
  {
    base::MutexLock lock(mu_);
    stopping_ = true;
    stop_by_ = std::min(stop_by_, stop_by);
    for (const std::optional<Taken>* taken : {&current_, &next_}) {
      if (taken->has_value()) (*taken)->cancellation->Request("the agent stops");
    }
    changed_.NotifyAll();
    while (thread_.joinable() && !ended_) {
      const absl::Duration left = stop_by - Clock();
      if (left <= absl::ZeroDuration()) break;
      changed_.WaitFor(lock, left);
    }
  }
  if (!thread_.joinable()) return;
  client_->Interrupt();
  thread_.join();
}

void Worker::Loop() {
  for (;;) {
    const Task task = NextTask();
    if (task == Task::kProbe) Probe();
    if (task == Task::kRun) Run();
    if (task == Task::kStop) break;
  }
  base::MutexLock lock(mu_);
  ended_ = true;
  changed_.NotifyAll();
}

Worker::Task Worker::NextTask() {
  base::MutexLock lock(mu_);
  for (;;) {
    if (current_.has_value()) return Task::kRun;
    if (stopping_) return Task::kStop;
    if (fitness_.can_migrate) {
      changed_.Wait(lock);
      continue;
    }
    const absl::Duration left = next_probe_ - Clock();
    if (left <= absl::ZeroDuration()) return Task::kProbe;
    changed_.WaitFor(lock, left);
  }
}

void Worker::Probe() {
  const absl::Status status = engine_.probe(owner_role_);
  const Fitness fitness{.can_migrate = status.ok(), .error = std::string(status.message())};
  bool changed = false;
  {
    base::MutexLock lock(mu_);
    changed = !probed_ || !(fitness == fitness_);
    probed_ = true;
    fitness_ = fitness;
    if (status.ok()) probe_backoff_.Reset();
    next_probe_ = Clock() + probe_backoff_.Next();
    changed_.NotifyAll();
  }
  if (!changed) return;
  if (status.ok()) {
    base::LogInfo("migrator connection is fit");
  } else {
    base::LogWarning("migrator connection is not fit",
                     {{"reason", base::ReasonOf(status)}, {"error", fitness.error}});
  }
  listener_.fitness(fitness);
}

void Worker::BecomeUnfit(const std::string& error) {
  base::MutexLock lock(mu_);
  fitness_ = {.can_migrate = false, .error = error};
  // At least the base: the coordinator should hear of it before it is over.
  next_probe_ = Clock() + limits_.probe.base + probe_backoff_.Next();
}

void Worker::Run() {
  Taken taken;
  {
    base::MutexLock lock(mu_);
    taken = *current_;
  }
  base::LogInfo("run accepted", RunFields(taken.offer));
  const RunResult result = Apply(taken);
  LogEnd(taken.offer, result);
  // Unfit before anybody hears of it, so that the next offer is declined.
  const bool unfit = ShowsUnfit(result);
  if (unfit) BecomeUnfit(result.error->message);
  {
    base::MutexLock lock(mu_);
    reporting_ = true;
  }
  Complete(taken.offer.token, result);
  {
    base::MutexLock lock(mu_);
    current_ = std::exchange(next_, std::nullopt);
    reporting_ = false;
  }
  if (unfit) listener_.fitness(fitness());
}

RunResult Worker::Apply(const Taken& taken) {
  const absl::StatusOr<apply::RunSpec> spec = Fetch(taken);
  if (!spec.ok()) {
    return {.outcome = apply::RunOutcome::kNotStarted,
            .committed = 0,
            .error = apply::RunErrorOf(taken.offer.first, spec.status())};
  }
  owner_role_ = spec->settings.owner_role;
  const LeaseToken& token = taken.offer.token;
  return engine_.apply(*spec, *taken.cancellation, [this, &token](const apply::Progress& progress) {
    listener_.progress(token, progress);
  });
}

absl::StatusOr<apply::RunSpec> Worker::Fetch(const Taken& taken) {
  const LeaseOffer& offer = taken.offer;
  const absl::Duration deadline = Clock() + limits_.fetch;
  apply::RunSpec spec{.token = offer.token, .items = {}, .settings = {}, .conninfo = ""};
  // Each part holds at least one migration, so this ends.
  for (chain::Version from = offer.first; from <= offer.last;) {
    ASSIGN_OR_RETURN(FetchedRun part, FetchPart(taken, from, deadline));
    RETURN_IF_ERROR(CheckPart(part, offer, from));
    from += static_cast<chain::Version>(part.items.size());
    std::move(part.items.begin(), part.items.end(), std::back_inserter(spec.items));
    spec.settings = std::move(part.settings);
  }
  return spec;
}

absl::StatusOr<FetchedRun> Worker::FetchPart(const Taken& taken, chain::Version from,
                                             absl::Duration deadline) {
  base::Backoff backoff(limits_.call);
  for (;;) {
    if (taken.cancellation->requested()) {
      return apply::CancelledError(taken.cancellation->why());
    }
    absl::StatusOr<FetchedRun> part = client_->FetchRun(taken.offer.token, from);
    if (part.ok() || !MayRetry(part.status())) return part;
    const absl::Duration left = deadline - Clock();
    if (left <= absl::ZeroDuration()) return part;
    taken.cancellation->WaitFor(std::min(left, backoff.Next()));
  }
}

void Worker::Complete(const LeaseToken& token, const RunResult& result) {
  const absl::Duration deadline = Clock() + limits_.complete;
  base::Backoff backoff(limits_.call);
  for (;;) {
    absl::Status status = LOCKSTEP_FAILPOINT_STATUS("agent.before_report", base::kNoSocket);
    if (status.ok()) status = client_->CompleteRun(token, result);
    if (status.ok()) return;
    const bool again = MayRetry(status) && RestBeforeReport(backoff.Next(), deadline);
    if (again) continue;
    base::LogWarning("end of run not acknowledged", {{"lease", apply::ApplicationNameOf(token)},
                                                     {"reason", base::ReasonOf(status)},
                                                     {"error", std::string(status.message())}});
    // Or heartbeats of this agent would go on renewing a lease that nobody works on.
    listener_.answer(token, false, "the end of the run could not be reported");
    return;
  }
}

bool Worker::RestBeforeReport(absl::Duration rest, absl::Duration deadline) {
  const absl::Duration until = std::min(deadline, Clock() + rest);
  base::MutexLock lock(mu_);
  for (;;) {
    const absl::Duration now = Clock();
    if (next_.has_value() || now >= deadline || now >= stop_by_) return false;
    if (now >= until) return true;
    changed_.WaitFor(lock, std::min(until, stop_by_) - now);
  }
}

}  // namespace lockstep::agent
