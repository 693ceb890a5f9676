// Which migrations to send, and in which requests. Pure functions.
#ifndef LOCKSTEP_CTL_PUBLISH_PLAN_H_
#define LOCKSTEP_CTL_PUBLISH_PLAN_H_

#include <string>
#include <vector>

#include "lockstep/v1/release.pb.h"
#include "lockstep/v1/status.pb.h"

#include "engine/chain/chain.h"

namespace lockstep::ctl {

// One call carries at most 16 MiB; what is left covers the rest of the request.
inline constexpr size_t kMaxBatchBytes = (size_t{16} << 20) - (size_t{64} << 10);

// The chain hash at `version` of the local chain; the empty chain's hash at 0. `version` must not
// be above the local head.
std::string HashAt(const chain::ChainSum& sum, chain::Version version);

// The first version to send when the published chain ends at `head` with `head_hash`: the one after
// the head when the two agree there. 0 when they do not agree, or when the published chain is
// longer: then the list of published migrations is needed, see FirstDifference.
chain::Version FirstToSend(const chain::ChainSum& local, chain::Version head,
                           const std::string& head_hash);

// The first version whose chain hashes differ, or the one after the shorter chain. Sending from
// there lets the coordinator, which is the judge, say how they differ.
chain::Version FirstDifference(const chain::ChainSum& local,
                               const v1::ListMigrationsResponse& published);

// Cuts the chain from `first` on into requests of at most `max_bytes`, each with the parent hash it
// continues. The backfills travel with the last one, because the coordinator compares them too;
// when nothing is new, they travel with the newest migration. Empty when there is nothing to send.
std::vector<v1::PublishChainRequest> MakeRequests(const chain::Chain& local, chain::Version first,
                                                  const std::string& actor,
                                                  size_t max_bytes = kMaxBatchBytes);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_PUBLISH_PLAN_H_
