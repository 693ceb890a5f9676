// Sending a chain: what `publish` and `dev` have in common.
#ifndef LOCKSTEP_CTL_PUBLISH_FLOW_H_
#define LOCKSTEP_CTL_PUBLISH_FLOW_H_

#include "absl/status/statusor.h"
#include "lockstep/v1/release.pb.h"

#include "ctl/context.h"
#include "engine/chain/chain.h"

namespace lockstep::ctl {

// Sends what is not published yet, in as many calls as it takes; with `dry_run` only asks whether
// it would be accepted. Returns what was added, what is found in it, and the published head. Errors
// are the coordinator's, or Client::Call's.
absl::StatusOr<v1::PublishChainResponse> Publish(Context& context, const chain::Chain& local,
                                                 bool dry_run, v1::LintMode lint);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_PUBLISH_FLOW_H_
