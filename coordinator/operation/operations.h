// The verbs of release tooling and of lease holders: publish (publishing.h), plan, start, pause,
// cancel, retry, fetch, complete.
//
// Thread-safe; every function blocks on SQL, so call them from a worker, never from a gRPC reactor.
// Writes need leadership: UNAVAILABLE (NOT_LEADER) with the leader's address in metadata
// `leader_address` otherwise.
#ifndef LOCKSTEP_COORDINATOR_OPERATION_OPERATIONS_H_
#define LOCKSTEP_COORDINATOR_OPERATION_OPERATIONS_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "coordinator/lease/elector.h"
#include "coordinator/operation/contract_flow.h"
#include "coordinator/operation/driver.h"
#include "coordinator/operation/publishing.h"
#include "coordinator/review/recent_review.h"
#include "coordinator/review/review.h"
#include "coordinator/store/attempt_store.h"
#include "coordinator/store/backfill_store.h"
#include "coordinator/store/chain_store.h"
#include "coordinator/store/contract_store.h"
#include "coordinator/store/operation_store.h"

namespace lockstep::coordinator {

struct PlannedUpgrade {
  Plan plan;
  std::string digest;  // 32 raw bytes.
  Review review;       // Of everything that has not run; empty when nothing is pending.
  int migrators = 0;
};

// A contract that has not run: who is in its way, and how far the operation that runs it is.
struct ContractState {
  ContractFacts facts;
  std::optional<OperationRow> operation;  // The one that takes care of it; absent for none.
  ContractStep step;                      // Of that operation.
};

// An operation and what the leader's memory adds to its row.
struct OperationView {
  OperationRow row;
  Version applied = 0;
  std::string error_file;  // "003_title.sql" of the error's version; "" without.
  std::string waiting_for;
  std::vector<Version> contracts_waiting;
  std::optional<HeldLease> held;  // When its run is in flight and this process leads.
  std::string running_title;
  absl::Duration running_for;
  std::optional<ContractState> contract;  // Of a contract that has not ended.
  std::optional<BackfillRow> backfill;    // The needed one that an upgrade waits for.
  std::vector<AttemptRow> attempts;  // The newest, newest first; only where they were asked for.
};

struct FetchedRun {
  std::vector<MigrationText> texts;
  std::vector<Version> groups;  // Of each text the first version of its group (groups.h).
  Settings settings;
  absl::Duration lock_timeout;  // Of one statement; what the ladder has come to.
  bool more = false;
};

enum class RunOutcome { kSucceeded, kFailed, kNotStarted, kUnknown };

struct OperationsOptions {
  Database* database = nullptr;  // All of these must outlive the object.
  Elector* elector = nullptr;
  Fleet* fleet = nullptr;
  Lessor* lessor = nullptr;
  Driver* driver = nullptr;
  Durations durations;
  const base::Clock* clock = base::SystemClock();
};

class Operations {
 public:
  explicit Operations(OperationsOptions options)
      : options_(std::move(options)), recent_review_(options_.clock) {}

  // Fails as PublishChain does.
  absl::StatusOr<PublishResult> Publish(const PublishRequest& request);

  // INVALID_ARGUMENT (INVALID_FIELD) for a target that is not published.
  absl::StatusOr<PlannedUpgrade> PlanUpgrade(Version target, bool contracts);

  // ABORTED (PLAN_STALE) when `plan_digest` is given and the plan is another one now;
  // FAILED_PRECONDITION (BLOCKED), with the migration as its blocker, when nothing of it can run;
  // PERMISSION_DENIED (PERMISSION) when it asks to end sessions and the database lets us not.
  absl::StatusOr<OperationView> StartUpgrade(const UpgradeRequest& request,
                                             const std::string& plan_digest);

  // Starts a contract operation, or with `validate_only` tells whether it could be: then the id of
  // what it returns is "". INVALID_ARGUMENT (INVALID_FIELD); FAILED_PRECONDITION: NOT_WAITING when
  // the version is no contract that has not run, BLOCKED with everybody in the way as a blocker
  // when it would have to wait and was not told to; ABORTED (OPERATION_IN_PROGRESS) while another
  // contract is under way; otherwise as StartUpgrade.
  absl::StatusOr<OperationView> StartContract(const ContractRequest& request, bool validate_only);

  // The contract `version`, or all that have not run when it is 0: one consistent picture.
  // FAILED_PRECONDITION (NOT_WAITING) as StartContract.
  absl::StatusOr<std::vector<ContractState>> ListContracts(Version version);

  absl::StatusOr<OperationView> Get(const std::string& operation_id, bool with_attempts = false);
  absl::StatusOr<std::vector<OperationView>> List(const std::string& after, int limit,
                                                  bool active_only);
  absl::StatusOr<OperationView> Cancel(const std::string& operation_id, const std::string& actor,
                                       const std::string& reason);

  // Pauses an operation (no run is granted from then on, and the run in flight is taken back
  // between two migrations), or lets it go on.
  absl::StatusOr<OperationView> Pause(const std::string& operation_id, bool paused,
                                      const std::string& actor, const std::string& reason);

  // Lets an operation that failed or was cancelled go on where it stopped; any other one stays as
  // it is. ABORTED (OPERATION_IN_PROGRESS); FAILED_PRECONDITION (BLOCKED) as StartUpgrade.
  absl::StatusOr<OperationView> Retry(const std::string& operation_id, const std::string& actor,
                                      const std::string& reason);

  // FAILED_PRECONDITION (FENCED) when the token is not current.
  absl::StatusOr<FetchedRun> FetchRun(const LeaseToken& token, Version from);

  // Returns the applied version. A report under a token that is no longer current changes nothing.
  absl::StatusOr<Version> CompleteRun(const std::string& session_id, const LeaseToken& token,
                                      RunOutcome outcome, Version committed,
                                      const std::optional<RunError>& error);

  // Backfills (backfill_verbs.cc). NOT_FOUND (BACKFILL_NOT_FOUND); `name` empty: all.
  absl::StatusOr<std::vector<BackfillRow>> ListBackfills(const std::string& name);
  // FAILED_PRECONDITION (NOT_NEXT) before its version is applied; also what `outcome` says.
  absl::StatusOr<BackfillRow> StartBackfill(const BackfillAsked& asked, std::string* outcome);
  // `state`: "paused", "running", "cancelled"; "" leaves it as it is.
  absl::StatusOr<BackfillRow> UpdateBackfill(const BackfillAsked& asked, const std::string& state);

  // The token while this process leads, else NOT_LEADER.
  absl::StatusOr<LeaderToken> Leadership() const;

  // Adds what the leader's memory knows to a row read with `connection`.
  absl::StatusOr<OperationView> Describe(postgres::Connection& connection, const OperationRow& row);

 private:
  absl::Status CheckCanRun(postgres::Connection& connection, const LeaderToken& leader,
                           const UpgradeRequest& request, const std::string& plan_digest);
  absl::Status CheckContract(postgres::Connection& connection, const ContractRequest& request,
                             const ContractFacts& facts);
  absl::StatusOr<ContractState> ReadContractState(postgres::Connection& connection, Version version,
                                                  const std::optional<OperationRow>& operation);
  absl::Status AfterReport(const LeaderToken& leader, const std::string& session_id,
                           const std::string& operation_id, RunOutcome outcome,
                           const std::optional<RunError>& error);

  const OperationsOptions options_;
  RecentReview recent_review_;
};

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_OPERATION_OPERATIONS_H_
