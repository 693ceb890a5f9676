// Instances, leases and events as tables, and what lists of them are fetched with.
#ifndef LOCKSTEP_CTL_FLEET_LISTING_H_
#define LOCKSTEP_CTL_FLEET_LISTING_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lockstep/v1/status.pb.h"

#include "ctl/client.h"
#include "ctl/style.h"

namespace lockstep::ctl {

// All pages in one answer without a page token. Fails as Client::Call does; INTERNAL when the pages
// do not end.
absl::StatusOr<v1::ListInstancesResponse> ListAllInstances(Client& client,
                                                           v1::ListInstancesRequest request);

std::string InstancesTable(const v1::ListInstancesResponse& list, absl::Time now,
                           const Style& style, int width);
// The same of those that a contract concerns: whether they count, and why it concerns them.
std::string ConcernedTable(const v1::ListInstancesResponse& list, absl::Time now,
                           const Style& style, int width);
// One instance, a fact a line.
std::string InstanceText(const v1::InstanceStatus& instance, absl::Time now, const Style& style);

std::string LeasesTable(const v1::ListLeasesResponse& list, const Style& style, int width);

// Events are lines of fixed columns, because those that come later cannot widen the table.
std::string EventHeading(const Style& style);
std::string EventLine(const v1::Event& event);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_FLEET_LISTING_H_
