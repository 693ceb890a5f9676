// What the linted contracts mean for the fleet that runs right now.
#ifndef LOCKSTEP_CTL_FLEET_LINT_H_
#define LOCKSTEP_CTL_FLEET_LINT_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lockstep/v1/status.pb.h"

#include "ctl/client.h"
#include "ctl/lint_report.h"
#include "engine/chain/migration.h"

namespace lockstep::ctl {

// The version that the coordinator's database is at. Fails as Client::Call does.
absl::StatusOr<chain::Version> AppliedThere(Client& client);

// Adds a finding for each contract of the report and each build of which instances that count run
// and that it concerns: by what the build is adapted to, and by the tables and columns it uses.
absl::Status LintFleet(Client& client, LintReport* report);
// The same for a list of instances. Pure.
void AddConcerned(const v1::ListInstancesResponse& fleet, LintReport* report);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_FLEET_LINT_H_
