#include "coordinator/lease/settle.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "engine/base/log.h"

namespace lockstep::coordinator {

void Settle::Begin(std::set<std::string> countable, bool rows_may_be_lost) {
  const Durations& d = options_.durations;
  base::MutexLock lock(mu_);
  phase_ = Phase::kSettling;
  unheard_ = std::move(countable);
  rows_may_be_lost_ = rows_may_be_lost;
  until_ = options_.clock->SinceBoot() + d.session_ttl + d.admission_validity;
  base::LogInfo("settling", {{"instances", absl::StrCat(unheard_.size())},
                             {"rows_may_be_lost", rows_may_be_lost ? "true" : "false"}});
  Update();
}

void Settle::Heard(const std::string& session_id) {
  base::MutexLock lock(mu_);
  unheard_.erase(session_id);
  Update();
}

void Settle::Reset() {
  base::MutexLock lock(mu_);
  phase_ = Phase::kIdle;
  unheard_.clear();
}

void Settle::Update() const {
  if (phase_ != Phase::kSettling) return;
  const bool heard_all = unheard_.empty() && !rows_may_be_lost_;
  if (!heard_all && options_.clock->SinceBoot() < until_) return;
  phase_ = Phase::kOver;
  base::LogInfo("settled", {{"not_heard_from", absl::StrCat(unheard_.size())}});
}

bool Settle::over() const {
  base::MutexLock lock(mu_);
  Update();
  return phase_ == Phase::kOver;
}

absl::Duration Settle::left() const {
  base::MutexLock lock(mu_);
  Update();
  if (phase_ == Phase::kIdle) return absl::InfiniteDuration();
  if (phase_ == Phase::kOver) return absl::ZeroDuration();
  return until_ - options_.clock->SinceBoot();
}

std::string Settle::Describe() const {
  const absl::Duration most = left();
  base::MutexLock lock(mu_);
  if (phase_ == Phase::kOver) return "";
  if (phase_ == Phase::kIdle) return "this process does not lead";
  const int64_t seconds =
      std::max<int64_t>(1, absl::ToInt64Seconds(absl::Ceil(most, absl::Seconds(1))));
  if (rows_may_be_lost_) {
    return absl::StrCat("the database failed over or was restored: instances have ", seconds,
                        " s more to register again");
  }
  return absl::StrCat("a new leader waits for ", unheard_.size(),
                      unheard_.size() == 1 ? " instance" : " instances", " to be heard from, ",
                      seconds, " s at most");
}

}  // namespace lockstep::coordinator
