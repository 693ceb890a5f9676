// How many rows the next batch has, and when it may begin: pure, no clock.
//
// The size follows how long batches take, because that is how long a writer of one of their rows
// waits: throughput hardly depends on it (1000 and 10000 rows cost the same a row).
#ifndef LOCKSTEP_ENGINE_BACKFILL_CONTROLLER_H_
#define LOCKSTEP_ENGINE_BACKFILL_CONTROLLER_H_

#include <cstdint>

#include "absl/time/time.h"

namespace lockstep::backfill {

inline constexpr int kMinBatchRows = 100;
inline constexpr int kFirstBatchRows = 1000;
// A batch holds its rows' locks to its commit; a writer that comes at its begin waits for all of
// it. Less than the 200 ms that nobody should wait, with room for one that is slower than the last.
inline constexpr absl::Duration kBatchTarget = absl::Milliseconds(100);

// The most rows that a batch has where nobody says otherwise: of a table of `table_rows` rows no
// more than a few, and of `rate` rows a second (this holder's; 0: no limit) a fifth of a second's,
// so that a slow job is slow in each second and not in the mean of minutes.
int MostRowsOf(int64_t table_rows, double rate);

class BatchController {
 public:
  // `most` is what a person or the file allows.
  BatchController(int first, int most);

  int rows() const { return rows_; }
  // From now on at most so many.
  void Limit(int most);
  // A full batch took `took`: n *= clamp(target / average, 0.5, 1.2).
  void Took(absl::Duration took);
  // A batch met a lock that was not to be had, a deadlock or its timeout: half as many.
  void Conflicted();

 private:
  void Set(double rows);
  int most_;
  int rows_;
  double average_ = 0;  // Of a batch's seconds, exponentially weighted; 0 before the first.
};

// At most so many rows a second, in the long run: a batch that was bigger is paid for by the pause
// behind it.
class RateLimiter {
 public:
  // `rate` 0: no limit. Times are on any one monotonic clock.
  void Set(double rate) { rate_ = rate; }
  void Walked(int64_t rows, absl::Duration now);
  absl::Duration PauseAt(absl::Duration now) const;

 private:
  double rate_ = 0;
  absl::Duration free_at_ = -absl::InfiniteDuration();
};

}  // namespace lockstep::backfill

#endif  // LOCKSTEP_ENGINE_BACKFILL_CONTROLLER_H_
