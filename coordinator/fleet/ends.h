// How sessions end that say no goodbye: the rule, as a pure function.
//
// Not guaranteed: that silence means death. A `stop` instance has promised to stop itself well
// before the session TTL is over, so its silence for that long is enough. A `keep` instance serves
// on without a coordinator: its silence makes it suspect, and then it takes somebody's word (its
// newer start, a person, a policy with a long breath), and no word is taken while a connection of
// it to the database is seen. What the database shows may delay an end and never bring one about.
//
//   switch (NextMove(facts, view)) ...     // each move is a committed transition of its own
//
// The database judges again what its row must say (lockstep.session_expire).
#ifndef LOCKSTEP_COORDINATOR_FLEET_ENDS_H_
#define LOCKSTEP_COORDINATOR_FLEET_ENDS_H_

#include <optional>

#include "absl/time/time.h"

#include "coordinator/durations.h"

namespace lockstep::coordinator {

// What the leader knows of a session without a stream.
struct EndFacts {
  bool said_goodbye = false;
  bool admitted = false;  // It counts.
  bool stops = false;     // on_session_loss: stop.
  // It was admitted without a leader and has never been heard by one.
  bool direct = false;
  bool suspect = false;
  bool superseded = false;  // A newer start of the instance said hello after it fell silent.
  bool attested = false;    // Somebody stated that its process is gone.
  absl::Duration silent;    // By this leader's own clock.
  // For how long no backend of it was seen, by this leader; absent while one is, and where none
  // can be seen.
  std::optional<absl::Duration> quiet;
  absl::Duration suspect_for;  // By the database's clock, so about; over changes of leader.
};

struct EndView {
  bool settled = false;  // A new leader has given everybody the time to come back.
  bool frozen = false;   // Too many fell silent at once (brake.h).
  Durations durations;
};

enum class Move {
  kNone,
  kClose,    // It said goodbye, or never counted.
  kSuspect,  // It goes on counting.
  kExpireTtl,
  kExpireNewerStart,
  kExpireAttested,
  kExpirePolicy,
};

// How long no backend of a session may be seen before somebody's word is taken: two session TTLs.
absl::Duration QuietBeforeEnd(const Durations& durations);

Move NextMove(const EndFacts& facts, const EndView& view);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_FLEET_ENDS_H_
