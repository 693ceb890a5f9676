// The state of the whole cluster from one repeatable-read transaction, with the liveness that only
// the leader's memory has.
#ifndef LOCKSTEP_COORDINATOR_STATUS_CLUSTER_STATE_H_
#define LOCKSTEP_COORDINATOR_STATUS_CLUSTER_STATE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "coordinator/operation/operations.h"
#include "coordinator/status/instances.h"
#include "coordinator/store/override_store.h"
#include "coordinator/store/pin_store.h"

namespace lockstep::coordinator {

// A contract that has not run although its turn has come.
struct ContractWaiting {
  Version version = 0;
  int64_t concerned = 0;
  std::vector<std::string> services;  // Of those whom it concerns, worst first; at most kMaxNamed.
};
inline constexpr size_t kMaxNamed = 10;

// Of pins and of overrides, how many are told one by one.
inline constexpr size_t kMaxExceptions = 20;

struct ClusterState {
  std::string database;
  std::string server_version;
  LeaderRow leader;
  bool self_leads = false;
  ChainRow chain;
  int pending = 0;  // Contracts left waiting not counted.
  std::vector<Version> contracts_waiting;
  std::optional<OperationView> operation;
  std::optional<OperationView> last_operation;
  std::optional<OperationView> contract;  // The contract that has not ended.
  std::vector<ContractWaiting> waiting;
  std::vector<InstanceState> instances;  // By service, then instance.
  std::vector<BackfillRow> backfills;
  std::vector<PinRow> pins;  // Those that hold up a contract first; at most kMaxExceptions.
  size_t pins_total = 0;
  std::vector<OverrideRow> overrides;  // Of the most targets first; at most kMaxExceptions.
  size_t overrides_total = 0;
  std::optional<ExpiryBrake> expiry_brake;  // While expiry is frozen, as the leader knows.
  absl::Time read_at;
};

struct ClusterStateSources {
  Database* database = nullptr;
  Elector* elector = nullptr;
  Fleet* fleet = nullptr;
  Operations* operations = nullptr;
  const base::Clock* clock = base::SystemClock();
};

// Blocks on SQL. Served by leader and followers; a follower knows no liveness.
absl::StatusOr<ClusterState> ReadClusterState(const ClusterStateSources& sources);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_STATUS_CLUSTER_STATE_H_
