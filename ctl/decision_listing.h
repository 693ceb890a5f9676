// Pins and the audit as tables, and what lists of them are fetched with.
#ifndef LOCKSTEP_CTL_DECISION_LISTING_H_
#define LOCKSTEP_CTL_DECISION_LISTING_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lockstep/v1/admin.pb.h"
#include "lockstep/v1/status.pb.h"

#include "ctl/client.h"
#include "ctl/style.h"

namespace lockstep::ctl {

// All pages in one answer without a page token, of one service or of all (""). Fails as
// Client::Call does; INTERNAL when the pages do not end.
absl::StatusOr<v1::ListPinsResponse> ListAllPins(Client& client, const std::string& service);

std::string PinsTable(const v1::ListPinsResponse& list, absl::Time now, const Style& style,
                      int width);
std::string AuditTable(const v1::ListAuditEventsResponse& list, const Style& style, int width);

// What an override would break: the instances and the pins as tables.
std::string OverrideText(const v1::OverrideResponse& response, absl::Time now, const Style& style,
                         int width);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_DECISION_LISTING_H_
