#include "ctl/dev_round.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "lockstep/v1/release.grpc.pb.h"

#include "ctl/actor.h"
#include "ctl/errors.h"
#include "ctl/follow.h"
#include "ctl/local_chain.h"
#include "ctl/output.h"
#include "ctl/plan_view.h"
#include "ctl/publish_flow.h"
#include "ctl/sanitize.h"
#include "ctl/sum_diff.h"
#include "engine/base/error_info.h"
#include "engine/base/file.h"
#include "engine/base/ids.h"
#include "engine/base/status_macros.h"
#include "engine/chain/directory.h"

namespace lockstep::ctl {
namespace {

absl::Status UpdateChainSum(Context& context, const std::string& directory,
                            const chain::ChainSum& sum) {
  const std::string path = ChainSumPath(directory);
  const auto stored = chain::LoadChainSum(path);
  if (stored.ok() && *stored == sum) return absl::OkStatus();
  if (absl::IsNotFound(stored.status()) && sum == chain::ChainSum{}) return absl::OkStatus();
  RETURN_IF_ERROR(base::WriteFileAtomically(path, chain::FormatChainSum(sum)));
  for (const std::string& line : DescribeChanges(stored.value_or(chain::ChainSum{}), sum)) {
    context.console.Detail(absl::StrCat("chain.sum: ", Sanitize(line)));
  }
  return absl::OkStatus();
}

// Contracts run, too: nobody is served by this database but the developer's own services. One of
// those may still need what a contract removes; then it waits, as it would elsewhere.
absl::StatusOr<v1::PlanUpgradeResponse> Plan(Context& context, v1::PlanUpgradeRequest& request) {
  request.set_contracts(true);
  ASSIGN_OR_RETURN(v1::PlanUpgradeResponse plan,
                   context.client.Call(&v1::ReleaseService::Stub::PlanUpgrade, request));
  const v1::PlannedMigration* blocked = BlockedStep(plan);
  if (blocked == nullptr || blocked->waits()) return plan;
  request.set_contracts(false);
  ASSIGN_OR_RETURN(plan, context.client.Call(&v1::ReleaseService::Stub::PlanUpgrade, request));
  RETURN_IF_ERROR(CheckBlocked(plan));
  return plan;
}

std::optional<bool> Transactional(const v1::PlanUpgradeResponse& plan, int32_t version) {
  for (const auto& migration : plan.migrations()) {
    if (migration.ref().version() == version) return migration.transactional();
  }
  return std::nullopt;
}

// What to do next is another thing here than after `lockstep upgrade`.
absl::Status ForDeveloper(const absl::Status& status, const std::string& directory) {
  if (base::ReasonOf(status) != kReasonMigrationFailed) return status;
  base::ErrorInfo info = *base::GetErrorInfo(status);
  std::string& file = info.metadata["file"];
  if (!file.empty()) file = absl::StrCat(directory, "/", file);
  info.hint = "correct the file: what has not run is taken back and tried again";
  return base::MakeError(status.code(), status.message(), std::move(info));
}

absl::StatusOr<DevRound> Upgrade(Context& context, const std::string& directory) {
  v1::PlanUpgradeRequest planned;
  ASSIGN_OR_RETURN(const v1::PlanUpgradeResponse plan, Plan(context, planned));
  DevRound round{.applied = plan.applied(), .contracts_waiting = LeftWaiting(plan)};
  // Also one that only has to wait: an upgrade starts the backfills that it waits for.
  if (!HasWork(plan)) return round;
  v1::StartUpgradeRequest request;
  request.set_request_id(base::NewUuid());
  request.set_contracts(planned.contracts());
  request.set_plan_digest(plan.plan_digest());
  request.set_actor(Actor());
  request.set_reason("lockstep dev");
  ASSIGN_OR_RETURN(const v1::StartUpgradeResponse started,
                   context.client.Call(&v1::ReleaseService::Stub::StartUpgrade, request));
  v1::Operation operation = started.operation();
  if (!HasEnded(operation)) {
    ASSIGN_OR_RETURN(operation, Follow(context, operation.operation_id()));
  }
  RETURN_IF_ERROR(ForDeveloper(
      OutcomeOf(operation, Transactional(plan, operation.error().version())), directory));
  round.applied = operation.applied();
  // What waited for a backfill has run as well by now.
  round.ran = static_cast<int>(std::count_if(
      plan.migrations().begin(), plan.migrations().end(), [&](const v1::PlannedMigration& m) {
        return !m.left_waiting() && m.ref().version() <= operation.applied();
      }));
  round.contracts_waiting = {operation.contracts_waiting().begin(),
                             operation.contracts_waiting().end()};
  return round;
}

absl::Status TakeBack(Context& context, dev::Database& database, const chain::Chain& local,
                      const dev::Published& published) {
  ASSIGN_OR_RETURN(const dev::Drift drift, dev::FindDrift(local, published));
  if (drift.unpublish_from == 0 && !drift.backfills) return absl::OkStatus();
  RETURN_IF_ERROR(database.Unpublish(drift.unpublish_from));
  if (drift.unpublish_from != 0) {
    context.console.Detail(absl::StrCat("took back what was published from version ",
                                        drift.unpublish_from, " on and has not run"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<DevRound> RunDevRound(Context& context, dev::Database& database,
                                     const std::string& directory) {
  const absl::Time begun = absl::Now();
  ASSIGN_OR_RETURN(const chain::Chain local, LoadLocalChain(directory));
  ASSIGN_OR_RETURN(dev::Published published, database.ReadPublished());
  RETURN_IF_ERROR(TakeBack(context, database, local, published));
  RETURN_IF_ERROR(UpdateChainSum(context, directory, local.sum()));
  RETURN_IF_ERROR(Publish(context, local, /*dry_run=*/false, v1::LINT_MODE_WARN).status());
  ASSIGN_OR_RETURN(published, database.ReadPublished());
  DevRound round{.applied = published.newest_applied()};
  if (published.pending()) {
    ASSIGN_OR_RETURN(round, Upgrade(context, directory));
  }
  round.head = local.head();
  round.took = absl::Now() - begun;
  return round;
}

}  // namespace lockstep::ctl
