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
};

// Tries to become leader as `candidate` where the lease is expired, absent, or still at what was
// `seen` for too long. Returns the row as it is afterwards: compare its holder with the candidate.
// DEADLINE_EXCEEDED when transactions of the old leader did not end within the lock timeout.
absl::StatusOr<LeaderRow> AcquireLeadership(postgres::Connection& connection,
                                            const std::string& candidate,
                                            const std::string& address, absl::Duration ttl,
                                            const LeaderRow& seen);

// Returns false when `token` leads no more.
absl::StatusOr<bool> RenewLeadership(postgres::Connection& connection, const LeaderToken& token,
                                     absl::Duration ttl);

absl::Status ResignLeadership(postgres::Connection& connection, const LeaderToken& token);

// Returns the row; epoch 0 when nobody has ever led.
absl::StatusOr<LeaderRow> ReadLeader(postgres::Connection& connection);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_STORE_LEADER_STORE_H_
