// What the database shows of silent sessions: which of them have a backend there, and since when
// none was seen.
//
// Backends are recognised by their application_name, which the agent gives to its service
// (Agent::application_name): "service@instance#1b2c3d4e", the last part from the session's id. A
// name without that part, or with one that nobody knows, may be any start's and counts for each of
// them. So a newer start that names its connections does not keep its dead predecessor alive, and
// one that does not name them so only delays.
//
// Not guaranteed: that a session without a backend is dead. A service may call its connections
// something else, have none at this moment, or use a standby. Absence permits nothing by itself.
//
//   BackendWatch watch(ttl);
//   watch.Saw(look, asked_about, now);            // after each look that succeeded
//   watch.Quiet(session_id) ...
//
// Not thread-safe.
#ifndef LOCKSTEP_COORDINATOR_FLEET_BACKENDS_H_
#define LOCKSTEP_COORDINATOR_FLEET_BACKENDS_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

#include "coordinator/store/session_end_store.h"

namespace lockstep::coordinator {

class BackendWatch {
 public:
  // Looks that are further apart than `longest_gap` begin anew: who knows what was in between.
  explicit BackendWatch(absl::Duration longest_gap) : longest_gap_(longest_gap) {}

  // A look was begun at `asked` about these sessions, and this is what it found; forgets all
  // others.
  void Saw(const BackendLook& look, const std::vector<std::string>& about, absl::Duration asked);

  // For how long no backend of the session was seen, up to the last look; absent while one is, or
  // when nobody looked, or when the coordinator's role may not see backends.
  std::optional<absl::Duration> Quiet(const std::string& session_id) const;
  // How many were there at the last look.
  int Count(const std::string& session_id) const;
  // False when the last look was blind: the role lacks pg_read_all_stats.
  bool can_see() const { return can_see_; }

 private:
  struct Watched {
    int count = 0;
    absl::Duration quiet_since;  // Of one without a backend.
  };

  const absl::Duration longest_gap_;
  std::map<std::string, Watched> watched_;
  absl::Duration last_look_ = -absl::InfiniteDuration();
  bool can_see_ = true;
};

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_FLEET_BACKENDS_H_
