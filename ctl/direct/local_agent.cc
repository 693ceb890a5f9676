#include "ctl/direct/local_agent.h"

#include <thread>
#include <utility>

#include "engine/apply/cancellation.h"
#include "engine/backfill/part.h"
#include "engine/base/status_macros.h"

namespace lockstep::ctl {
namespace {

apply::LeaseToken TokenOf(const coordinator::LeaseToken& token) {
  return {.epoch = token.epoch, .lease_id = token.lease_id};
}

coordinator::RunOutcome OutcomeOf(apply::RunOutcome outcome) {
  switch (outcome) {
    case apply::RunOutcome::kSucceeded:
      return coordinator::RunOutcome::kSucceeded;
    case apply::RunOutcome::kFailed:
      return coordinator::RunOutcome::kFailed;
    case apply::RunOutcome::kNotStarted:
      return coordinator::RunOutcome::kNotStarted;
    case apply::RunOutcome::kUnknown:
      break;
  }
  return coordinator::RunOutcome::kUnknown;
}

std::optional<coordinator::RunError> ErrorOf(const std::optional<apply::MigrationError>& error) {
  if (!error.has_value()) return std::nullopt;
  return coordinator::RunError{.version = error->version,
                               .statement = error->statement,
                               .line = error->line,
                               .column = error->column,
                               .reason = error->reason,
                               .sqlstate = error->sqlstate,
                               .message = error->message,
                               .detail = error->detail,
                               .hint = error->hint,
                               .retryable = error->retryable,
                               .agent_unfit = error->agent_unfit,
                               .statement_text = error->statement_text,
                               .lock = error->lock};
}

// Set once by the thread that applies, waited for by the other.
class Finish {
 public:
  void Set() {
    base::MutexLock lock(mu_);
    set_ = true;
    changed_.NotifyAll();
  }
  // True once it is set.
  bool WaitFor(absl::Duration duration) {
    base::MutexLock lock(mu_);
    if (!set_) changed_.WaitFor(lock, duration);
    return set_;
  }

 private:
  base::Mutex mu_;
  base::CondVar changed_;
  bool set_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace

void LocalLink::SendBackfill(const coordinator::BackfillOffer& offer) {
  base::MutexLock lock(mu_);
  backfill_ = offer;
}

std::optional<coordinator::BackfillOffer> LocalLink::TakeBackfill() {
  base::MutexLock lock(mu_);
  return std::exchange(backfill_, std::nullopt);
}

void LocalAgent::RunBackfill(const coordinator::BackfillOffer& offer, const Pulse& pulse) {
  apply::Cancellation cancellation;
  apply::Cancellation over;  // Told when the thread is at its end.
  std::thread runner([&] {
    // The person who types it chose the connection.
    (void)backfill::RunPart(
        {.token = TokenOf(offer.token), .conninfo = options_.conninfo, .allow_superuser = true},
        cancellation, keeper_);
    over.Request("ended");
  });
  while (!over.WaitFor(kPulse)) {
    if (const absl::Status beat = pulse(); !beat.ok()) cancellation.Request(beat.message());
  }
  runner.join();
}

void LocalLink::SendOffer(const coordinator::LeaseOffer& offer) {
  base::MutexLock lock(mu_);
  offer_ = offer;
}

std::optional<coordinator::LeaseOffer> LocalLink::Take() {
  base::MutexLock lock(mu_);
  return std::exchange(offer_, std::nullopt);
}

absl::StatusOr<apply::RunSpec> LocalAgent::Fetch(const coordinator::LeaseOffer& offer) {
  apply::RunSpec spec{.token = TokenOf(offer.token),
                      .conninfo = options_.conninfo,
                      // Who runs this has the superuser's password already.
                      .allow_superuser = true};
  // Each part holds at least one migration, so this ends.
  for (coordinator::Version from = offer.first; from <= offer.last;) {
    ASSIGN_OR_RETURN(coordinator::FetchedRun part,
                     options_.operations->FetchRun(offer.token, from));
    for (size_t i = 0; i < part.texts.size(); ++i) {
      coordinator::MigrationText& text = part.texts[i];
      from = text.entry.version + 1;
      spec.items.push_back({.version = text.entry.version,
                            .title = std::move(text.entry.title),
                            .sql = std::move(text.sql),
                            .digest = std::move(text.entry.digest),
                            .group = part.groups[i],
                            .transactional = text.transactional});
    }
    spec.settings = {.owner_role = part.settings.owner_role,
                     .search_path = part.settings.search_path,
                     .lock_timeout = part.lock_timeout,
                     .statement_timeout = absl::ZeroDuration()};
  }
  return spec;
}

apply::RunResult LocalAgent::Apply(const coordinator::LeaseOffer& offer, const apply::RunSpec& spec,
                                   const Pulse& pulse) {
  apply::Cancellation cancellation;
  apply::RunResult result;
  Finish finish;
  std::thread thread([&] {
    result = apply::ApplyRun(spec, cancellation, [&](const apply::Progress& progress) {
      options_.lessor->Progress(offer.token, {.version = progress.version,
                                              .statement = progress.statement,
                                              .statements = progress.statements,
                                              .committed = progress.committed,
                                              .activity = progress.activity,
                                              .percent = progress.percent,
                                              .lock = progress.lock});
    });
    finish.Set();
  });
  while (!finish.WaitFor(kPulse)) {
    options_.lessor->Heartbeat(options_.session_id);
    if (cancellation.requested()) continue;
    if (const absl::Status status = pulse(); !status.ok()) cancellation.Request(status.message());
  }
  thread.join();
  return result;
}

absl::Status LocalAgent::Run(const coordinator::LeaseOffer& offer, const Pulse& pulse) {
  apply::RunResult result;
  options_.lessor->Accept(options_.session_id, offer.token);
  if (const auto spec = Fetch(offer); spec.ok()) {
    result = Apply(offer, *spec, pulse);
  } else {
    result.error = apply::RunErrorOf(offer.first, spec.status());
  }
  const auto applied =
      options_.operations->CompleteRun(options_.session_id, offer.token, OutcomeOf(result.outcome),
                                       result.committed, ErrorOf(result.error));
  // Silence would hold the lease for its whole time: as declined it is taken back at once.
  if (!applied.ok()) options_.lessor->Decline(options_.session_id, offer.token);
  return applied.status();
}

}  // namespace lockstep::ctl
