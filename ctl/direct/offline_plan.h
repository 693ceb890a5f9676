// What a direct upgrade would run, without writing anything: for `upgrade --direct --sql`.
#ifndef LOCKSTEP_CTL_DIRECT_OFFLINE_PLAN_H_
#define LOCKSTEP_CTL_DIRECT_OFFLINE_PLAN_H_

#include <string>

#include "absl/status/statusor.h"
#include "lockstep/v1/release.pb.h"

#include "engine/chain/chain.h"

namespace lockstep::ctl {

// Plans `chain` against `database`; a database without schema lockstep, and an empty `database`,
// count as empty. `target` 0 is the head of `chain`. ABORTED (CHAIN_DIVERGED) when the published
// chain is another one; FAILED_PRECONDITION (SCHEMA_TOO_NEW); what Connection::Open returns.
absl::StatusOr<v1::PlanUpgradeResponse> PlanOffline(const std::string& database,
                                                    const chain::Chain& chain,
                                                    chain::Version target, bool contracts);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_DIRECT_OFFLINE_PLAN_H_
