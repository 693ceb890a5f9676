// Where the chain of a directory stands against the published one. Pure functions.
#ifndef LOCKSTEP_CTL_CHAIN_COMPARE_H_
#define LOCKSTEP_CTL_CHAIN_COMPARE_H_

#include <string>

#include "absl/status/status.h"
#include "lockstep/v1/status.pb.h"

#include "engine/chain/chain.h"

namespace lockstep::ctl {

enum class Relation { kSame, kAhead, kBehind, kDiverged };
const char* RelationWord(Relation relation);  // "same", "ahead", "behind", "diverged".

struct Comparison {
  Relation relation = Relation::kSame;
  chain::Version parts_at = 0;  // The first version that differs; 0 unless diverged.
  std::string local_head;       // "4 event_outbox (3f2a90c1d5e7)"; "empty" for no migration.
  std::string published_head;
};

// `published` is the whole list.
Comparison CompareChains(const chain::ChainSum& local, const v1::ListMigrationsResponse& published);

// ABORTED (CHAIN_DIVERGED) with both heads, for a diverged comparison.
absl::Status DivergedError(const Comparison& comparison, const std::string& directory);

// "the published chain has versions that ./migrations does not: 5 orders (applied), 6 carts"; ""
// when it has none. At most kMaxNamedVersions are named.
inline constexpr int kMaxNamedVersions = 5;
std::string UnknownVersions(const std::string& directory, chain::Version local_head,
                            const v1::ListMigrationsResponse& published);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_CHAIN_COMPARE_H_
