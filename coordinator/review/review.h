// What the safety analysis says of migrations against the database that they are to run on.
//
// Everything that is published and has not run is analysed in order, on top of what the database
// holds now; so each is judged against the objects that exist at the applied version, and knows
// what those before it will have made. A phase is decided when a migration is published, and again
// before an upgrade: what was new then may be in use now. Only ever to the stronger: Judge.
#ifndef LOCKSTEP_COORDINATOR_REVIEW_REVIEW_H_
#define LOCKSTEP_COORDINATOR_REVIEW_REVIEW_H_

#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "coordinator/store/chain_store.h"
#include "coordinator/store/types.h"
#include "engine/chain/analysis.h"
#include "engine/postgres/connection.h"
#include "engine/sql/model/database.h"

namespace lockstep::coordinator {

inline constexpr char kReasonLintFailed[] = "LINT_FAILED";

// SQL of migrations that have not run, that one review reads at most.
inline constexpr int64_t kMaxReviewBytes = 64 << 20;

struct Review {
  sql::model::Database before;  // What exists now; sizes are in there.
  // Those that have not run, by version, then those that were given.
  std::vector<chain::ReviewedMigration> migrations;
  std::map<Version, std::string> chain_hashes;  // Of the published ones.
};

// Reviews what is published and has not run, followed by `fresh`. RESOURCE_EXHAUSTED
// (TOO_MUCH_PENDING) beyond kMaxReviewBytes. Blocks on some thirty queries; the connection must not
// be in a transaction.
absl::StatusOr<Review> ReviewPending(postgres::Connection& connection,
                                     std::vector<chain::Migration> fresh = {});

// Makes the phases of `pending` as strong as the review says, and lets each wait for the contracts
// it conflicts with. Returns those that changed.
std::vector<JudgedMigration> Strengthen(const Review& review,
                                        std::vector<PendingMigration>* pending);

// FAILED_PRECONDITION (LINT_FAILED), with each finding as a blocker, when one of `migrations` must
// not be published as written. `refusals_only` leaves out what an allow directive could cover.
absl::Status CheckFindings(std::span<const chain::ReviewedMigration> migrations,
                           bool refusals_only);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_REVIEW_REVIEW_H_
