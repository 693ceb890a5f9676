#include "engine/backfill/controller.h"

#include <algorithm>
#include <cmath>

#include "engine/chain/chain.h"

namespace lockstep::backfill {
namespace {
constexpr double kWeight = 0.4;  // Of the newest batch in the average.
constexpr double kMostShrink = 0.5;
constexpr double kMostGrowth = 1.2;
// Of the table's rows in one batch: fewer writes than one in a hundred come upon its locks.
constexpr double kMostOfTable = 0.008;
// Of the rows that a limited job walks in a second.
constexpr double kMostOfSecond = 0.2;
}  // namespace

int MostRowsOf(int64_t table_rows, double rate) {
  const double few =
      std::max<double>(kFirstBatchRows, kMostOfTable * static_cast<double>(table_rows));
  const double even = rate > 0 ? std::max<double>(kMinBatchRows, kMostOfSecond * rate) : few;
  return static_cast<int>(std::min<double>({few, even, chain::kMaxBatchRows}));
}

BatchController::BatchController(int first, int most) : most_(most), rows_(first) { Set(first); }

void BatchController::Set(double rows) {
  const int most = std::clamp(most_, 1, chain::kMaxBatchRows);
  rows_ = std::clamp(static_cast<int>(std::lround(rows)), std::min(kMinBatchRows, most), most);
}

void BatchController::Limit(int most) {
  most_ = most;
  Set(rows_);
}

void BatchController::Took(absl::Duration took) {
  const double seconds = std::max(absl::ToDoubleSeconds(took), 1e-6);
  average_ = average_ == 0 ? seconds : (1 - kWeight) * average_ + kWeight * seconds;
  // One slow batch is enough to shrink by; to grow takes the average.
  const double judged = std::max(average_, seconds);
  const double factor =
      std::clamp(absl::ToDoubleSeconds(kBatchTarget) / judged, kMostShrink, kMostGrowth);
  average_ *= factor;  // What it would have taken with the new size.
  Set(rows_ * factor);
}

void BatchController::Conflicted() {
  average_ = 0;
  Set(rows_ * kMostShrink);
}

void RateLimiter::Walked(int64_t rows, absl::Duration now) {
  if (rate_ <= 0) {
    free_at_ = -absl::InfiniteDuration();
    return;
  }
  free_at_ = std::max(free_at_, now) + absl::Seconds(static_cast<double>(rows) / rate_);
}

absl::Duration RateLimiter::PauseAt(absl::Duration now) const {
  return rate_ <= 0 ? absl::ZeroDuration() : std::max(absl::ZeroDuration(), free_at_ - now);
}

}  // namespace lockstep::backfill
