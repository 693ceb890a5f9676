// Every duration the coordinator's protocol depends on, with the relations between them, so that
// tests run the same code at a fraction of the time. Agents are told theirs when they are welcomed.
#ifndef LOCKSTEP_COORDINATOR_DURATIONS_H_
#define LOCKSTEP_COORDINATOR_DURATIONS_H_

#include <span>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "coordinator/lock_ladder.h"

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
  // The longest pause between two dials of an agent whose session is live; a leader that stops
  // spreads its agents over as much.
  absl::Duration reconnect_cap = absl::Seconds(3);
  // A suspect instance of which nothing was heard and no database connection was seen for this long
  // is given up: the policy for those that nobody looks after.
  absl::Duration suspect_expiry = absl::Hours(24);

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
  // How often a held lease is renewed in its row, for those who read it there.
  absl::Duration lease_row_renew = absl::Seconds(10);
  absl::Duration revoke_wait = absl::Seconds(10);
  absl::Duration revoke_patience = absl::Milliseconds(200);
  // How long one try to take a paused run back waits for the migration that runs; the driver does
  // nothing else meanwhile.
  absl::Duration take_back_wait = absl::Milliseconds(250);

  // How often the leader looks at the database when nothing wakes it.
  absl::Duration poll = absl::Seconds(2);
  // How old what it saw may be when it answers the gate from memory; then the database is asked.
  absl::Duration gate_memory = absl::Seconds(3);

  // Locks of migrations, by the ladder (lock_ladder.h): how long one statement waits at first, the
  // pause behind a try at first, and for how long a run that commits nothing is tried again.
  absl::Duration lock_timeout = absl::Milliseconds(500);
  absl::Duration lock_pause = absl::Seconds(25);
  absl::Duration lock_budget = absl::Minutes(30);
  // A run that met something else that passes, such as a server that was away, is tried again after
  // a pause, each time after twice the last one, within the same budget.
  absl::Duration retry_base = absl::Seconds(1);
  absl::Duration retry_cap = absl::Seconds(60);
};

LockLadder LadderOf(const Durations& durations);

// How one of them is called, in flags ("--leader-ttl"), environment and errors, and what it is for.
struct DurationField {
  const char* name;  // As the member: "leader_ttl".
  absl::Duration Durations::*member;
  const char* help;
};
// All of them, in the order of the struct.
std::span<const DurationField> DurationFields();

// INVALID_ARGUMENT (INVALID_FIELD), naming both sides with their values, when a relation does not
// hold: all are positive and finite, heartbeat x 2 < stop_after < session_ttl, admission_validity <
// session_ttl, session_ttl x 2 < suspect_expiry, leader_retry < leader_ttl, leader_renew < leader_depose < leader_ttl, leader_ttl x
// 1.5 + reconnect_cap < stop_after (a change of leader stops nobody), heartbeat x 2 < lease_ttl,
// lease_reconnect <= lease_ttl, lease_row_renew < lease_ttl, poll < gate_memory < session_ttl,
// retry_base <= retry_cap.
absl::Status CheckDurations(const Durations& durations);

// All durations divided by `factor`, but for what PostgreSQL's side of it is made of: how long a
// statement of a migration waits for a lock.
Durations Scaled(const Durations& durations, double factor);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_DURATIONS_H_
