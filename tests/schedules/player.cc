#include "tests/schedules/player.h"

#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"

#include "coordinator/store/operation_store.h"
#include "engine/base/error_info.h"
#include "engine/base/ids.h"
#include "engine/base/status_macros.h"
#include "tests/support/eventually.h"

namespace lockstep::testing {
namespace {

using coordinator::LeaseOffer;
using coordinator::OperationState;
using postgres::Param;

// How many moves of the coordinator and operations a story may take.
constexpr int kMaxRounds = 400;
constexpr int kMaxOperations = 20;
// Longer than the lock that is in a blocked statement's way is waited for.
constexpr absl::Duration kShortLockTimeout = absl::Milliseconds(8);
constexpr absl::Duration kLockTimeout = absl::Seconds(10);
// How long a second holder may run before the first one goes on.
constexpr absl::Duration kHeadStart = absl::Milliseconds(5);
// One that does not end within it may wait for a holder that is stopped.
constexpr absl::Duration kFreeRun = absl::Milliseconds(500);
constexpr absl::Duration kPoll = absl::Microseconds(500);

coordinator::RunOutcome OutcomeOf(apply::RunOutcome outcome) {
  switch (outcome) {
    case apply::RunOutcome::kSucceeded:
      return coordinator::RunOutcome::kSucceeded;
    case apply::RunOutcome::kFailed:
      return coordinator::RunOutcome::kFailed;
    case apply::RunOutcome::kNotStarted:
      return coordinator::RunOutcome::kNotStarted;
    case apply::RunOutcome::kUnknown:
      break;
  }
  return coordinator::RunOutcome::kUnknown;
}

std::optional<coordinator::RunError> ErrorOf(const std::optional<apply::MigrationError>& error) {
  if (!error.has_value()) return std::nullopt;
  return coordinator::RunError{.version = error->version,
                               .statement = error->statement,
                               .reason = error->reason,
                               .sqlstate = error->sqlstate,
                               .message = error->message,
                               .retryable = error->retryable,
                               .agent_unfit = error->agent_unfit};
}

WirePoint WirePointOf(Point point) {
  switch (point) {
    case Point::kBeforeOpen:
      return WirePoint::kOpen;
    case Point::kInCommit:
      return WirePoint::kCommit;
    case Point::kAfterCommit:
      return WirePoint::kCommitted;
    default:
      return WirePoint::kNone;
  }
}

}  // namespace

Player::Player(World& world, Tally& tally)
    : world_(world), tally_(tally), leader_(world.NewLeader()) {}

std::vector<std::string> Player::Play(const Story& story) {
  violations_.clear();
  specs_.clear();
  operations_ = 0;
  operation_.clear();
  fault_happened_ = false;
  refused_before_ = tally_.refused;
  const int64_t revision = std::stoll(Scalar("SELECT revision FROM lockstep.chain"));
  std::tie(first_, last_) = world_.Publish(leader_->token, story.versions);
  StartOperation();
  size_t next = 0;
  while (const auto offered = Drive()) {
    Apply(*offered, next < story.tries.size() ? &story.tries[next++] : nullptr);
    if (!violations_.empty()) break;
  }
  EndLingering();
  tally_.with_fenced += tally_.refused > refused_before_ ? 1 : 0;
  // A story whose faults found nothing to happen to ends with this one.
  if ((story.stale_at_end || !fault_happened_) && !specs_.empty()) {
    StartAnother(specs_.front(), -1);
    EndOthers();
    Happened({.fault = Fault::kStale});
  }
  Check(revision);
  deposed_.reset();
  ++tally_.schedules;
  tally_.migrations += story.versions;
  tally_.with_fault += fault_happened_ ? 1 : 0;
  return std::move(violations_);
}

void Player::StartOperation() {
  if (++operations_ > kMaxOperations) Violated("the migrations are never applied");
  auto connection = Require(world_.pool().Take());
  const auto started = coordinator::StartOperation(
      *connection, leader_->token,
      {.request_id = base::NewUuid(), .target = last_, .actor = "schedules"});
  // An orphan behind lockstep.close keeps the chain's row: asked for again in the next round.
  if (started.ok()) operation_ = *started;
}

// Everybody else declined: the turn goes round.
void Player::ChooseHolder() {
  const auto slot = FreeSlot(chosen_);
  chosen_ = slot.value_or(chosen_);
  world_.clock().Advance(absl::Seconds(2));
  for (int other = 0; other < kHolders; ++other) {
    if (other != chosen_) leader_->fleet.MarkDeclined(world_.session(other), absl::Seconds(1));
  }
}

std::optional<int> Player::FreeSlot(int but) const {
  for (int i = 1; i <= kHolders; ++i) {
    const int slot = (std::max(but, 0) + i) % kHolders;
    if (slot != but && !world_.holder(slot).busy()) return slot;
  }
  return std::nullopt;
}

std::optional<Player::Offered> Player::TakeOffer() {
  std::optional<Offered> taken;
  for (int slot = 0; slot < kHolders; ++slot) {
    if (auto offer = world_.link(slot).TakeOffer(); offer.has_value()) taken = {slot, *offer};
  }
  return taken;
}

std::optional<Player::Offered> Player::Drive() {
  for (int round = 0; round < kMaxRounds && violations_.empty(); ++round) {
    ChooseHolder();
    const absl::Duration pause = leader_->driver.Step();
    if (auto offered = TakeOffer(); offered.has_value()) return offered;
    if (pause <= absl::ZeroDuration()) continue;
    coordinator::OperationRow operation{.state = OperationState::kCancelled};
    if (!operation_.empty()) {
      auto connection = Require(world_.pool().Take());
      operation = Require(coordinator::ReadOperation(*connection, operation_));
    }
    if (operation.state == OperationState::kSucceeded) return std::nullopt;
    GoOn(operation);
  }
  if (violations_.empty()) Violated("the operation does not come to its end");
  return std::nullopt;
}

// The driver waits: for time, for a person, or for a holder that is silent.
void Player::GoOn(const coordinator::OperationRow& operation) {
  if (coordinator::HasEnded(operation.state)) {
    StartOperation();
  } else if (operation.state == OperationState::kPaused) {
    (void)leader_->operations.Pause(operation_, false, "schedules", "");
  } else if (leader_->lessor.held().has_value()) {
    world_.clock().Advance(world_.durations().lease_ttl + absl::Seconds(1));
  } else {
    (void)world_.signal().Await([] { return false; }, absl::Milliseconds(1));
  }
}

absl::StatusOr<apply::RunSpec> Player::Fetch(const LeaseOffer& offer) {
  ASSIGN_OR_RETURN(coordinator::FetchedRun fetched,
                   leader_->operations.FetchRun(offer.token, offer.first));
  apply::RunSpec spec{.token = {.epoch = offer.token.epoch, .lease_id = offer.token.lease_id},
                      .settings = {.owner_role = fetched.settings.owner_role,
                                   .search_path = fetched.settings.search_path,
                                   .lock_timeout = kLockTimeout}};
  for (size_t i = 0; i < fetched.texts.size(); ++i) {
    coordinator::MigrationText& text = fetched.texts[i];
    spec.items.push_back({.version = text.entry.version,
                          .title = std::move(text.entry.title),
                          .sql = std::move(text.sql),
                          .digest = std::move(text.entry.digest),
                          .group = fetched.groups[i]});
  }
  return spec;
}

void Player::Apply(const Offered& offered, const Try* plan) {
  auto spec = Fetch(offered.offer);
  if (!spec.ok()) return;  // Taken back meanwhile.
  const Attempt attempt{.slot = offered.slot,
                        .token = offered.offer.token,
                        .silent = plan != nullptr && plan->silent};
  if (plan != nullptr && plan->fault == Fault::kBlocked) {
    spec->settings.lock_timeout = kShortLockTimeout;
  }
  specs_.push_back(*spec);
  const bool armed = plan != nullptr && StopAt(*plan, attempt.slot);
  ++tally_.runs;
  world_.holder(attempt.slot).Start(*std::move(spec));
  if (armed && Stands(*plan, attempt.slot)) {
    Inject(*plan, attempt);
    GoOnAfter(*plan, attempt);
    return;
  }
  Release(attempt.slot);
  AwaitEnd(attempt.slot);
  Finish(attempt);
  EndLingering();
}

// What stood at a point goes on: now, or when another one has been at it.
void Player::GoOnAfter(const Try& plan, const Attempt& attempt) {
  if (MayLinger(plan, attempt)) {
    lingering_ = attempt;
    return;
  }
  if (plan.fault == Fault::kBlocked) {
    (void)world_.signal().Await([&] { return world_.holder(attempt.slot).finished(); }, kFreeRun);
  }
  Release(attempt.slot);
  AwaitEnd(attempt.slot);
  EndOthers();
  Finish(attempt);
  EndLingering();
}

bool Player::MayLinger(const Try& plan, const Attempt& attempt) {
  if (lingering_.has_value() || other_.has_value()) return false;
  Holder& holder = world_.holder(attempt.slot);
  // Nobody hears of it, and its server's side stays open.
  if (plan.fault == Fault::kPartition) return plan.silent;
  if (!plan.lingers || holder.finished()) return false;
  // Only one whose run was taken back: nobody would wait for another one.
  const auto held = leader_->lessor.held();
  if (held.has_value() && held->lease.token == attempt.token) return false;
  return WirePointOf(plan.point) != WirePoint::kNone;
}

bool Player::StopAt(const Try& plan, int slot) {
  const auto& items = specs_.back().items;
  const auto nth = std::min(static_cast<size_t>(plan.version), items.size() - 1);
  const WirePoint point = WirePointOf(plan.point);
  if (point == WirePoint::kNone) return world_.Shut(plan.point, items[nth].version);
  // Those of a group share their messages.
  int before = 0;
  for (size_t i = 1; i <= nth; ++i) {
    before += items[i].group == 0 || items[i].group == items[i].version ? 1 : 0;
  }
  world_.holder(slot).wire().StopAt(point, before);
  return true;
}

// Waits until the holder stands at its point; false when it ended without.
bool Player::Stands(const Try& plan, int slot) {
  Holder& holder = world_.holder(slot);
  bool stands = false;
  const bool came = world_.signal().Await(
      [&] {
        stands = WirePointOf(plan.point) == WirePoint::kNone ? world_.SomebodyStands()
                                                             : holder.wire().stopped();
        return stands || holder.finished();
      },
      kPatience, kPoll);
  if (!came) Violated("a holder neither comes to its point nor to its end");
  return stands;
}

// Not counted when it cannot be asked for there: verbs wait for the chain's row, which a migration
// keeps from lockstep.close to its COMMIT.
void Player::Inject(const Try& plan, const Attempt& attempt) {
  Holder& holder = world_.holder(attempt.slot);
  switch (plan.fault) {
    case Fault::kExpire:
      world_.clock().Advance(world_.durations().lease_ttl + absl::Seconds(1));
      (void)leader_->driver.Step();
      break;
    case Fault::kExpireRace:
      Race(plan.microseconds, attempt.slot);
      break;
    case Fault::kCancel:
      if (!leader_->operations.Cancel(operation_, "schedules", "a test").ok()) return;
      (void)leader_->driver.Step();
      break;
    case Fault::kPause:
      if (!leader_->operations.Pause(operation_, true, "schedules", "a test").ok()) return;
      (void)leader_->driver.Step();
      break;
    case Fault::kTerminate:
      world_.Terminate(holder.spec().token);
      break;
    case Fault::kCut:
      holder.wire().Cut(Side::kBoth);
      break;
    case Fault::kPartition:
      holder.wire().Refuse();
      holder.wire().Cut(Side::kClient);
      holder.RequestStop("it reaches nobody");
      break;
    case Fault::kStop:
      holder.RequestStop("the agent shuts down");
      break;
    case Fault::kTwin:
      StartTwin(plan, attempt.slot);
      break;
    case Fault::kNewLeader:
      ChangeLeader(attempt.token);
      break;
    case Fault::kStale:
      StartAnother(specs_.front(), attempt.slot);
      break;
    case Fault::kBlocked:
      break;
  }
  Happened(plan);
}

void Player::Happened(const Try& plan) {
  ++tally_.faults[static_cast<size_t>(plan.fault)][static_cast<size_t>(plan.point)];
  fault_happened_ = true;
  cut_after_commit_ = plan.point == Point::kAfterCommit && plan.fault == Fault::kCut;
}

// The leader takes the run back while its holder goes on.
void Player::Race(int microseconds, int slot) {
  world_.clock().Advance(world_.durations().lease_ttl + absl::Seconds(1));
  std::thread revoker([this] { (void)leader_->driver.Step(); });
  (void)world_.signal().Await([] { return false; }, absl::Microseconds(microseconds));
  Release(slot);
  revoker.join();
}

void Player::ChangeLeader(const coordinator::LeaseToken& held) {
  deposed_ = std::exchange(leader_, world_.NewLeader());
  (void)deposed_->driver.Step();
  const auto remembered = deposed_->lessor.held();
  if (remembered.has_value() && remembered->lease.token == held) {
    if (base::ReasonOf(deposed_->lessor.Revoke(deposed_->token, "it still believes")) ==
        "NOT_LEADER") {
      ++tally_.deposed_refused;
    } else {
      Violated("a deposed leader took a run back");
    }
  }
  (void)leader_->driver.Step();
}

void Player::StartAnother(const apply::RunSpec& spec, int but) {
  const auto slot = FreeSlot(but);
  if (!slot.has_value() || other_.has_value()) return;
  other_ = Attempt{.slot = *slot,
                   .token = {.epoch = spec.token.epoch, .lease_id = spec.token.lease_id},
                   .silent = true};
  ++tally_.runs;
  Holder& holder = world_.holder(*slot);
  holder.Start(spec);
  (void)world_.signal().Await([&] { return holder.finished(); }, kHeadStart);
}

void Player::StartTwin(const Try& plan, int but) {
  StartAnother(specs_.back(), but);
  if (!other_.has_value()) return;
  other_->twin = true;
  // What it came for is done, and nobody keeps it waiting: it is refused before the first one goes on.
  if (plan.point != Point::kAfterCommit) return;
  const Holder& twin = world_.holder(other_->slot);
  (void)world_.signal().Await([&] { return twin.finished(); }, kFreeRun);
}

void Player::EndOthers() {
  if (!other_.has_value()) return;
  const Attempt other = *std::exchange(other_, std::nullopt);
  AwaitEnd(other.slot);
  Finish(other);
}

void Player::Release(int slot) {
  world_.Open();
  world_.holder(slot).wire().Pass();
}

void Player::AwaitEnd(int slot) {
  Holder& holder = world_.holder(slot);
  const auto finished = [&] { return holder.finished(); };
  if (world_.signal().Await(finished, kFreeRun)) return;
  // Under the fence nobody waits for one that lost its run; without it somebody may.
  EndLingering();
  if (!world_.signal().Await(finished, kPatience)) {
    Violated("a holder does not come to its end");
    holder.RequestStop("the test ends");
    holder.wire().Cut(Side::kBoth);
  }
}

void Player::EndLingering() {
  if (!lingering_.has_value()) return;
  const Attempt lingering = *std::exchange(lingering_, std::nullopt);
  Release(lingering.slot);
  AwaitEnd(lingering.slot);
  Finish(lingering);
}

void Player::Finish(const Attempt& attempt) {
  const auto result = world_.holder(attempt.slot).Take();
  if (!result.has_value()) return;
  Count(attempt, *result);
  if (attempt.silent) return;
  if (deposed_ != nullptr &&
      deposed_->operations
          .CompleteRun(world_.session(attempt.slot), attempt.token, OutcomeOf(result->outcome),
                       result->committed, ErrorOf(result->error))
          .ok()) {
    Violated("a deposed leader took a report");
  }
  // What could not be reported is left to the lease's end.
  (void)leader_->operations.CompleteRun(world_.session(attempt.slot), attempt.token,
                                        OutcomeOf(result->outcome), result->committed,
                                        ErrorOf(result->error));
}

void Player::Count(const Attempt& attempt, const apply::RunResult& result) {
  const std::string reason = result.error.has_value() ? result.error->reason : "";
  if (reason == "FENCED") ++tally_.refused;
  if (attempt.twin && (reason == "NOT_NEXT" || reason == "FENCED")) ++tally_.twins_refused;
  if (result.outcome == apply::RunOutcome::kUnknown) {
    ++tally_.unknown;
  } else if (reason == "COMMIT_IN_DOUBT") {
    ++tally_.doubt_not_applied;
  } else if (result.outcome == apply::RunOutcome::kSucceeded &&
             std::exchange(cut_after_commit_, false)) {
    ++tally_.doubt_committed;
  }
}

void Player::Check(int64_t revision) {
  static constexpr char kCheck[] = R"sql(
WITH seen AS (SELECT e.revision, e.kind, e.version, (e.detail ->> 'lease_epoch')::bigint AS epoch
                FROM lockstep.event e WHERE e.revision > $3)
SELECT concat_ws('; ',
  (SELECT string_agg(format('counter %s is %s', id, n), ', ' ORDER BY id)
     FROM public.counter WHERE id BETWEEN $1 AND $2 AND n <> 1),
  (SELECT 'the history has ' || count(*) || ' rows' FROM lockstep.history
    WHERE version BETWEEN $1 AND $2 HAVING count(*) <> $2 - $1 + 1),
  (SELECT format('%s applied events', count(*)) FROM seen WHERE kind = 'applied'
   HAVING count(*) <> $2 - $1 + 1 OR count(DISTINCT version) <> $2 - $1 + 1),
  (SELECT 'applied is ' || applied FROM lockstep.chain WHERE applied <> $2),
  (SELECT 'inflight is ' || inflight FROM lockstep.chain WHERE inflight IS NOT NULL),
  (SELECT 'the lease is ' || state FROM lockstep.lease WHERE state <> 'idle'),
  (SELECT 'a row is open' FROM lockstep.opened),
  (SELECT string_agg(format('version %s was committed under token %s, the newest was %s%s', a.version,
            a.epoch, g.newest, CASE WHEN g.revoked THEN ' and it was taken back' ELSE '' END), ', ')
     FROM seen a CROSS JOIN LATERAL (
       SELECT max(x.epoch) FILTER (WHERE x.kind = 'run_granted') AS newest,
              coalesce(bool_or(x.kind = 'run_revoked' AND x.epoch = a.epoch), false) AS revoked
         FROM seen x WHERE x.revision < a.revision) g
    WHERE a.kind = 'applied' AND (g.newest IS DISTINCT FROM a.epoch OR g.revoked))))sql";
  const std::string found =
      world_.db().Scalar(kCheck, {Param(first_), Param(last_), Param(revision)});
  if (!found.empty()) Violated(found);
  if (Scalar(absl::StrCat("SELECT count(*) FROM lockstep.event WHERE kind = 'run_revoked' AND "
                          "revision > ",
                          revision)) != "0") {
    ++tally_.with_revoked;
  }
  if (!Eventually([&] {
        return Scalar(
                   "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                   "application_name LIKE 'lockstep:%'") == "0";
      })) {
    Violated("a session of a holder is left");
  }
}

}  // namespace lockstep::testing
