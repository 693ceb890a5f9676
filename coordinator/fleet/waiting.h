// What an instance that waits at its gate is told while the chain moves, without asking the
// database for each of them at each step. Pure.
#ifndef LOCKSTEP_COORDINATOR_FLEET_WAITING_H_
#define LOCKSTEP_COORDINATOR_FLEET_WAITING_H_

#include <optional>
#include <string>

#include "coordinator/store/types.h"

namespace lockstep::coordinator {

// The migration that runs, as far as its holder has told.
struct RunningMigration {
  Version version = 0;
  std::string title;  // Empty when not known.
  std::string holder;
  int statement = 0;  // 0 before the first.
  int statements = 0;
  std::string lock;  // What it waits for; "" when it does not.
};

// The part of the cluster's state that a waiting instance is told about.
struct GateView {
  ChainRow chain;
  std::optional<OperationRow> operation;  // The one that has not ended.
  std::optional<RunningMigration> running;
  std::string waiting_for;  // Why the operation makes no progress; "" when it does.
};

// "version 7 (digital_twin), statement 2 of 5, by a@b": the words of lockstep.gate, and how far it
// is.
std::string Describe(const RunningMigration& running);

// Returns the new verdict of an instance that waits for a version which is not applied yet; absent
// when only the database can say (its version is there, or it waits for something else).
std::optional<Verdict> VerdictWhileBehind(const Verdict& previous, const GateView& view);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_FLEET_WAITING_H_
