// Backfills as the database tells of them, without a coordinator: for `backfill list --direct`.
#ifndef LOCKSTEP_CTL_DIRECT_OFFLINE_BACKFILLS_H_
#define LOCKSTEP_CTL_DIRECT_OFFLINE_BACKFILLS_H_

#include <string>

#include "absl/status/statusor.h"
#include "lockstep/v1/release.pb.h"

namespace lockstep::ctl {

// All of them, or the one called `name`; none in a database without schema lockstep. Writes
// nothing. NOT_FOUND (BACKFILL_NOT_FOUND); FAILED_PRECONDITION (SCHEMA_TOO_NEW); what
// Connection::Open returns.
absl::StatusOr<v1::ListBackfillsResponse> ListBackfillsOffline(const std::string& database,
                                                               const std::string& name);

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_DIRECT_OFFLINE_BACKFILLS_H_
