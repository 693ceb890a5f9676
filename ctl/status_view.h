// The state of the cluster in words: what `lockstep status` prints. Pure functions.
#ifndef LOCKSTEP_CTL_STATUS_VIEW_H_
#define LOCKSTEP_CTL_STATUS_VIEW_H_

#include <string>

#include "lockstep/v1/status.pb.h"

#include "ctl/style.h"

namespace lockstep::ctl {

// The whole picture: CLUSTER, SCHEMA and UPGRADE lines, overrides and pins, the fleet
// (ctl/fleet_view.h), backfills, contracts that wait. `width` 0: never cut.
std::string StatusText(const v1::ClusterStatus& status, const Style& style, int width);

// Null when no instance of it is registered.
const v1::ServiceStatus* FindService(const v1::ClusterStatus& status, const std::string& name);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_STATUS_VIEW_H_
