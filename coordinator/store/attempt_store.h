// Every run that was granted, also those that failed. The token's second half is a secret and is
// never read here.
#ifndef LOCKSTEP_COORDINATOR_STORE_ATTEMPT_STORE_H_
#define LOCKSTEP_COORDINATOR_STORE_ATTEMPT_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "coordinator/store/types.h"
#include "engine/postgres/connection.h"

namespace lockstep::coordinator {

struct AttemptRow {
  int64_t lease_epoch = 0;
  std::string operation;
  std::string session;
  std::string holder;  // "service@instance"
  Version first = 0;
  Version last = 0;
  absl::Time started_at;
  std::optional<absl::Time> ended_at;
  std::optional<absl::Time> expires_at;  // While it is held.
  bool held = false;
  std::string outcome;    // "succeeded", "failed", "not started", "unknown", "revoked"; "" before.
  Version committed = 0;  // The newest version that is committed; 0 for none or not known.
  std::optional<RunError> error;
};

// A page, newest first, of epochs below `before` (absent: from the newest).
absl::StatusOr<std::vector<AttemptRow>> ReadAttempts(postgres::Connection& connection,
                                                     std::optional<int64_t> before, int limit);

// The newest of one operation, newest first.
absl::StatusOr<std::vector<AttemptRow>> ReadAttemptsOf(postgres::Connection& connection,
                                                       const std::string& operation_id, int limit);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_STORE_ATTEMPT_STORE_H_
