// The transitions by which sessions end that say no goodbye, and what the database shows of them.
// Every write is fenced (NOT_LEADER) and true only when it changed the row.
#ifndef LOCKSTEP_COORDINATOR_STORE_SESSION_END_STORE_H_
#define LOCKSTEP_COORDINATOR_STORE_SESSION_END_STORE_H_

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "coordinator/store/types.h"
#include "engine/postgres/connection.h"

namespace lockstep::coordinator {

// Stored under their names; do not change. An override is a further one.
enum class EndRule { kTtl, kNewerStart, kAttested, kPolicy };
const char* NameOf(EndRule rule);

// Makes a session suspect that was not heard for `silence`.
absl::StatusOr<bool> SuspectSession(postgres::Connection& connection, const LeaderToken& leader,
                                    const std::string& session_id, absl::Duration silence);

// Notes that `newer`, another start of the same instance, said hello after `session_id` was last
// heard.
absl::StatusOr<bool> SupersedeSession(postgres::Connection& connection, const LeaderToken& leader,
                                      const std::string& session_id, const std::string& newer);

struct Attestation {
  std::string actor;  // Neither is empty: INVALID_ARGUMENT otherwise.
  std::string reason;
};
// Records that somebody states that the process of the silent session is gone.
absl::StatusOr<bool> AttestSession(postgres::Connection& connection, const LeaderToken& leader,
                                   const std::string& session_id, absl::Duration silence,
                                   const Attestation& attestation);

// Ends a session by a rule; false when the row does not let it. `after` is of kPolicy.
absl::StatusOr<bool> ExpireSession(postgres::Connection& connection, const LeaderToken& leader,
                                   const std::string& session_id, EndRule rule,
                                   absl::Duration after);

struct BackendLook {
  // False: the connection's role is no member of pg_read_all_stats, and nothing can be concluded
  // from what it does not see.
  bool can_see = false;
  std::map<std::string, int> backends;  // By session id; only those that have some.
};

// Looks for backends of these sessions in this database.
absl::StatusOr<BackendLook> LookForBackends(postgres::Connection& connection,
                                            const std::vector<std::string>& session_ids);

// Remembers in their rows that backends of these suspect sessions were seen just now.
absl::Status RememberBackends(postgres::Connection& connection, const LeaderToken& leader,
                              const std::vector<std::string>& session_ids);

// Tells in an event that expiry is frozen, or goes on.
absl::Status TellBrake(postgres::Connection& connection, const LeaderToken& leader, bool frozen,
                       size_t silent, size_t sessions);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_STORE_SESSION_END_STORE_H_
