// Contract operations, their barrier, and who is in the way of a contract.
#ifndef LOCKSTEP_COORDINATOR_STORE_CONTRACT_STORE_H_
#define LOCKSTEP_COORDINATOR_STORE_CONTRACT_STORE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "coordinator/store/types.h"
#include "engine/postgres/connection.h"

namespace lockstep::coordinator {

struct ContractRequest {
  std::string request_id;
  Version version = 0;
  bool when_drained = false;  // Wait for those whom it concerns to leave.
  std::optional<absl::Duration> deadline;  // Absent: without a barrier.
  absl::Duration soak;
  std::string accept_unknown;  // Why undeclared clients do not hold it up; "" when they do.
  std::string actor;
  std::string reason;
  std::optional<absl::Duration> terminate_idle;  // See OperationRow.
};

// Starts a contract operation and returns its id, or the id of the one the same request started
// before. Fails as StartOperation.
absl::StatusOr<std::string> StartContractOperation(postgres::Connection& connection,
                                                   const LeaderToken& leader,
                                                   const ContractRequest& request);

// Sets the barrier of a contract operation; OK also when it stands. ABORTED (BUSY) while another
// one stands, or when the operation does not run any more; DEADLINE_EXCEEDED when an admission
// stays open for longer than lock_timeout.
absl::Status SetBarrier(postgres::Connection& connection, const LeaderToken& leader,
                        const std::string& operation_id);

// Notes that the contract concerns nobody from now on, or that somebody is there again.
absl::Status NoteQuiet(postgres::Connection& connection, const LeaderToken& leader,
                       const std::string& operation_id, bool quiet, const std::string& why);

// Ends a contract operation, and with it its barrier. False when it had ended before.
absl::StatusOr<bool> EndContract(postgres::Connection& connection, const LeaderToken& leader,
                                 const std::string& operation_id, OperationState state,
                                 const std::optional<RunError>& error);

// Those of one service and build whom a contract concerns.
struct ConcernedGroup {
  std::string service;
  std::string build;
  Version adapted_to = 0;
  int starting = 0;
  int live = 0;
  int draining = 0;
  int suspect = 0;
  int pins = 0;
  int gone = 0;  // They have left since the contract was asked for.
  std::optional<absl::Time> oldest;  // When the oldest of those that count was admitted.
  // What only the leader's memory knows: how many it hears, and how long ago one was heard last.
  int connected = 0;
  std::optional<absl::Duration> last_seen;

  int counting() const { return starting + live + draining + suspect + pins; }
};

// Alike connections that may use what a contract touches and that nobody answers for.
struct ClientGroup {
  bool leftover = false;  // Of an instance that counts no longer and that the contract concerns.
  std::string role;
  std::string application_name;
  std::string address;  // "local" for a Unix socket.
  int connections = 0;
  int locks = 0;  // How many of them hold a lock on what it touches.
  int pid = 0;    // Of one of them.
  std::string state;
  std::string query;
  std::optional<absl::Time> oldest;
};

struct BarrierRow {
  Version version = 0;
  std::string owner;
  std::string operation;
  std::optional<absl::Time> deadline;
};

// What there is to say about a contract that has not run.
struct ContractFacts {
  Version version = 0;
  std::string title;
  std::optional<std::vector<std::string>> touches;  // Absent: not known.
  bool published = false;
  bool is_contract = false;
  bool ran = false;
  bool in_flight = false;
  std::string not_next;              // Why its turn has not come; "" when it has.
  std::optional<BarrierRow> barrier;  // Whichever stands.
  int64_t concerned = 0;             // As its grant would count.
  int64_t counting = 0;  // All sessions and pins that count, whether it concerns them or not.
  std::vector<ConcernedGroup> groups;  // Worst first; also those that have all gone.
  std::vector<ClientGroup> clients;    // Those that hold locks first.
};

// Reads them; call it in a snapshot. `since`: from when on those who left are told. A version that
// is not published is told as such.
absl::StatusOr<ContractFacts> ReadContractFacts(postgres::Connection& connection, Version version,
                                                std::optional<absl::Time> since);

// The services of those whom a contract that has not run concerns, worst first.
absl::StatusOr<std::vector<std::string>> ReadConcernedServices(postgres::Connection& connection,
                                                               Version version);

// Contracts that have not run, by version.
absl::StatusOr<std::vector<Version>> ReadPendingContracts(postgres::Connection& connection);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_STORE_CONTRACT_STORE_H_
