#include "ctl/direct/offline_plan.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "coordinator/operation/operations.h"
#include "coordinator/store/chain_store.h"
#include "coordinator/wire/review_to_proto.h"
#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"
#include "engine/catalog/bootstrap.h"
#include "engine/chain/analysis.h"
#include "engine/schema/inspect.h"

namespace lockstep::ctl {
namespace {

using coordinator::PendingMigration;
using coordinator::PlanInput;

PendingMigration PendingOf(const chain::Migration& migration) {
  return {.version = migration.version,
          .title = migration.title,
          .phase = migration.phase,
          .transactional = migration.transactional,
          .waits_for = migration.waits_for,
          .needs_backfill = migration.directives.needs_backfill};
}

std::vector<chain::Migration> Unpublished(const chain::Chain& chain, chain::Version head) {
  std::vector<chain::Migration> unpublished;
  for (const chain::Migration& migration : chain.migrations) {
    if (migration.version > head) unpublished.push_back(migration);
  }
  return unpublished;
}

struct Situation {
  PlanInput input;
  coordinator::Review review;
};

// An empty database, or one that lockstep has not seen: `before` is what it holds.
Situation FirstContact(const chain::Chain& chain, sql::model::Database before) {
  Situation situation;
  situation.review.before = std::move(before);
  sql::Analyzer analyzer(situation.review.before);
  situation.review.migrations = chain::ReviewMigrations(&analyzer, chain.migrations);
  return situation;
}

// What the database says, and what the analysis says of `chain` on it.
absl::StatusOr<Situation> ReadDatabase(const std::string& database, const chain::Chain& chain) {
  ASSIGN_OR_RETURN(
      const auto connection,
      postgres::Connection::Open({.conninfo = database, .application_name = "lockstep-direct"}));
  ASSIGN_OR_RETURN(const int schema, catalog::SchemaVersion(*connection));
  RETURN_IF_ERROR(catalog::CheckSchemaVersion(schema));
  if (schema == 0) {
    ASSIGN_OR_RETURN(auto before, schema::Inspect(*connection));
    return FirstContact(chain, std::move(before));
  }
  Situation situation;
  RETURN_IF_ERROR(connection->InSnapshot([&]() -> absl::Status {
    ASSIGN_OR_RETURN(situation.input.chain, coordinator::ReadChain(*connection));
    ASSIGN_OR_RETURN(situation.input.pending, coordinator::ReadPending(*connection));
    return absl::OkStatus();
  }));
  ASSIGN_OR_RETURN(
      situation.review,
      coordinator::ReviewPending(*connection, Unpublished(chain, situation.input.chain.head)));
  coordinator::Strengthen(situation.review, &situation.input.pending);
  return situation;
}

absl::Status CheckContinues(const coordinator::ChainRow& published, const chain::ChainSum& sum) {
  if (published.head == 0 || published.head > sum.head()) return absl::OkStatus();
  const chain::ChainEntry& ours = sum.entries[static_cast<size_t>(published.head) - 1];
  if (ours.chain_hash == published.head_hash) return absl::OkStatus();
  return base::MakeError(
      absl::StatusCode::kAborted, "CHAIN_DIVERGED",
      absl::StrCat("the published chain up to ", published.head, " is another one than here"),
      {{"published_head", absl::StrCat(published.head)}},
      "`lockstep check --remote` shows where they part");
}

}  // namespace

absl::StatusOr<v1::PlanUpgradeResponse> PlanOffline(const std::string& database,
                                                    const chain::Chain& chain,
                                                    chain::Version target, bool contracts) {
  Situation situation;
  if (database.empty()) {
    sql::model::Database empty;
    empty.complete = true;
    situation = FirstContact(chain, std::move(empty));
  } else {
    ASSIGN_OR_RETURN(situation, ReadDatabase(database, chain));
  }
  PlanInput& input = situation.input;
  const chain::ChainSum sum = chain.sum();
  RETURN_IF_ERROR(CheckContinues(input.chain, sum));
  for (const chain::ReviewedMigration& reviewed : situation.review.migrations) {
    const chain::Version version = reviewed.migration.version;
    if (version <= input.chain.head) continue;
    input.pending.push_back(PendingOf(reviewed.migration));
    situation.review.chain_hashes[version] =
        sum.entries[static_cast<size_t>(version) - 1].chain_hash;
  }
  input.chain.head = std::max(input.chain.head, chain.head());
  const coordinator::PlannedUpgrade planned{
      .plan = coordinator::MakePlan(input, target == 0 ? chain.head() : target, contracts),
      .review = std::move(situation.review),
      .migrators = 1};
  return coordinator::ToProto(planned);
}

}  // namespace lockstep::ctl
