// Durable sessions and the gate.
#ifndef LOCKSTEP_COORDINATOR_STORE_SESSION_STORE_H_
#define LOCKSTEP_COORDINATOR_STORE_SESSION_STORE_H_

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "coordinator/store/types.h"
#include "engine/postgres/connection.h"

namespace lockstep::coordinator {

// Registers (or asks again for) an instance; one transaction, durable when it returns. OPEN means
// that the session counts from now on; one with `reserve` until that is over. With `leader` the
// transaction is fenced: UNAVAILABLE (NOT_LEADER) when another one leads by now.
absl::StatusOr<Verdict> Admit(postgres::Connection& connection, const Declaration& declaration,
                              const std::optional<LeaderToken>& leader = std::nullopt);

// The verdict without registering.
absl::StatusOr<Verdict> AskGate(postgres::Connection& connection, const Declaration& declaration);

// Moves a session to "draining", "suspect", "closed" or "expired". False when it was there already.
// "forgotten": closes it unless it counts; false when it does.
absl::StatusOr<bool> MoveSession(postgres::Connection& connection, const LeaderToken& leader,
                                 const std::string& session_id, const std::string& state);

// Expires the reservations whose time is over and returns the session ids of those that are left.
absl::StatusOr<std::set<std::string>> ExpireReservations(postgres::Connection& connection,
                                                         const LeaderToken& leader);

struct SessionQuery {
  std::string after;     // The session id that the page before ended with; "" for the first page.
  std::string service;   // Only this one's; "" for all.
  std::string instance;  // Only those with this name or session id; "" for all.
  int limit = 100;
  Version concerned_by = 0;  // Only those that this contract concerns; 0 for all.
};

// A page of sessions that have not ended, by service, instance and session id. INVALID_ARGUMENT
// (INVALID_FIELD) when there is no session `after`, which must be "" or a UUID.
absl::StatusOr<std::vector<SessionRow>> ReadSessionPage(postgres::Connection& connection,
                                                        const SessionQuery& query);

// Sessions that have not ended, by service and instance.
absl::StatusOr<std::vector<SessionRow>> ReadSessions(postgres::Connection& connection);

// Those of them that count and were admitted by the database, without a coordinator.
absl::StatusOr<std::vector<SessionRow>> ReadDirectSessions(postgres::Connection& connection);

// Which of `ids` count (still).
absl::StatusOr<std::set<std::string>> CountingAmong(postgres::Connection& connection,
                                                    const std::vector<std::string>& ids);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_STORE_SESSION_STORE_H_
