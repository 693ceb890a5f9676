#include "coordinator/status/cluster_state.h"

#include <algorithm>
#include <map>
#include <utility>

#include "coordinator/store/backfill_store.h"
#include "coordinator/store/contract_store.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {

// Of how many pins the worst are looked for.
constexpr int kMaxPins = 1'000;

std::vector<InstanceState> MergeLiveness(std::vector<SessionRow> rows, const Fleet& fleet,
                                         absl::Duration now) {
  std::map<std::string, Member> members;
  for (Member& member : fleet.Members()) {
    const std::string id = member.declaration.session_id;
    members.emplace(id, std::move(member));
  }
  std::vector<InstanceState> instances;
  const ExpiryView expiry = ExpiryOf(fleet);
  for (SessionRow& row : rows) {
    const auto found = members.find(row.declaration.session_id);
    instances.push_back(InstanceOf(
        std::move(row),
        found == members.end() ? std::nullopt : std::optional<Member>(found->second), now, expiry));
  }
  return instances;
}

absl::Status ReadChainPart(postgres::Connection& connection, ClusterState& state) {
  ASSIGN_OR_RETURN(
      const auto server,
      connection.Query("SELECT current_database(), current_setting('server_version')"));
  state.database = server.only().Text(0);
  state.server_version = server.only().Text(1).substr(0, server.only().Text(1).find(' '));
  ASSIGN_OR_RETURN(state.leader, ReadLeader(connection));
  ASSIGN_OR_RETURN(state.chain, ReadChain(connection));
  ASSIGN_OR_RETURN(auto pending, ReadPending(connection));
  const Plan plan = MakePlan({state.chain, std::move(pending)}, 0, false);
  state.contracts_waiting = plan.ContractsWaiting();
  for (const PlanStep& step : plan.steps) {
    if (step.kind != StepKind::kLeftWaiting) continue;
    ContractWaiting waiting{.version = step.migration.version,
                            .concerned = step.migration.concerned};
    if (waiting.concerned > 0) {
      ASSIGN_OR_RETURN(waiting.services, ReadConcernedServices(connection, waiting.version));
      if (waiting.services.size() > kMaxNamed) waiting.services.resize(kMaxNamed);
    }
    state.waiting.push_back(std::move(waiting));
  }
  state.pending = static_cast<int>(plan.steps.size() - state.contracts_waiting.size());
  ASSIGN_OR_RETURN(state.backfills, ReadBackfills(connection));
  return absl::OkStatus();
}

absl::Status ReadExceptions(postgres::Connection& connection, ClusterState& state) {
  ASSIGN_OR_RETURN(state.pins, ReadPins(connection, {.limit = kMaxPins}));
  const auto rank = [](const PinRow& pin) { return std::pair(pin.holds_up == 0, pin.holds_up); };
  std::stable_sort(state.pins.begin(), state.pins.end(),
                   [&](const PinRow& a, const PinRow& b) { return rank(a) < rank(b); });
  state.pins_total = state.pins.size();
  if (state.pins.size() > kMaxExceptions) state.pins.resize(kMaxExceptions);
  ASSIGN_OR_RETURN(state.overrides, ReadActiveOverrides(connection));
  state.overrides_total = state.overrides.size();
  if (state.overrides.size() > kMaxExceptions) state.overrides.resize(kMaxExceptions);
  return absl::OkStatus();
}

absl::Status ReadOperationPart(postgres::Connection& connection, Operations& operations,
                               ClusterState& state) {
  ASSIGN_OR_RETURN(const auto active, ReadActiveOperation(connection));
  if (active.has_value()) {
    ASSIGN_OR_RETURN(state.operation, operations.Describe(connection, *active));
  }
  ASSIGN_OR_RETURN(const auto contract, ReadActiveOperation(connection, OperationKind::kContract));
  if (contract.has_value()) {
    ASSIGN_OR_RETURN(state.contract, operations.Describe(connection, *contract));
  }
  ASSIGN_OR_RETURN(const auto last, ReadLastOperation(connection));
  if (last.has_value()) {
    ASSIGN_OR_RETURN(state.last_operation, operations.Describe(connection, *last));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ClusterState> ReadClusterState(const ClusterStateSources& sources) {
  ASSIGN_OR_RETURN(auto connection, sources.database->Take());
  ClusterState state;
  std::vector<SessionRow> sessions;
  RETURN_IF_ERROR(connection->InSnapshot([&]() -> absl::Status {
    RETURN_IF_ERROR(ReadChainPart(*connection, state));
    RETURN_IF_ERROR(ReadOperationPart(*connection, *sources.operations, state));
    RETURN_IF_ERROR(ReadExceptions(*connection, state));
    ASSIGN_OR_RETURN(sessions, ReadSessions(*connection));
    return absl::OkStatus();
  }));
  const auto leadership = sources.elector->leadership();
  state.self_leads = leadership.has_value() && *leadership == state.leader.token;
  state.instances = MergeLiveness(std::move(sessions), *sources.fleet, sources.clock->SinceBoot());
  if (state.self_leads) state.expiry_brake = sources.fleet->expiry_brake();
  state.read_at = sources.clock->Now();
  return state;
}

}  // namespace lockstep::coordinator
