// Which neighbours of a run share a transaction: pure.
#ifndef LOCKSTEP_COORDINATOR_OPERATION_GROUPS_H_
#define LOCKSTEP_COORDINATOR_OPERATION_GROUPS_H_

#include <cstdint>
#include <vector>

#include "coordinator/store/chain_store.h"

namespace lockstep::coordinator {

// Migrations that share a transaction at most. What a group saves is its share of one fence and one
// durable COMMIT, of which sixteen leave a sixteenth; beyond that a longer group saves next to
// nothing, keeps more locks and loses more when one of its files fails.
inline constexpr size_t kMaxGroup = 16;
// SQL in one transaction at most: what is rolled back and repeated one by one after a failure.
inline constexpr size_t kMaxGroupBytes = 1 << 20;

// For each of `texts`, which are consecutive, the first version of the group that it is in; its own
// for one that shares with none before it. On a database that has been served nothing shares.
std::vector<Version> GroupsOf(const std::vector<MigrationText>& texts, bool never_served);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_OPERATION_GROUPS_H_
