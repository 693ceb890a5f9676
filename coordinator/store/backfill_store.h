// Data jobs and their parts. The SQL functions (engine/catalog/sql/f16_backfill.sql) hold the
// rules; these are their callers. Blocks on one transaction each.
#ifndef LOCKSTEP_COORDINATOR_STORE_BACKFILL_STORE_H_
#define LOCKSTEP_COORDINATOR_STORE_BACKFILL_STORE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "coordinator/store/types.h"
#include "engine/postgres/connection.h"

namespace lockstep::coordinator {

// What a job that runs stands still for when nobody has a part of it.
inline constexpr char kNobodyWorksOnIt[] = "no agent with --migrate-database works on it";

// All of them, by name.
absl::StatusOr<std::vector<BackfillRow>> ReadBackfills(postgres::Connection& connection);
// NOT_FOUND (BACKFILL_NOT_FOUND).
absl::StatusOr<BackfillRow> ReadBackfill(postgres::Connection& connection, const std::string& name);

struct BackfillAsked {
  std::string name;
  bool again = false;
  std::string settings;  // A JSON object, or "".
  std::string actor;
  std::string reason;
};
// Returns "started", "resumed", "running" or "done". NOT_FOUND (BACKFILL_NOT_FOUND),
// FAILED_PRECONDITION (NOT_NEXT), UNAVAILABLE (NOT_LEADER).
absl::StatusOr<std::string> StartBackfill(postgres::Connection& connection,
                                          const LeaderToken& leader, const BackfillAsked& asked);
// Lays `asked.settings` over those it has.
absl::Status SetBackfill(postgres::Connection& connection, const LeaderToken& leader,
                         const BackfillAsked& asked);
// `state`: "paused", "running" or "cancelled".
absl::Status HoldBackfill(postgres::Connection& connection, const LeaderToken& leader,
                          const BackfillAsked& asked, const std::string& state);

struct GrantedPart {
  std::string name;
  LeaseToken token;
};
// The next part that nobody works on, of any job or of the one called `only`; absent when there is
// none.
absl::StatusOr<std::optional<GrantedPart>> GrantBackfillPart(
    postgres::Connection& connection, const LeaderToken& leader, const std::string& session,
    const std::string& holder, absl::Duration ttl, const std::string& only = "");

// A part that is held.
struct HeldPart {
  int64_t epoch = 0;
  std::string name;
  std::string kind;  // "prepare", "range", "verify"
  std::string session;
  std::string holder;
  absl::Duration left;  // Until it may be taken back; negative behind that.
};
absl::StatusOr<std::vector<HeldPart>> ReadHeldParts(postgres::Connection& connection);

// Takes a part back; afterwards nothing of its token can commit. False when it had ended.
// DEADLINE_EXCEEDED while its holder's batch is open and `lock_timeout` over. The job fails when
// `most_lost` holders in a row were lost at work in the part before it moved.
absl::StatusOr<bool> RevokeBackfillPart(postgres::Connection& connection, const LeaderToken& leader,
                                        int64_t epoch, const std::string& why, int most_lost,
                                        absl::Duration lock_timeout);
// Terminates the backends of a held part's holder. Returns how many.
absl::StatusOr<int> TerminateHolderOfPart(postgres::Connection& connection, int64_t epoch);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_STORE_BACKFILL_STORE_H_
