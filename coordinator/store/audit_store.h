// The audit: what people decided, append-only, each record bound to the one before.
#ifndef LOCKSTEP_COORDINATOR_STORE_AUDIT_STORE_H_
#define LOCKSTEP_COORDINATOR_STORE_AUDIT_STORE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "coordinator/store/types.h"
#include "engine/postgres/connection.h"

namespace lockstep::coordinator {

struct AuditRow {
  int64_t number = 0;
  int64_t revision = 0;
  absl::Time at;
  std::string action;
  std::string actor;
  std::string reason;
  Version version = 0;    // 0 for none.
  std::string operation;  // "" for none.
  std::string detail;     // A JSON object.
  std::string hash;       // 32 raw bytes.
};

// Records before `before`, the newest first; absent: from the end.
absl::StatusOr<std::vector<AuditRow>> ReadAudit(postgres::Connection& connection,
                                                std::optional<int64_t> before, int limit);

struct AuditVerdict {
  int64_t records = 0;
  std::string last_hash;  // 32 raw bytes; empty without records.
  int64_t broken_at = 0;  // The first record that is not what was written; 0 when all are.
  std::string why;        // "" when all is well.
};

// Verifies every record. `expect`: the hash of one that must be among them; "" for none.
absl::StatusOr<AuditVerdict> VerifyAudit(postgres::Connection& connection,
                                         const std::string& expect);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_STORE_AUDIT_STORE_H_
