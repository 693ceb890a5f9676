// Waits for changes of a migrations directory: its .sql files and those in backfills/.
//
// What counts is what a listing shows (names, sizes, times), compared with the one before. inotify
// only tells when to look; where it says nothing (a network file system, no more watches) a look
// each kPollInterval finds the change, too. The directory may go and come back, as `git switch`
// makes it do.
//
//   Watcher watcher(directory);
//   watcher.Mark();  ... load and apply the files ...
//   if (watcher.Wait({interrupt.fd(), child.fd()}) == Watcher::kChanged) ...
//
// Not thread-safe.
#ifndef LOCKSTEP_CTL_DEV_WATCHER_H_
#define LOCKSTEP_CTL_DEV_WATCHER_H_

#include <string>
#include <vector>

#include "absl/time/time.h"

namespace lockstep::ctl::dev {

// How often the directory is looked at when nothing says that it changed.
inline constexpr absl::Duration kPollInterval = absl::Seconds(2);
// An editor writes a file in several steps, and a checkout many files: this long nothing must
// happen before a change counts, and at most kMaxSettle is waited for that.
inline constexpr absl::Duration kSettle = absl::Milliseconds(50);
inline constexpr absl::Duration kMaxSettle = absl::Seconds(1);

class Watcher {
 public:
  enum Outcome { kChanged, kOther };

  explicit Watcher(std::string directory);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  // From now on, changes count: call it before reading the files.
  void Mark();
  // Waits until the files differ from what they were at Mark (kChanged), or one of `others` is
  // readable (kOther).
  Outcome Wait(const std::vector<int>& others);

 private:
  std::string Listing() const;
  void Watch();
  // Reads what inotify has to say; false when that is nothing.
  bool Drain();
  void Settle();

  const std::string directory_;
  int inotify_ = -1;  // -1: not to be had.
  std::string marked_;
};

}  // namespace lockstep::ctl::dev

#endif  // LOCKSTEP_CTL_DEV_WATCHER_H_
