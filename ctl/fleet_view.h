// A fleet in few lines, however many instances it has: builds of services, the worst first. Pure
// functions.
#ifndef LOCKSTEP_CTL_FLEET_VIEW_H_
#define LOCKSTEP_CTL_FLEET_VIEW_H_

#include <string>

#include "absl/time/time.h"
#include "lockstep/v1/status.pb.h"

#include "ctl/style.h"

namespace lockstep::ctl {

// Lines of a table at most; what follows is told in one. Whoever is not well comes first.
inline constexpr int kMaxGroups = 40;
inline constexpr int kMaxInstances = 50;
// Lines below a table at most, and names in each.
inline constexpr int kMaxNotes = 20;
inline constexpr int kMaxNamed = 3;

// When `status` was read.
absl::Time ReadAt(const v1::ClusterStatus& status);

// A build of a service a line: how many of its instances serve, and the gate of its worst one, with
// its reason. `width` 0: never cut.
std::string FleetTable(const v1::ClusterStatus& status, const Style& style, int width);

// One service, an instance a line, the worst first; then why those wait that do, each reason once.
std::string ServiceText(const v1::ClusterStatus& status, const v1::ServiceStatus& service,
                        const Style& style, int width);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_FLEET_VIEW_H_
