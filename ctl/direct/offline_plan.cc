#include "ctl/direct/offline_plan.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "coordinator/operation/operations.h"
#include "coordinator/store/chain_store.h"
#include "coordinator/wire/to_proto.h"
#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"
#include "engine/catalog/bootstrap.h"

namespace lockstep::ctl {
namespace {

using coordinator::MigrationText;
using coordinator::PendingMigration;
using coordinator::PlanInput;

PendingMigration PendingOf(const chain::Migration& migration) {
  PendingMigration pending{.version = migration.version,
                           .title = migration.title,
                           .phase = migration.phase,
                           .transactional = migration.transactional};
  for (const chain::Version contract : migration.directives.after_contract) {
    pending.waits_for.push_back(contract);
  }
  pending.needs_backfill = migration.directives.needs_backfill;
  return pending;
}

// What the database says; an empty input when it has no schema lockstep.
absl::StatusOr<PlanInput> ReadDatabase(const std::string& database) {
  PlanInput input;
  ASSIGN_OR_RETURN(const auto connection,
                   postgres::Connection::Open(
                       {.conninfo = database, .application_name = "lockstep-direct"}));
  ASSIGN_OR_RETURN(const int schema, catalog::SchemaVersion(*connection));
  RETURN_IF_ERROR(catalog::CheckSchemaVersion(schema));
  if (schema == 0) return input;
  RETURN_IF_ERROR(connection->InSnapshot([&]() -> absl::Status {
    ASSIGN_OR_RETURN(input.chain, coordinator::ReadChain(*connection));
    ASSIGN_OR_RETURN(input.pending, coordinator::ReadPending(*connection));
    return absl::OkStatus();
  }));
  return input;
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
  PlanInput input;
  if (!database.empty()) {
    ASSIGN_OR_RETURN(input, ReadDatabase(database));
  }
  const chain::ChainSum sum = chain.sum();
  RETURN_IF_ERROR(CheckContinues(input.chain, sum));
  for (const chain::Migration& migration : chain.migrations) {
    if (migration.version > input.chain.head) input.pending.push_back(PendingOf(migration));
  }
  input.chain.head = std::max(input.chain.head, chain.head());
  coordinator::PlannedUpgrade planned{
      .plan = coordinator::MakePlan(input, target == 0 ? chain.head() : target, contracts),
      .migrators = 1};
  for (const chain::Migration& migration : chain.migrations) {
    planned.texts.push_back({.entry = sum.entries[static_cast<size_t>(migration.version) - 1],
                             .sql = migration.sql,
                             .contract = migration.phase == sql::Phase::kContract});
  }
  return coordinator::ToProto(planned);
}

}  // namespace lockstep::ctl
