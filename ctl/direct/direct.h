// An upgrade, or one backfill, without a coordinator: this process leads and does the work.
//
//   ASSIGN_OR_RETURN(const auto direct, Direct::Open(options, wait));
//   RETURN_IF_ERROR(direct->Publish(chain));
//   ASSIGN_OR_RETURN(const auto plan, direct->Plan(request));
//   ASSIGN_OR_RETURN(auto operation, direct->Start(start_request));
//   ASSIGN_OR_RETURN(operation, direct->Follow(operation.operation_id(), follow));
//   // The destructor resigns, so that another run or a coordinator goes on at once.
//
// Made of the coordinator's own parts: the leader row, the driver's decisions, leases, the fence
// and the history are the same, and whoever looks at the database later cannot tell the difference.
//
// Not guaranteed: that it leads until its end. A process that was stopped for longer than the
// leader's lease is replaced, and the database refuses what it still tries.
//
// Not thread-safe. Every function blocks on SQL.
#ifndef LOCKSTEP_CTL_DIRECT_DIRECT_H_
#define LOCKSTEP_CTL_DIRECT_DIRECT_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lockstep/v1/operation.pb.h"
#include "lockstep/v1/release.pb.h"

#include "coordinator/durations.h"
#include "coordinator/fleet/fleet.h"
#include "coordinator/lease/elector.h"
#include "coordinator/operation/driver.h"
#include "coordinator/operation/operations.h"
#include "ctl/direct/local_agent.h"
#include "engine/chain/chain.h"

namespace lockstep::ctl {

struct DirectOptions {
  std::string database;          // For lockstep's own tables.
  std::string migrate_database;  // For the migrations; empty: `database`.
  std::string owner_role;        // As catalog::BootstrapOptions.
  std::string search_path;
  std::string identity;  // "host/pid", for status and history.
  coordinator::Durations durations;
};

class Direct {
 public:
  // Waits up to `pause` and says why; an error ends the waiting and is returned.
  using Wait = std::function<absl::Status(const std::string& why, absl::Duration pause)>;
  // The same, with the operation as it is now; an error cancels the operation.
  using Pulse = std::function<absl::Status(const v1::Operation& operation, absl::Duration pause)>;

  // How long a database that is away is waited for. Another direct run is waited for as long as
  // `wait` lets it.
  static constexpr absl::Duration kMaxOutage = absl::Minutes(1);

  // Brings schema lockstep up and becomes the leader. Waits for another direct run. ABORTED
  // (COORDINATOR_LEADS) with its address when a coordinator leads, which shows by its renewals: one
  // that died is replaced when its lease is over. Else what Connection::Open and Bootstrap return.
  static absl::StatusOr<std::unique_ptr<Direct>> Open(const DirectOptions& options,
                                                      const Wait& wait);
  // Resigns.
  ~Direct();

  // Appends what is new of `chain`. Fails as Operations::Publish does.
  absl::StatusOr<v1::PublishChainResponse> Publish(const chain::Chain& chain,
                                                   const std::string& actor, v1::LintMode lint);

  // The operation that a leader before us left behind; absent for none. Nothing else can start
  // before it has ended.
  absl::StatusOr<std::optional<v1::Operation>> Unfinished();

  absl::StatusOr<v1::PlanUpgradeResponse> Plan(const v1::PlanUpgradeRequest& request);
  absl::StatusOr<v1::Operation> Start(const v1::StartUpgradeRequest& request);

  // Drives the operation to its end and returns it, however it ended. When `pulse` returns an error
  // the operation is cancelled and that error returned, with `operation_id` and the applied version
  // in its metadata. ABORTED (LEADERSHIP_LOST) when somebody else leads by now.
  absl::StatusOr<v1::Operation> Follow(const std::string& operation_id, const Pulse& pulse);

  // Of a backfill as it is now.
  using BackfillPulse =
      std::function<absl::Status(const v1::Backfill& backfill, absl::Duration pause)>;

  // As Operations::StartBackfill; the settings of one that runs already are changed.
  absl::StatusOr<v1::StartBackfillResponse> StartBackfill(const v1::StartBackfillRequest& request);

  // Works on that backfill alone, also while operations and other backfills that somebody left
  // running wait, and returns it when it has ended, however it did. When `pulse` returns an error
  // the batch that runs ends, the job is paused, and that error returned. ABORTED (LEADERSHIP_LOST)
  // when somebody else leads by now, who goes on with it.
  absl::StatusOr<v1::Backfill> FollowBackfill(const std::string& name, const std::string& actor,
                                              const BackfillPulse& pulse);

 private:
  explicit Direct(const DirectOptions& options);
  absl::Status Lead(std::unique_ptr<postgres::Connection> connection, const Wait& wait);
  absl::Status TakeOver();
  // Where PostgreSQL may have lost sessions, contracts wait for them as under any other leader.
  void BeginSettle();
  absl::StatusOr<v1::Operation> Get(const std::string& operation_id);
  absl::StatusOr<v1::Backfill> GetBackfill(const std::string& name);
  absl::Status CheckLeading() const;

  const DirectOptions options_;
  coordinator::Database database_;
  coordinator::Settle settle_;
  coordinator::Elector elector_;
  coordinator::Fleet fleet_;
  coordinator::Lessor lessor_;
  coordinator::Driver driver_;
  coordinator::Operations operations_;
  const std::string session_id_;
  LocalAgent agent_;
  std::shared_ptr<LocalLink> link_;
};

}  // namespace lockstep::ctl

#endif  // LOCKSTEP_CTL_DIRECT_DIRECT_H_
