#include "coordinator/review/recent_review.h"

#include <utility>

namespace lockstep::coordinator {

void RecentReview::Keep(int64_t revision, Review review) {
  const absl::Duration now = clock_->SinceBoot();
  base::MutexLock lock(mu_);
  review_.reset();
  if (review.migrations.size() > kMaxMigrations) return;
  review_ = std::move(review);
  revision_ = revision;
  since_ = now;
}

std::optional<Review> RecentReview::Take(int64_t revision) {
  const absl::Duration now = clock_->SinceBoot();
  base::MutexLock lock(mu_);
  std::optional<Review> taken = std::exchange(review_, std::nullopt);
  if (revision_ != revision || now - since_ > kStays) return std::nullopt;
  return taken;
}

}  // namespace lockstep::coordinator
