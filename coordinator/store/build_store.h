// Builds as they are known from instances and pins, and contracts as a build meets them.
#ifndef LOCKSTEP_COORDINATOR_STORE_BUILD_STORE_H_
#define LOCKSTEP_COORDINATOR_STORE_BUILD_STORE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "coordinator/store/gate_store.h"
#include "coordinator/store/types.h"
#include "engine/postgres/connection.h"

namespace lockstep::coordinator {

// What instances or a pin of one build declare. A build that declared different things at different
// times is several of these.
struct BuildRow {
  // Service, build, built_for with its published chain hash, needs, adapted_to, uses.
  Declaration declaration;
  int instances = 0;  // That count.
  bool pinned = false;
};

// The builds of a service, as far as its instances of the last week and its pins tell: those with
// most instances first, then the newest; at most 100. `build`: only that one; "" for all. What was
// refused for another chain, or for no declaration at all, is left out.
absl::StatusOr<std::vector<BuildRow>> ReadBuilds(postgres::Connection& connection,
                                                 const std::string& service,
                                                 const std::string& build);

// The published contracts that have not run, by version.
absl::StatusOr<std::vector<GateContract>> ReadWaitingContracts(postgres::Connection& connection);

// A published contract, whether it has run or not. NOT_FOUND (MIGRATION_NOT_FOUND);
// INVALID_ARGUMENT (INVALID_FIELD) for what is no contract.
absl::StatusOr<GateContract> ReadContract(postgres::Connection& connection, Version version);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_STORE_BUILD_STORE_H_
