// The driver: the leader's one control loop. Reads the database and the fleet, asks Decide, moves.
//
//   driver.Start();  driver.Wake();  // whenever something it may react to happened
//   driver.Stop();
//
// Runs on one thread of its own, which blocks on SQL. Wake and waiting_for are safe to call from
// any thread. Only the driver grants, so nothing else races with its view of the lease.
#ifndef LOCKSTEP_COORDINATOR_OPERATION_DRIVER_H_
#define LOCKSTEP_COORDINATOR_OPERATION_DRIVER_H_

#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"

#include "coordinator/fleet/fleet.h"
#include "coordinator/fleet/gate_memory.h"
#include "coordinator/lease/lessor.h"
#include "coordinator/lease/server_memory.h"
#include "coordinator/lease/settle.h"
#include "coordinator/operation/backfills.h"
#include "coordinator/operation/decision.h"

namespace lockstep::coordinator {

struct DriverOptions {
  Database* database = nullptr;  // These three must outlive the driver.
  Fleet* fleet = nullptr;
  Lessor* lessor = nullptr;
  GateMemory* gate = nullptr;  // Told what each look at the database saw; may be null.
  Settle* settle = nullptr;    // When contracts may be granted; null: at any time.
  const base::Clock* clock = base::SystemClock();
  Durations durations;
  bool only_needed_backfills = false;  // See BackfillKeeperOptions.
  std::function<std::optional<LeaderToken>()> leadership;
  std::function<void()> on_change = [] {};  // The database's revision moved.
  // The database is not the one that was seen before, in `incarnation` or an earlier one, because
  // of `why`; the driver does nothing until leadership, and with it everything that is remembered,
  // has begun anew.
  std::function<void(int64_t incarnation, const std::string& why)> distrust =
      [](int64_t, const std::string&) {};
};

class Driver {
 public:
  explicit Driver(DriverOptions options)
      : options_(std::move(options)),
        keeper_({.database = options_.database,
                 .fleet = options_.fleet,
                 .durations = options_.durations,
                 .clock = options_.clock,
                 .only_needed = options_.only_needed_backfills}) {}
  ~Driver() { Stop(); }

  void Start();
  void Stop();  // Joins; idempotent.
  void Wake();

  // One round, for a process that has no thread for it: Start must not be called then. Returns how
  // long the state needs no other look, zero when it moved.
  absl::Duration Step() { return Tick(); }

  // Why the running upgrade makes no progress; "" when it does or none runs.
  std::string waiting_for() const;
  // The same of the contract that has not ended.
  std::string contract_waits_for() const;

 private:
  void Run();
  absl::Duration Tick();
  absl::StatusOr<DriverView> ReadView();
  bool Trusts(const DriverView& view);
  absl::Status SyncSettle(const LeaderToken& leader, DriverView& view);
  void SyncLessor(const DriverView& view);
  void RenewRow(const LeaderToken& leader, const DriverView& view);
  void RefreshFleet(const DriverView& view);
  void TellSchema(const DriverView& view);
  absl::Status Move(const LeaderToken& leader, const DriverView& view, const Decision& decision);
  absl::Status GrantTo(const LeaderToken& leader, const DriverView& view, const Decision& decision);
  void RestWhileSilent(const std::string& session);
  absl::Status RevokeHeld(const LeaderToken& leader, const Decision& decision);
  absl::Duration TakeBackHeld(const LeaderToken& leader, const std::string& why);
  absl::Duration SettleRevoking(const LeaderToken& leader, const DriverView& view,
                                const Decision& decision);
  absl::Duration KeepBackfills(const LeaderToken& leader, const DriverView& view);
  absl::Status MoveContract(const LeaderToken& leader, const DriverView& view,
                            const Decision& decision);
  void RelieveLocks(const LeaderToken& leader, DriverView& view);
  void SetWaitingFor(const std::string& why, const std::string& contract_why = "");

  const DriverOptions options_;
  // Of the driver's thread alone.
  BackfillKeeper keeper_;
  int64_t last_revision_ = -1;
  ServerMemory memory_;
  // Which lease's row was renewed last, and when.
  int64_t row_epoch_ = 0;
  absl::Duration row_renewed_;
  GateFacts facts_;

  mutable base::Mutex mu_;
  base::CondVar wake_;
  bool awake_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::string waiting_for_ ABSL_GUARDED_BY(mu_);
  std::string contract_waits_for_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

// What a held lease runs now; its title where it is among `pending`.
std::optional<RunningMigration> RunningOf(const std::optional<HeldLease>& held,
                                          const std::vector<PendingMigration>& pending);

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_COORDINATOR_OPERATION_DRIVER_H_
