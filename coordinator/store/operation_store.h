// Operations.
#ifndef LOCKSTEP_COORDINATOR_STORE_OPERATION_STORE_H_
#define LOCKSTEP_COORDINATOR_STORE_OPERATION_STORE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "coordinator/store/types.h"
#include "engine/postgres/connection.h"

namespace lockstep::coordinator {

struct UpgradeRequest {
  std::string request_id;
  Version target = 0;
  bool contracts = false;      // As asked for.
  bool run_contracts = false;  // As resolved: also on a database that was never served.
  std::string actor;
  std::string reason;
  std::optional<absl::Duration> terminate_idle;  // See OperationRow.
};

// "op-" and twelve hexadecimal digits, not used before.
std::string NewOperationId();

// Puts the operation that is in the way into an OPERATION_IN_PROGRESS of the database; other errors
// stay as they are.
absl::Status NamingTheOther(const absl::Status& status);

// Starts an upgrade and returns its id, or the id of the one the same request started before.
// ALREADY_EXISTS (REQUEST_ID_REUSED); ABORTED (OPERATION_IN_PROGRESS) with the other one's id in
// metadata `operation_id`; UNAVAILABLE (NOT_LEADER).
absl::StatusOr<std::string> StartOperation(postgres::Connection& connection,
                                           const LeaderToken& leader,
                                           const UpgradeRequest& request);

// Ends an operation. False when it had ended before.
absl::StatusOr<bool> EndOperation(postgres::Connection& connection, const LeaderToken& leader,
                                  const std::string& operation_id, OperationState state,
                                  const std::optional<RunError>& error);

// Lets an operation wait before its next run.
absl::Status DeferOperation(postgres::Connection& connection, const LeaderToken& leader,
                            const std::string& operation_id, absl::Duration delay,
                            const RunError& error);

// Asks an operation to stop. NOT_FOUND (OPERATION_NOT_FOUND).
absl::Status CancelOperation(postgres::Connection& connection, const LeaderToken& leader,
                             const std::string& operation_id, const std::string& actor,
                             const std::string& reason);

// Pauses an operation, or lets it go on; one that has ended or is asked to stop stays as it is.
// NOT_FOUND (OPERATION_NOT_FOUND).
absl::Status PauseOperation(postgres::Connection& connection, const LeaderToken& leader,
                            const std::string& operation_id, bool paused, const std::string& actor,
                            const std::string& reason);

// Lets an operation that failed or was cancelled go on; any other one stays as it is. NOT_FOUND
// (OPERATION_NOT_FOUND); ABORTED (OPERATION_IN_PROGRESS) as StartOperation.
absl::Status RetryOperation(postgres::Connection& connection, const LeaderToken& leader,
                            const std::string& operation_id, const std::string& actor,
                            const std::string& reason);

// Whether `request_id` has started an operation.
absl::StatusOr<bool> IsRequestKnown(postgres::Connection& connection,
                                    const std::string& request_id);

// NOT_FOUND (OPERATION_NOT_FOUND).
absl::StatusOr<OperationRow> ReadOperation(postgres::Connection& connection,
                                           const std::string& operation_id);
// The one of its kind that has not ended; absent when there is none.
absl::StatusOr<std::optional<OperationRow>> ReadActiveOperation(
    postgres::Connection& connection, OperationKind kind = OperationKind::kUpgrade);
// The newest upgrade that has ended; absent when there is none.
absl::StatusOr<std::optional<OperationRow>> ReadLastOperation(postgres::Connection& connection);
// A page, newest first, from behind the operation `after` ("": from the newest). NOT_FOUND when
// there is no such operation.
absl::StatusOr<std::vector<OperationRow>> ReadOperations(postgres::Connection& connection,
                                                         const std::string& after, int limit,
                                                         bool active_only);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_STORE_OPERATION_STORE_H_
