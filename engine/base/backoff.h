// Full-jitter exponential back-off: each delay is uniform between 0 and min(cap, base * 2^n), so
// that a fleet that lost its coordinator does not come back in step. Formula: M. Brooker,
// "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
#ifndef LOCKSTEP_ENGINE_BASE_BACKOFF_H_
#define LOCKSTEP_ENGINE_BASE_BACKOFF_H_

#include "absl/random/random.h"
#include "absl/time/time.h"

namespace lockstep::base {

struct BackoffOptions {
  absl::Duration base = absl::Milliseconds(100);
  absl::Duration cap = absl::Seconds(30);
};

// Not thread-safe.
class Backoff {
 public:
  explicit Backoff(BackoffOptions options) : options_(options) {}

  // Returns how long to wait before the next try, and remembers that there was one.
  absl::Duration Next();
  // The upper bound of what Next() would return now.
  absl::Duration Ceiling() const;
  void Reset() { attempt_ = 0; }
  int attempts() const { return attempt_; }

 private:
  const BackoffOptions options_;
  int attempt_ = 0;
  absl::BitGen random_;
};

}  // namespace lockstep::base

#endif  // LOCKSTEP_ENGINE_BASE_BACKOFF_H_
