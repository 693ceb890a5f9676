#include "engine/base/backoff.h"

#include <algorithm>

namespace lockstep::base {
namespace {
constexpr int kMaxDoublings = 30;
}  // namespace

absl::Duration Backoff::Ceiling() const {
  return std::min(options_.cap, options_.base * (int64_t{1} << std::min(attempt_, kMaxDoublings)));
}

absl::Duration Backoff::Next() {
  const absl::Duration ceiling = Ceiling();
  if (attempt_ < kMaxDoublings) ++attempt_;
  return ceiling * absl::Uniform(random_, 0.0, 1.0);
}

}  // namespace lockstep::base
