// What an instance that waits at its gate is told while the chain moves, without asking the
// database for each of them at each step. Pure.
#ifndef LOCKSTEP_COORDINATOR_FLEET_WAITING_H_
#define LOCKSTEP_COORDINATOR_FLEET_WAITING_H_

#include <optional>
#include <string>

#include "coordinator/store/types.h"

namespace lockstep::coordinator {

// The part of the cluster's state that a waiting instance is told about.
struct GateView {
  ChainRow chain;
  std::optional<OperationRow> operation;  // The one that has not ended.
  std::string running;  // "version 7 digital_twin, statement 2 of 5, by a@b"; "" when nothing runs.
  std::string waiting_for;  // Why the operation makes no progress; "" when it does.
};

// Returns the new verdict of an instance that waits for a version which is not applied yet; absent
// when only the database can say (its version is there, or it waits for something else).
std::optional<Verdict> VerdictWhileBehind(const Verdict& previous, const GateView& view);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_FLEET_WAITING_H_
