// Every duration the coordinator's protocol depends on, with the relations between them, so that
// tests run the same code at a fraction of the time.
#ifndef LOCKSTEP_COORDINATOR_DURATIONS_H_
#define LOCKSTEP_COORDINATOR_DURATIONS_H_

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace lockstep::coordinator {

struct Durations {
  // Sessions. Agents send a heartbeat each `heartbeat`; a stop instance stops itself `stop_after`
  // the send time of the last acknowledged one; a session without a stream ends after
  // `session_ttl`.
  absl::Duration heartbeat = absl::Seconds(5);
  absl::Duration stop_after = absl::Seconds(20);
  absl::Duration session_ttl = absl::Seconds(30);
  // How long an OPEN verdict may be used before the instance turned ready.
  absl::Duration admission_validity = absl::Seconds(20);
  // An instance that still waits at its gate and lost its stream is forgotten after this.
  absl::Duration waiting_grace = absl::Seconds(3);

  // Leadership. Renewed each `leader_renew` (a tenth jitter); a leader that got no acknowledgement
  // for `leader_depose` after sending takes itself for deposed.
  absl::Duration leader_ttl = absl::Seconds(9);
  absl::Duration leader_renew = absl::Seconds(3);
  absl::Duration leader_depose = absl::Seconds(6);
  absl::Duration leader_retry = absl::Seconds(1);

  // Run leases. Renewed in memory by heartbeats of the holder. A holder whose stream broke has
  // `lease_reconnect` to come back; then the run is revoked, which waits `revoke_wait` at most for
  // its open transaction and terminates its backend from `revoke_patience` on.
  absl::Duration lease_ttl = absl::Seconds(30);
  absl::Duration lease_reconnect = absl::Seconds(5);
  absl::Duration revoke_wait = absl::Seconds(10);
  absl::Duration revoke_patience = absl::Milliseconds(200);
  // How long one try to take a paused run back waits for the migration that runs; the driver does
  // nothing else meanwhile.
  absl::Duration take_back_wait = absl::Milliseconds(250);

  // How often the leader looks at the database when nothing wakes it.
  absl::Duration poll = absl::Seconds(2);
  // How old what it saw may be when it answers the gate from memory; then the database is asked.
  absl::Duration gate_memory = absl::Seconds(3);

  // Locks of migrations: how long one statement waits, and how often a run that met a busy lock is
  // tried again, each time after twice the pause.
  absl::Duration lock_timeout = absl::Milliseconds(500);
  absl::Duration retry_base = absl::Seconds(1);
  absl::Duration retry_cap = absl::Seconds(60);
  int max_attempts = 10;
};

// INVALID_ARGUMENT naming the relation that does not hold: heartbeat x 2 < stop_after <
// session_ttl, leader_renew < leader_depose < leader_ttl, leader_ttl x 1.5 < stop_after,
// admission_validity < session_ttl, poll < gate_memory < session_ttl, lease_reconnect <= lease_ttl,
// heartbeat x 2 < lease_ttl, all positive.
absl::Status CheckDurations(const Durations& durations);

// All durations divided by `factor`, for tests.
Durations Scaled(const Durations& durations, double factor);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_DURATIONS_H_
