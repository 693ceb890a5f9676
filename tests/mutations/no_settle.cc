// coordinator/lease/settle.cc as it would be if a new leader took what it knows for all there is.
// Linked in its place.
#include <utility>

#include "coordinator/lease/settle.h"

namespace lockstep::coordinator {

void Settle::Begin(std::set<std::string> countable, bool rows_may_be_lost) {
  base::MutexLock lock(mu_);
  phase_ = Phase::kOver;
  unheard_ = std::move(countable);
  rows_may_be_lost_ = rows_may_be_lost;
}
void Settle::Heard(const std::string&) {}
void Settle::Reset() {
  base::MutexLock lock(mu_);
  phase_ = Phase::kIdle;
}
void Settle::Update() const {}
bool Settle::over() const {
  base::MutexLock lock(mu_);
  return phase_ == Phase::kOver;
}
absl::Duration Settle::left() const {
  return over() ? absl::ZeroDuration() : absl::InfiniteDuration();
}
std::string Settle::Describe() const { return over() ? "" : "this process does not lead"; }

}  // namespace lockstep::coordinator
