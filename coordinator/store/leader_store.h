// The leader row. Each function is one autocommit statement, right through any pooler.
#ifndef LOCKSTEP_COORDINATOR_STORE_LEADER_STORE_H_
#define LOCKSTEP_COORDINATOR_STORE_LEADER_STORE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "coordinator/store/types.h"
#include "engine/postgres/connection.h"

namespace lockstep::coordinator {

struct LeaderRow {
  LeaderToken token;
  std::string address;
  int64_t renewals = 0;
  bool expired = false;  // By the database's clock.
  // Of the chain, read with the row.
  int64_t incarnation = 0;
  int64_t revision = 0;
};

// Tries to become leader as `candidate` where the lease is expired, absent, or still at what was
// `seen` for too long. Returns the row as it is afterwards: compare its holder with the candidate.
// Whoever wins begins a new incarnation where PostgreSQL is on another timeline or another server
// than before, and where the present one is not beyond `beyond`: the caller remembers newer numbers
// of it (0: it does not). DEADLINE_EXCEEDED when transactions of the old leader did not end within
// the lock timeout.
absl::StatusOr<LeaderRow> AcquireLeadership(postgres::Connection& connection,
                                            const std::string& candidate,
                                            const std::string& address, absl::Duration ttl,
                                            const LeaderRow& seen, int64_t beyond = 0);

struct Renewal {
  bool leads = false;  // The rest is there only when it does.
  int64_t renewals = 0;
  int64_t incarnation = 0;
  int64_t revision = 0;
  // False when PostgreSQL failed over or was replaced since the election: the fence refuses writes
  // under the token, and the row has to be acquired again.
  bool same_server = true;
};
absl::StatusOr<Renewal> RenewLeadership(postgres::Connection& connection, const LeaderToken& token,
                                        absl::Duration ttl);

absl::Status ResignLeadership(postgres::Connection& connection, const LeaderToken& token);

// Returns the row; epoch 0 when nobody has ever led.
absl::StatusOr<LeaderRow> ReadLeader(postgres::Connection& connection);

// Remembers that `incarnation` is settled: a leader that follows need not begin anew. UNAVAILABLE
// (NOT_LEADER).
absl::Status MarkSettled(postgres::Connection& connection, const LeaderToken& token,
                         int64_t incarnation);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_STORE_LEADER_STORE_H_
