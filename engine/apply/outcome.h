// What became of a COMMIT whose connection was lost. The history row and the transaction's status
// are in the database; they are asked for on a new connection, and nothing is ever repeated
// blindly.
#ifndef LOCKSTEP_ENGINE_APPLY_OUTCOME_H_
#define LOCKSTEP_ENGINE_APPLY_OUTCOME_H_

#include <string>

#include "absl/time/time.h"

#include "engine/apply/cancellation.h"
#include "engine/apply/lease.h"
#include "engine/apply/migration_session.h"
#include "engine/chain/migration.h"

namespace lockstep::apply {

// For how long the answer is looked for. Long enough for a restart of PostgreSQL or a failover; the
// coordinator reads the history itself when we give up.
inline constexpr absl::Duration kOutcomeLimit = absl::Seconds(60);

enum class CommitOutcome { kCommitted, kNotApplied, kUnknown };

// Asks until the database knows, `limit` has passed or `cancellation` was requested (then
// kUnknown). Blocks.
CommitOutcome ResolveCommit(const MigrationSessionOptions& options, const LeaseToken& token,
                            chain::Version version, const std::string& xid,
                            const Cancellation& cancellation, absl::Duration limit = kOutcomeLimit);

}  // namespace lockstep::apply

#endif  // LOCKSTEP_ENGINE_APPLY_OUTCOME_H_
