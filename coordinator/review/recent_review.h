// The review of what was just published, for the plan that follows it within moments: a release
// publishes and plans, and both want to know the same of the same database.
//
// Only for showing: what is granted is judged against the database as it is then (JudgePending).
// Thread-safe.
#ifndef LOCKSTEP_COORDINATOR_REVIEW_RECENT_REVIEW_H_
#define LOCKSTEP_COORDINATOR_REVIEW_RECENT_REVIEW_H_

#include <cstdint>
#include <optional>

#include "absl/time/time.h"

#include "coordinator/review/review.h"
#include "engine/base/clock.h"
#include "engine/base/mutex.h"

namespace lockstep::coordinator {

class RecentReview {
 public:
  // How long it may be used: the database may be changed without lockstep, too.
  static constexpr absl::Duration kStays = absl::Seconds(2);
  // A longer one is not kept: it would stay in memory until the next.
  static constexpr size_t kMaxMigrations = 256;

  explicit RecentReview(const base::Clock* clock) : clock_(clock) {}

  // Keeps `review`, which is right while the chain is at `revision`, in place of the one before.
  void Keep(int64_t revision, Review review);

  // Gives it away; absent when there is none, when it is too old, or for another revision.
  std::optional<Review> Take(int64_t revision);

 private:
  const base::Clock* const clock_;
  base::Mutex mu_;
  std::optional<Review> review_ ABSL_GUARDED_BY(mu_);
  int64_t revision_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Duration since_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_REVIEW_RECENT_REVIEW_H_
