#include "agent/backfill_worker.h"

#include <utility>

#include "engine/base/log.h"

namespace lockstep::agent {
namespace {

// A vacuum that a part began goes on if the next part of its job comes within it; else it is ended,
// because a migration of that table would wait for it.
constexpr absl::Duration kNextPart = absl::Milliseconds(500);

const char* NameOf(backfill::PartOutcome outcome) {
  switch (outcome) {
    case backfill::PartOutcome::kDone:
      return "done";
    case backfill::PartOutcome::kGivenBack:
      return "given back";
    case backfill::PartOutcome::kFenced:
      return "taken over";
    case backfill::PartOutcome::kLost:
      break;
  }
  return "lost";
}

}  // namespace

BackfillWorker::BackfillWorker(std::string conninfo, bool allow_superuser, Ended ended)
    : conninfo_(std::move(conninfo)),
      allow_superuser_(allow_superuser),
      ended_(std::move(ended)),
      thread_([this] { Loop(); }) {}

BackfillWorker::~BackfillWorker() { Stop(); }

void BackfillWorker::Offer(const apply::LeaseToken& token, const std::string& name) {
  base::MutexLock lock(mu_);
  if (stopping_) return;  // It goes to another when nobody works on it.
  if (current_ != nullptr) current_->Request("another part was offered");
  next_ =
      Taken{.part = {.token = token, .conninfo = conninfo_, .allow_superuser = allow_superuser_},
            .name = name,
            .cancellation = std::make_shared<apply::Cancellation>()};
  changed_.NotifyAll();
}

void BackfillWorker::Drain() {
  base::MutexLock lock(mu_);
  stopping_ = true;
  next_.reset();
  if (current_ != nullptr) current_->Request("the agent stops");
  changed_.NotifyAll();
}

void BackfillWorker::Stop() {
  Drain();
  if (thread_.joinable()) thread_.join();
}

std::optional<BackfillWorker::Taken> BackfillWorker::Next(absl::Duration patience) {
  base::MutexLock lock(mu_);
  current_.reset();
  while (!stopping_ && !next_.has_value()) {
    if (patience == absl::InfiniteDuration()) {
      changed_.Wait(lock);
    } else if (!changed_.WaitFor(lock, patience)) {
      return std::nullopt;
    }
  }
  if (stopping_) return std::nullopt;
  std::optional<Taken> taken = std::exchange(next_, std::nullopt);
  current_ = taken->cancellation;
  return taken;
}

void BackfillWorker::Loop() {
  backfill::VacuumKeeper keeper;
  for (;;) {
    std::optional<Taken> taken = Next(kNextPart);
    if (!taken.has_value()) {
      keeper.Reset();
      taken = Next(absl::InfiniteDuration());
    }
    if (!taken.has_value()) return;
    Work(*taken, keeper);
  }
}

void BackfillWorker::Work(const Taken& taken, backfill::VacuumKeeper& keeper) {
  const backfill::PartEnd end = backfill::RunPart(taken.part, *taken.cancellation, keeper);
  base::LogFields fields = {{"backfill", taken.name},
                            {"part", apply::ApplicationNameOf(taken.part.token)},
                            {"outcome", NameOf(end.outcome)}};
  if (end.status.ok()) {
    base::LogInfo("part of a backfill ended", fields);
  } else {
    fields.emplace_back("why", std::string(end.status.message()));
    base::LogWarning("part of a backfill ended early", fields);
  }
  ended_(taken.part.token);
}

}  // namespace lockstep::agent
