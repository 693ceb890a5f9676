// What the coordinator and one agent do to the database for an upgrade, in one process and without
// the wire: lead, plan, lease, fetch, apply under the fence with history and events, until nothing
// is left. The chain is published already.
//
//   bench-engine COORDINATOR_CONNINFO MIGRATOR_CONNINFO
#include <cstdio>

#include "coordinator/operation/groups.h"
#include "coordinator/operation/plan.h"
#include "coordinator/store/chain_store.h"
#include "coordinator/store/leader_store.h"
#include "coordinator/store/run_store.h"
#include "engine/apply/run.h"
#include "engine/base/error_info.h"
#include "engine/base/ids.h"
#include "engine/base/status_macros.h"

namespace lockstep::bench {
namespace {

using coordinator::Run;

constexpr int64_t kMaxFetchBytes = 8 << 20;

absl::StatusOr<coordinator::LeaderToken> Lead(postgres::Connection& connection) {
  const std::string holder = base::NewUuid();
  ASSIGN_OR_RETURN(const auto row,
                   coordinator::AcquireLeadership(connection, holder, "", absl::Hours(1), {}));
  if (row.token.holder == holder) return row.token;
  return absl::FailedPreconditionError("somebody else leads");
}

absl::StatusOr<std::optional<Run>> NextRunOf(postgres::Connection& connection) {
  ASSIGN_OR_RETURN(const auto chain, coordinator::ReadChain(connection));
  ASSIGN_OR_RETURN(auto pending, coordinator::ReadPending(connection));
  return coordinator::NextRun(coordinator::MakePlan({chain, std::move(pending)}, 0, true));
}

absl::StatusOr<bool> NeverServed(postgres::Connection& connection) {
  ASSIGN_OR_RETURN(const auto chain, coordinator::ReadChain(connection));
  return chain.never_served;
}

absl::StatusOr<apply::RunSpec> Lease(postgres::Connection& connection,
                                     const coordinator::LeaderToken& leader, const Run& run) {
  ASSIGN_OR_RETURN(const auto seen, coordinator::ReadLease(connection));
  ASSIGN_OR_RETURN(const auto token, coordinator::GrantRun(connection, leader, seen.token.epoch,
                                                           {.first = run.first,
                                                            .last = run.last,
                                                            .session = base::NewUuid(),
                                                            .holder = "bench@engine",
                                                            .operation = "op-bench",
                                                            .ttl = absl::Seconds(30)}));
  ASSIGN_OR_RETURN(const auto settings, coordinator::ReadSettings(connection));
  ASSIGN_OR_RETURN(const bool never_served, NeverServed(connection));
  apply::RunSpec spec{.token = {.epoch = token.epoch, .lease_id = token.lease_id},
                      .settings = {.owner_role = settings.owner_role,
                                   .search_path = settings.search_path,
                                   .lock_timeout = absl::Milliseconds(500)}};
  // Pieces, as FetchRun answers them.
  for (auto next = run.first; next <= run.last;) {
    ASSIGN_OR_RETURN(auto texts,
                     coordinator::ReadTexts(connection, next, run.last, kMaxFetchBytes));
    const auto groups = coordinator::GroupsOf(texts, never_served);
    for (size_t i = 0; i < texts.size(); ++i) {
      auto& text = texts[i];
      next = text.entry.version + 1;
      spec.items.push_back({.version = text.entry.version,
                            .title = std::move(text.entry.title),
                            .sql = std::move(text.sql),
                            .digest = std::move(text.entry.digest),
                            .group = groups[i]});
    }
  }
  return spec;
}

absl::Status Upgrade(const std::string& coordinator, const std::string& migrator) {
  ASSIGN_OR_RETURN(auto connection, postgres::Connection::Open({.conninfo = coordinator}));
  ASSIGN_OR_RETURN(const auto leader, Lead(*connection));
  for (;;) {
    ASSIGN_OR_RETURN(const auto run, NextRunOf(*connection));
    if (!run.has_value()) return coordinator::ResignLeadership(*connection, leader);
    ASSIGN_OR_RETURN(apply::RunSpec spec, Lease(*connection, leader, *run));
    spec.conninfo = migrator;
    apply::Cancellation nobody;
    const apply::RunResult result = apply::ApplyRun(spec, nobody, [](const apply::Progress&) {});
    if (result.outcome != apply::RunOutcome::kSucceeded) {
      return absl::InternalError(result.error.has_value() ? result.error->message : "failed");
    }
  }
}

}  // namespace
}  // namespace lockstep::bench

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const absl::Status status = lockstep::bench::Upgrade(argv[1], argv[2]);
  if (!status.ok()) std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
