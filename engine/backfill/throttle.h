// When a backfill has to stand still, and why: pure rules over what was read (health.h).
//
// A throttle whose number cannot be read is closed: what cannot be seen may be at its limit.
#ifndef LOCKSTEP_ENGINE_BACKFILL_THROTTLE_H_
#define LOCKSTEP_ENGINE_BACKFILL_THROTTLE_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "engine/chain/chain.h"

namespace lockstep::backfill {

// What one look at the server said; absent where it could not be read.
struct Health {
  std::optional<int64_t> wal;       // Bytes of WAL ever written.
  std::optional<int64_t> replayed;  // How far the slowest replica is, on the same scale.
  int replicas = 0;
  int hidden_replicas = 0;  // There, but not ours to see.
  std::optional<int64_t> slot_bytes;
  int lost_slots = 0;
  std::optional<bool> archive_failing;
  std::optional<int> vacuums;  // Of the table, by others.
  std::optional<int64_t> dead;
  std::optional<int64_t> live;
  std::optional<int> active;
  std::optional<int> lock_waits;  // For the table.
  int hidden_sessions = 0;
  absl::Duration oldest;   // Of other sessions' transactions; zero for none.
  std::string oldest_who;  // "" for none.
  absl::Time at;           // The server's clock.
};

// What a job does and keeps below: defaults, then its file, then what a person set.
struct Settings {
  int batch = chain::kMaxBatchRows;  // Rows at most.
  int first_batch = 0;               // Of the file; 0 when it does not say.
  int rate = 0;                      // Rows a second, of all holders together; 0: no limit.
  absl::Duration pause;              // Between two batches.
  std::string window;
  std::string pause_while;
  absl::Duration max_lag = absl::Milliseconds(1500);
  int64_t max_lag_bytes = int64_t{64} << 20;
  int64_t max_slot_bytes = int64_t{4} << 30;
  int64_t max_wal_rate = 0;  // Bytes a second; 0: no limit.
  int max_active = 0;        // Sessions; 0: twice the cores.
  double max_dead = 0.3;     // Part of the table's rows.
  absl::Duration max_transaction = absl::Minutes(1);
  std::set<std::string> ignore;  // Throttles that are switched off.
};

// The names of throttles, as `ignore` and messages have them.
inline constexpr absl::string_view kThrottles[] = {
    "paused",     "window",      "replica",         "slots",     "archive",     "wal-rate",
    "autovacuum", "dead-tuples", "active-sessions", "lock-wait", "transaction", "query"};

// Lays the JSON object `json` over what `file` and the defaults say. INVALID_ARGUMENT
// (INVALID_FIELD) names what is not a setting or not a value of it.
absl::StatusOr<Settings> SettingsOf(const chain::Backfill& file, absl::string_view json);

// How far the slowest replica is behind, in time: since when the WAL that it has not replayed is
// there. Works while its replay stands still, when PostgreSQL's own number does.
class LagTracker {
 public:
  void Look(const Health& health);
  absl::Duration lag() const { return lag_; }
  // WAL written a second, over the last few seconds.
  double wal_rate() const;

 private:
  struct Sample {
    int64_t wal;
    absl::Time at;
  };
  std::deque<Sample> samples_;  // By time; the first is not behind what is replayed.
  std::deque<Sample> recent_;
  absl::Duration lag_;
};

// A throttle that is closed.
struct Standing {
  std::string throttle;
  std::string why;  // A sentence.
};

// The first throttle that is closed by what was read; absent when none is. `cores`: of the server,
// as far as is known.
std::optional<Standing> Judge(const Settings& settings, const Health& health, const LagTracker& lag,
                              int cores);

// Whether `at` is outside of the window, and when it opens.
std::optional<Standing> JudgeWindow(const Settings& settings, absl::Time at);

}  // namespace lockstep::backfill

#endif  // LOCKSTEP_ENGINE_BACKFILL_THROTTLE_H_
