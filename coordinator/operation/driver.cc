#include "coordinator/operation/driver.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "coordinator/operation/relief.h"
#include "coordinator/store/backfill_store.h"
#include "coordinator/store/chain_store.h"
#include "coordinator/store/contract_store.h"
#include "coordinator/store/leader_store.h"
#include "coordinator/store/operation_store.h"
#include "engine/base/error_info.h"
#include "engine/base/failpoint.h"
#include "engine/base/log.h"
#include "engine/base/status_macros.h"

namespace lockstep::coordinator {
namespace {
// Renewing a row that an old snapshot may still look at leaves versions behind that nobody can
// clear away, and costs more each time. The leader's memory is what counts, so it is left out then.
constexpr absl::Duration kLongSnapshot = absl::Seconds(10);
// Whoever has missed more is told that everything may have changed.
constexpr int kMaxChanges = 500;
}  // namespace

std::optional<RunningMigration> RunningOf(const std::optional<HeldLease>& held,
                                          const std::vector<PendingMigration>& pending) {
  if (!held.has_value()) return std::nullopt;
  const RunProgress& progress = held->progress;
  RunningMigration running{.version = progress.version == 0 ? held->lease.first : progress.version,
                           .holder = held->holder,
                           .statement = progress.statement,
                           .statements = progress.statements};
  for (const PendingMigration& each : pending) {
    if (each.version == running.version) running.title = each.title;
  }
  if (progress.lock.has_value()) running.lock = postgres::Describe(*progress.lock);
  return running;
}

void Driver::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Driver::Stop() {
  {
    base::MutexLock lock(mu_);
    stopping_ = true;
  }
  wake_.NotifyAll();
  if (thread_.joinable()) thread_.join();
}

void Driver::Wake() {
  {
    base::MutexLock lock(mu_);
    awake_ = true;
  }
  wake_.NotifyAll();
}

std::string Driver::waiting_for() const {
  base::MutexLock lock(mu_);
  return waiting_for_;
}

std::string Driver::contract_waits_for() const {
  base::MutexLock lock(mu_);
  return contract_waits_for_;
}

void Driver::SetWaitingFor(const std::string& why, const std::string& contract_why) {
  bool news = false;
  bool contract_news = false;
  {
    base::MutexLock lock(mu_);
    news = std::exchange(waiting_for_, why) != why;
    contract_news = std::exchange(contract_waits_for_, contract_why) != contract_why;
  }
  if (!news && !contract_news) return;
  if (news && !why.empty()) base::LogInfo("the operation waits", {{"why", why}});
  if (contract_news && !contract_why.empty()) {
    base::LogInfo("the contract waits", {{"why", contract_why}});
  }
  options_.on_change();
}

void Driver::Run() {
  for (;;) {
    const absl::Duration pause = std::min(Tick(), options_.durations.poll);
    base::MutexLock lock(mu_);
    if (!awake_ && !stopping_ && pause > absl::ZeroDuration()) wake_.WaitFor(lock, pause);
    if (stopping_) return;
    awake_ = false;
  }
}

absl::StatusOr<DriverView> Driver::ReadView() {
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  DriverView view;
  const absl::Duration began = options_.clock->SinceBoot();
  RETURN_IF_ERROR(connection->InSnapshot([&]() -> absl::Status {
    if (options_.gate != nullptr) {
      RETURN_IF_ERROR(ReadGateFacts(*connection, facts_));
    }
    ASSIGN_OR_RETURN(view.chain, ReadChain(*connection));
    ASSIGN_OR_RETURN(view.lease, ReadLease(*connection));
    ASSIGN_OR_RETURN(view.operation, ReadActiveOperation(*connection));
    ASSIGN_OR_RETURN(const auto contract,
                     ReadActiveOperation(*connection, OperationKind::kContract));
    if (contract.has_value()) {
      view.contract = ContractView{.operation = *contract};
      ASSIGN_OR_RETURN(view.contract->facts,
                       ReadContractFacts(*connection, contract->target, contract->created_at));
    }
    ASSIGN_OR_RETURN(view.backfills, ReadBackfills(*connection));
    // What is pending matters only to an upgrade.
    if (!view.operation.has_value()) return absl::OkStatus();
    ASSIGN_OR_RETURN(view.pending, ReadPending(*connection));
    return absl::OkStatus();
  }));
  if (options_.gate != nullptr) options_.gate->Remember(facts_, began);
  return view;
}

bool Driver::Trusts(const DriverView& view) {
  const std::string back =
      memory_.Check({.incarnation = view.chain.incarnation, .revision = view.chain.revision});
  if (!back.empty()) options_.distrust(memory_.incarnation(), back);
  return back.empty();
}

absl::Status Driver::SyncSettle(const LeaderToken& leader, DriverView& view) {
  if (options_.settle == nullptr) return absl::OkStatus();
  view.settling = options_.settle->Describe();
  view.settle_left = options_.settle->left();
  if (!view.settling.empty() || view.chain.settled) return absl::OkStatus();
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  return MarkSettled(*connection, leader, view.chain.incarnation);
}

void Driver::SyncLessor(const DriverView& view) {
  if (!view.lease.held) {
    options_.lessor->Forget(view.lease.token.epoch);
    return;
  }
  const auto member = options_.fleet->Find(view.lease.session);
  options_.lessor->Adopt(
      view.lease, member.has_value()
                      ? absl::StrCat(member->declaration.service, "@", member->declaration.instance)
                      : view.lease.session);
}

// So that what people and other processes read of the lease is true: the next leader gives its
// holder a full TTL whatever the row says.
void Driver::RenewRow(const LeaderToken& leader, const DriverView& view) {
  if (!view.lease.held || options_.lessor->Overdue()) return;
  const absl::Duration now = options_.clock->SinceBoot();
  const bool known = view.lease.token.epoch == row_epoch_;
  if (known && now - row_renewed_ < options_.durations.lease_row_renew) return;
  auto connection = options_.database->Take();
  if (!connection.ok()) return;
  row_epoch_ = view.lease.token.epoch;
  row_renewed_ = now;
  const auto held_up = HasSnapshotOlderThan(**connection, kLongSnapshot);
  if (!held_up.ok() || *held_up) return;
  const auto renewed =
      RenewRun(**connection, leader, view.lease.token, options_.durations.lease_ttl);
  if (renewed.ok()) return;
  base::LogWarning("a lease was not renewed in its row",
                   {{"error", std::string(renewed.status().message())}});
}

void Driver::RefreshFleet(const DriverView& view) {
  std::optional<HeldLease> held = options_.lessor->held();
  // What the contract runs is not what anybody waits for.
  if (view.contract.has_value() && held.has_value() &&
      held->lease.operation == view.contract->operation.operation_id) {
    held.reset();
  }
  options_.fleet->Refresh({.chain = view.chain,
                           .operation = view.operation,
                           .running = RunningOf(held, view.pending),
                           .waiting_for = waiting_for()});
  TellSchema(view);
  options_.fleet->Sweep();
  if (view.chain.revision != last_revision_) {
    last_revision_ = view.chain.revision;
    options_.on_change();
  }
}

// Whoever serves hears what migrations changed, right after it is committed.
void Driver::TellSchema(const DriverView& view) {
  const auto after = options_.fleet->SchemaBehind(view.chain.revision);
  if (!after.has_value()) return;
  auto connection = options_.database->Take();
  if (!connection.ok()) return;
  const auto changes = ReadAppliedChanges(**connection, *after, kMaxChanges + 1);
  if (!changes.ok()) return;
  const bool too_many = static_cast<int>(changes->size()) > kMaxChanges;
  options_.fleet->TellSchema(*changes, too_many, view.chain.revision, view.chain.applied);
}

absl::Duration Driver::Tick() {
  const auto leader = options_.leadership();
  if (!leader.has_value()) return options_.durations.poll;
  auto view = ReadView();
  if (view.ok() && !Trusts(*view)) return options_.durations.leader_retry;
  const absl::Status synced = view.ok() ? SyncSettle(*leader, *view) : view.status();
  if (!synced.ok()) {
    base::LogWarning("the driver cannot read the database",
                     {{"error", std::string(synced.message())}});
    return options_.durations.leader_retry;
  }
  SyncLessor(*view);
  RenewRow(*leader, *view);
  view->half_done = options_.lessor->IsHalfDone(view->lease.token.epoch);
  RefreshFleet(*view);
  if (!view->lease.held) RelieveLocks(*leader, *view);
  const absl::Duration part_due = KeepBackfills(*leader, *view);
  if (part_due == absl::ZeroDuration()) return part_due;  // One was started: the view is old.
  const absl::Duration now = options_.clock->SinceBoot();
  const Decision decision =
      Decide(*view, options_.fleet->Members(), options_.lessor->Overdue(), now);
  if (decision.kind == Decision::Kind::kNothing || decision.kind == Decision::Kind::kWait) {
    SetWaitingFor(decision.why, decision.contract_why);
    return std::min({decision.retry_in, options_.lessor->UntilOverdue(), part_due});
  }
  if (decision.kind == Decision::Kind::kTakeBack) return TakeBackHeld(*leader, decision.why);
  if (decision.kind == Decision::Kind::kSettle) return SettleRevoking(*leader, *view, decision);
  const absl::Status moved = Move(*leader, *view, decision);
  if (moved.ok()) {
    SetWaitingFor("", contract_waits_for());
    return absl::ZeroDuration();  // Look again at once: the state is new.
  }
  base::LogWarning("the driver's move failed",
                   {{"error", std::string(moved.message())}, {"reason", base::ReasonOf(moved)}});
  return options_.durations.leader_retry;
}

absl::Duration Driver::KeepBackfills(const LeaderToken& leader, const DriverView& view) {
  const auto due = keeper_.Step(leader, {.applied = view.chain.applied,
                                         .operation = view.operation,
                                         .pending = &view.pending,
                                         .backfills = &view.backfills});
  if (!due.ok()) {
    base::LogWarning("backfills were not looked after",
                     {{"error", std::string(due.status().message())}});
    return options_.durations.leader_retry;
  }
  if (*due < absl::InfiniteDuration()) options_.on_change();  // Their progress is no event.
  return *due;
}

void Driver::RelieveLocks(const LeaderToken& leader, DriverView& view) {
  for (OperationRow* operation :
       {view.operation.has_value() ? &*view.operation : nullptr,
        view.contract.has_value() ? &view.contract->operation : nullptr}) {
    if (operation == nullptr) continue;
    const absl::Status relieved =
        RelieveLock(*options_.database, leader, LadderOf(options_.durations), operation);
    if (!relieved.ok()) {
      base::LogWarning("what is in a migration's way could not be looked at",
                       {{"error", std::string(relieved.message())}});
    }
  }
}

absl::Status Driver::MoveContract(const LeaderToken& leader, const DriverView& view,
                                  const Decision& decision) {
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  const std::string version = absl::StrCat(view.contract->facts.version);
  if (decision.kind == Decision::Kind::kSetBarrier) {
    RETURN_IF_ERROR(SetBarrier(*connection, leader, decision.operation));
    base::LogInfo("barrier set", {{"version", version}, {"operation", decision.operation}});
  } else {
    const bool quiet = decision.kind == Decision::Kind::kNoteQuiet;
    RETURN_IF_ERROR(NoteQuiet(*connection, leader, decision.operation, quiet, decision.why));
    base::LogInfo(quiet ? "the contract concerns nobody" : "the contract concerns somebody again",
                  {{"version", version}, {"why", decision.why}});
  }
  options_.on_change();
  return absl::OkStatus();
}

absl::Status Driver::Move(const LeaderToken& leader, const DriverView& view,
                          const Decision& decision) {
  switch (decision.kind) {
    case Decision::Kind::kGrant:
      return GrantTo(leader, view, decision);
    case Decision::Kind::kRevoke:
      return RevokeHeld(leader, decision);
    case Decision::Kind::kSetBarrier:
    case Decision::Kind::kNoteQuiet:
    case Decision::Kind::kNoteNoise:
      return MoveContract(leader, view, decision);
    default:
      break;
  }
  ASSIGN_OR_RETURN(auto connection, options_.database->Take());
  const std::string& id = decision.operation;
  const bool contract = view.contract.has_value() && view.contract->operation.operation_id == id;
  const auto ended = contract
                         ? EndContract(*connection, leader, id, decision.state, decision.error)
                         : EndOperation(*connection, leader, id, decision.state, decision.error);
  RETURN_IF_ERROR(ended.status());
  base::LogInfo("operation ended",
                {{"operation", id},
                 {"ok", decision.state == OperationState::kSucceeded ? "true" : "false"},
                 {"error", decision.error.has_value() ? decision.error->message : ""}});
  options_.on_change();
  return absl::OkStatus();
}

absl::Status Driver::GrantTo(const LeaderToken& leader, const DriverView& view,
                             const Decision& decision) {
  ASSIGN_OR_RETURN(const LeaseToken token,
                   options_.lessor->Grant(leader, view.lease.token.epoch,
                                          {.first = decision.run.first,
                                           .last = decision.run.last,
                                           .session = decision.session,
                                           .holder = decision.holder,
                                           .operation = decision.operation}));
  row_epoch_ = token.epoch;
  row_renewed_ = options_.clock->SinceBoot();
  const LeaseOffer offer{.token = token,
                         .first = decision.run.first,
                         .last = decision.run.last,
                         .expires_at = options_.clock->Now() + options_.durations.lease_ttl};
  LOCKSTEP_FAILPOINT("leader.before_send", base::kNoSocket);
  if (!options_.fleet->Offer(decision.session, offer)) {
    options_.lessor->StreamLost(decision.session);
  }
  options_.on_change();
  return absl::OkStatus();
}

// A holder that went silent while its stream stands would be the first choice for the next run,
// too: others come first.
void Driver::RestWhileSilent(const std::string& session) {
  const auto member = options_.fleet->Find(session);
  if (!member.has_value() || !member->connected) return;
  const absl::Duration silent = options_.clock->SinceBoot() - member->last_seen;
  if (silent < 2 * options_.durations.heartbeat) return;
  options_.fleet->MarkDeclined(session, options_.durations.lease_reconnect);
}

absl::Status Driver::RevokeHeld(const LeaderToken& leader, const Decision& decision) {
  const std::string& why = decision.why;
  const auto held = options_.lessor->held();
  if (held.has_value()) {
    // A holder that listens rolls back by itself; one that does not is waited for and terminated.
    options_.fleet->SendRevoked(held->lease.session, held->lease.token, why);
    RestWhileSilent(held->lease.session);
  }
  return options_.lessor->Revoke(leader, why, decision.overdue);
}

// What runs may commit, so its holder is not told before it has lost the rest of its run.
absl::Duration Driver::TakeBackHeld(const LeaderToken& leader, const std::string& why) {
  SetWaitingFor("", contract_waits_for());
  const auto held = options_.lessor->held();
  const absl::StatusOr<bool> taken = options_.lessor->TakeBack(leader, why);
  if (!taken.ok()) {
    base::LogWarning("a run could not be taken back",
                     {{"error", std::string(taken.status().message())}});
    return options_.durations.leader_retry;
  }
  if (*taken && held.has_value()) {
    options_.fleet->SendRevoked(held->lease.session, held->lease.token, why);
  }
  return absl::ZeroDuration();  // Not yet: the wait was for the lock. Look again at once.
}

// Who is at work is looked at again and again, and never waited for in the database: what runs
// there may be waiting for the end of everybody's snapshots.
absl::Duration Driver::SettleRevoking(const LeaderToken& leader, const DriverView& view,
                                      const Decision& decision) {
  const auto settled = options_.lessor->Settle(leader, view.lease, decision.force);
  if (!settled.ok()) {
    base::LogWarning("a run that was taken back could not be settled",
                     {{"error", std::string(settled.status().message())}});
    return options_.durations.leader_retry;
  }
  if (settled->outcome == SettleOutcome::kBusy) {
    const std::string& why = settled->why.empty() ? decision.why : settled->why;
    SetWaitingFor(why, view.contract.has_value() ? why : "");
    return options_.durations.leader_retry;
  }
  SetWaitingFor("", contract_waits_for());
  return absl::ZeroDuration();  // Look again at once: the state is new.
}

}  // namespace lockstep::coordinator
