// Whether a build could be deployed, in words. Pure functions.
#ifndef LOCKSTEP_CTL_DEPLOY_VIEW_H_
#define LOCKSTEP_CTL_DEPLOY_VIEW_H_

#include <string>

#include "absl/status/status.h"
#include "lockstep/v1/build.pb.h"

namespace lockstep::ctl {

// What is told of a build that starts, now or after the upgrade: one line, then indented facts and
// the contracts that would shut it out later. `rollback`: it is one to go back to, and may want a
// pin.
std::string DeployText(const v1::CanDeployResponse& response, bool rollback);

// Why a build would not start: FAILED_PRECONDITION (GATE_REFUSED), the contracts that shut it out
// as blockers, and which build would start as the hint. OK for one that starts.
absl::Status DeployOutcome(const v1::CanDeployResponse& response);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_DEPLOY_VIEW_H_
