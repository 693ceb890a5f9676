// Whether a build could be deployed: pure.
#ifndef LOCKSTEP_COORDINATOR_OPERATION_DEPLOY_H_
#define LOCKSTEP_COORDINATOR_OPERATION_DEPLOY_H_

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coordinator/fleet/concern.h"
#include "coordinator/operation/plan.h"
#include "coordinator/store/gate_store.h"
#include "coordinator/store/types.h"

namespace lockstep::coordinator {

// What the database says, from one snapshot.
struct DeployFacts {
  GateFacts gate;
  Version inflight = 0;                   // 0 for none.
  std::vector<GateContract> waiting;      // Contracts that have not run, by version.
  std::set<Version> cared_for;            // Those of them that an operation of their own runs.
  Plan upgrade;                           // To the head, as `lockstep upgrade` would.
  std::optional<OperationRow> operation;  // The upgrade that has not ended.
};

enum class Deployability { kNow, kAfterUpgrade, kNo };

enum class ContractStanding { kWaiting, kScheduled, kDraining, kInFlight, kDone };

struct ShuttingOut {
  Version version = 0;
  std::string title;
  ContractStanding standing = ContractStanding::kWaiting;
  std::string ran_at;  // As GateContract's.
  Concern concern;
};

struct DeployVerdict {
  Deployability deployability = Deployability::kNo;
  Verdict now;
  Verdict after_upgrade;
  // Why the pending upgrade would not help, where the gate does not say it; "" otherwise.
  std::string why_not;
  std::vector<ShuttingOut> shut_out_by;  // By version: those that do, and those that will.
};

// kNow: the gate is open. kAfterUpgrade: it opens when the pending upgrade has run, as far as that
// can get. kNo: everything else; what a person may still do about it (publish, lift a barrier, run
// a backfill) is not foreseen.
DeployVerdict JudgeDeploy(const DeployFacts& facts, const Declaration& declaration);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_OPERATION_DEPLOY_H_
