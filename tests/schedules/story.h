// What happens in one schedule: a number of tries to apply one run of a migration or a few, and
// what goes wrong in each. Drawn from a seed; pure.
#ifndef LOCKSTEP_TESTS_SCHEDULES_STORY_H_
#define LOCKSTEP_TESTS_SCHEDULES_STORY_H_

#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace lockstep::testing {

// Where the holder of a run stands when it happens.
enum class Point {
  kBeforeOpen,    // Its transaction is on the way to the server.
  kOpened,        // Behind lockstep.open; its statement waits for a lock on the table.
  kInStatement,   // The statement has found its row.
  kBeforeClose,   // The row is changed.
  kBeforeCommit,  // Behind lockstep.close, in the deferred constraints.
  kInCommit,      // The COMMIT is on the way to the server.
  kAfterCommit,   // The answer is on the way back.
};
inline constexpr int kPoints = 7;

enum class Fault {
  kExpire,      // It is silent for longer than its lease: the leader takes the run back.
  kExpireRace,  // The same, while it goes on.
  kCancel,      // The operation is cancelled.
  kPause,       // The operation is paused: the run is taken back between two migrations.
  kTerminate,   // Somebody ends its backend.
  kCut,         // Its connection breaks; both sides see it.
  kPartition,   // The server does not see it, no new connection gets through, and it gives up.
  kStop,        // The agent shuts down.
  kTwin,        // Another one starts with the same token.
  kNewLeader,   // Another coordinator takes over; the deposed one goes on trying.
  kStale,       // A holder before it tries again with its old token.
  kBlocked,     // The lock that its statement needs is taken for longer than it waits.
};
inline constexpr int kFaults = 12;

absl::string_view NameOf(Point point);
absl::string_view NameOf(Fault fault);

struct Try {
  Fault fault = Fault::kExpire;
  Point point = Point::kBeforeOpen;
  int version = 0;       // Which of the run's migrations it happens to, from 0.
  bool lingers = false;  // It goes on only after the next one was at it.
  bool silent = false;   // It tells nobody how its run ended.
  int microseconds = 0;  // Of a race: its head start.
};

struct Story {
  uint64_t seed = 0;
  int number = 0;
  int versions = 1;  // Migrations that are published for it.
  std::vector<Try> tries;
  bool stale_at_end = false;  // The first token is tried once more when all is done.
};

// The same for the same arguments, on any machine.
Story DrawStory(uint64_t seed, int number);

// "seed 1 number 7: 2 versions; expire before open of 1, lingers; ..."
std::string Describe(const Story& story);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SCHEDULES_STORY_H_
