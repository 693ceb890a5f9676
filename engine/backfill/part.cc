#include "engine/backfill/part.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "engine/apply/errors.h"
#include "engine/backfill/controller.h"
#include "engine/backfill/health.h"
#include "engine/backfill/part_session.h"
#include "engine/backfill/vacuum.h"
#include "engine/backfill/verify.h"
#include "engine/base/clock.h"
#include "engine/base/error_info.h"
#include "engine/base/log.h"
#include "engine/base/status_macros.h"
#include "engine/postgres/errors.h"

namespace lockstep::backfill {
namespace {

using apply::Cancellation;
using postgres::Param;
using postgres::Value;

// While a batch waits for a lock it keeps others waiting for its own.
constexpr absl::Duration kBatchLockTimeout = absl::Milliseconds(100);
// A batch that takes this long is too big, whatever it waits for.
constexpr absl::Duration kBatchTimeout = absl::Seconds(10);
// Behind a batch that met a lock: at first, and at most.
constexpr absl::Duration kConflictPause = absl::Milliseconds(250);
constexpr absl::Duration kMaxConflictPause = absl::Seconds(5);
// A part that failed for a reason that may pass is tried again after this.
constexpr absl::Duration kTryAgain = absl::Seconds(2);
// Of the table's rows: a vacuum each time so many were changed, but not for a few.
constexpr double kVacuumPart = 0.03;
constexpr int64_t kVacuumRows = 10'000;
// REINDEX CONCURRENTLY of a big table is one statement.
constexpr absl::Duration kReindexTtl = absl::Hours(6);

absl::Duration Clock() { return base::SystemClock()->SinceBoot(); }

bool IsAboutLocks(const absl::Status& status) {
  const std::string state = postgres::SqlStateOf(status);
  return state == "55P03" || state == "40P01" || state == "57014" || state == "40001";
}

// A server that goes down or comes back, or has no room: the part itself is not at fault.
bool IsAboutServer(const absl::Status& status) {
  return postgres::IsConnectionLost(status) || base::ReasonOf(status) == "DATABASE_RESOURCES" ||
         postgres::SqlStateOf(status).substr(0, 2) == "53";
}

class PartRunner {
 public:
  PartRunner(const PartSpec& spec, Cancellation& cancellation, VacuumKeeper& keeper)
      : spec_(spec), cancellation_(cancellation), keeper_(keeper) {}

  PartEnd Run() {
    absl::Duration away_since = Clock();
    for (;;) {
      const absl::Status ended = RunOnce(&away_since);
      if (ended.ok()) return {PartOutcome::kDone, ended};
      if (base::ReasonOf(ended) == "FENCED") return {PartOutcome::kFenced, ended};
      if (gave_back_) return {PartOutcome::kGivenBack, ended};
      if (cancellation_.requested() || Clock() - away_since > kMaxAway) {
        return {PartOutcome::kLost, ended};
      }
      cancellation_.WaitFor(absl::Milliseconds(200));
    }
  }

 private:
  // Until the part ends or the connection is lost; `heard` becomes when it was last there.
  absl::Status RunOnce(absl::Duration* heard) {
    health_.reset();
    vacuum_ = nullptr;
    ASSIGN_OR_RETURN(session_, PartSession::Open(spec_));
    absl::Status ended;
    {
      apply::CancelWatch watch(cancellation_, session_->script());
      ended = RunPart();
    }
    if (!session_->usable()) {
      *heard = last_touch_ == absl::ZeroDuration() ? *heard : std::max(*heard, last_touch_);
      return ended.ok() ? postgres::UnavailableError("the connection was lost") : ended;
    }
    session_->Rollback();
    if (ended.ok() || base::ReasonOf(ended) == "FENCED") return ended;
    return GiveBack(ended);
  }

  absl::Status GiveBack(const absl::Status& why) {
    std::optional<absl::Duration> again;
    if (cancellation_.requested()) again = absl::ZeroDuration();
    if (stopped_) again = absl::ZeroDuration();
    if (IsAboutLocks(why) || IsAboutServer(why)) again = kTryAgain;
    const bool fit = base::ReasonOf(why) != "PERMISSION";
    if (!fit) again = kTryAgain;
    const absl::Status told =
        session_->GiveBack(stopped_ || cancellation_.requested() ? absl::OkStatus() : why, again);
    if (!told.ok()) return told;
    gave_back_ = true;
    return why;
  }

  absl::Status RunPart() {
    ASSIGN_OR_RETURN(part_, session_->ReadPart());
    ASSIGN_OR_RETURN(info_, session_->Beat("", absl::ZeroDuration(), kPartTtl));
    last_touch_ = Clock();
    RETURN_IF_ERROR(MakeHelpers());
    if (part_.kind == "prepare") return RunPrepare();
    if (part_.kind == "verify") return RunVerify();
    return RunRange();
  }

  absl::Status MakeHelpers() {
    const postgres::ScriptSessionOptions connection{
        .conninfo = spec_.conninfo, .application_name = apply::ApplicationNameOf(spec_.token)};
    // What is dead in the table, and who waits for it, is of those who write it.
    HealthOptions health{.connection = connection,
                         .owner_role = part_.owner_role,
                         .search_path = part_.search_path,
                         .relation = part_.kind == "range" ? part_.relation : "",
                         .pids = {session_->script().announced_backend_pid()}};
    // What comes behind the ranges does not wait for a vacuum's lock.
    if (part_.kind != "range") keeper_.Reset();
    if (part_.kind == "range" && !part_.job.keys.empty()) {
      RETURN_IF_ERROR(session_->BeginBatch({.lock_timeout = kLongLockTimeout}).status());
      RETURN_IF_ERROR(session_->ToOwner(part_));
      ASSIGN_OR_RETURN(walk_, ResolveWalk(session_->script(), part_.job));
      session_->Rollback();
      ASSIGN_OR_RETURN(vacuum_, keeper_.Get({.connection = connection,
                                             .owner_role = part_.owner_role,
                                             .table = walk_->table}));
      health.pids.push_back(vacuum_->pid());
    }
    health_ = std::make_unique<HealthReader>(std::move(health));
    return absl::OkStatus();
  }

  // What the job is told to be. An error ends the part: the job was ended by a person.
  absl::Status ReadSettings() {
    if (info_.state != "running" && info_.state != "paused") {
      stopped_ = true;
      return apply::CancelledError(absl::StrCat("the backfill is ", info_.state));
    }
    ASSIGN_OR_RETURN(settings_, SettingsOf(part_.job, info_.settings));
    limiter_.Set(Rate());
    if (controller_.has_value()) controller_->Limit(MostRows());
    return absl::OkStatus();
  }

  // Returns when nothing keeps the next transaction; meanwhile says why.
  absl::Status WaitUntilOpen() {
    for (;;) {
      if (cancellation_.requested()) return apply::CancelledError(cancellation_.why());
      RETURN_IF_ERROR(ReadSettings());
      const absl::Duration now = Clock();
      const std::string why = WhyStanding(now);
      absl::Duration pause = why.empty() ? limiter_.PauseAt(now) : kLook;
      pause = std::max(pause, pause_until_ - now);
      if (why.empty() && pause <= absl::ZeroDuration()) return absl::OkStatus();
      if (why != told_ || now - last_touch_ >= kBeat) RETURN_IF_ERROR(Beat(why, kPartTtl));
      cancellation_.WaitFor(std::min(pause, kLook));
    }
  }

  absl::Status Beat(const std::string& why, absl::Duration ttl) {
    ASSIGN_OR_RETURN(info_, session_->Beat(why, health_->lag(), ttl));
    if (why != told_) {
      base::LogInfo(why.empty() ? "a backfill goes on" : "a backfill stands still",
                    {{"backfill", part_.job.name}, {"why", why}});
    }
    told_ = why;
    last_touch_ = Clock();
    return absl::OkStatus();
  }

  std::string WhyStanding(absl::Duration now) {
    if (info_.state == "paused") return "it is paused";
    if (conflict_until_ > now) return conflict_;
    if (now - last_look_ >= kLook) {
      standing_ = health_->Look(settings_);
      last_look_ = Clock();
      if (standing_.has_value() && standing_->throttle == "dead-tuples" && vacuum_ != nullptr) {
        vacuum_->Start();  // What it stands for is in its own hands.
      }
    }
    return standing_.has_value() ? absl::StrCat(standing_->throttle, ": ", standing_->why) : "";
  }

  absl::Status RunPrepare() {
    RETURN_IF_ERROR(WaitUntilOpen());
    RETURN_IF_ERROR(Beat("", kLongPartTtl));
    RETURN_IF_ERROR(session_->BeginBatch({.lock_timeout = kLongLockTimeout}).status());
    RETURN_IF_ERROR(session_->ToOwner(part_));
    for (const std::string& statement : part_.job.prepare) {
      RETURN_IF_ERROR(session_->RunStatement(statement, {}).status());
    }
    RangePlan plan{.ranges = {KeyRange{}}, .total = 0};
    std::optional<Walk> walk;
    if (!part_.job.keys.empty()) {
      ASSIGN_OR_RETURN(walk, ResolveWalk(session_->script(), part_.job));
      ASSIGN_OR_RETURN(plan, PlanRanges(session_->script(), *walk, part_.job.ranges));
    }
    RETURN_IF_ERROR(session_->ToSelf());
    return session_->ClosePlan(walk, plan);
  }

  absl::Status RunRange() {
    RETURN_IF_ERROR(ReadSettings());
    const int first = part_.batch_rows > 0        ? part_.batch_rows
                      : settings_.first_batch > 0 ? settings_.first_batch
                                                  : kFirstBatchRows;
    controller_.emplace(first, MostRows());
    for (;;) {
      RETURN_IF_ERROR(WaitUntilOpen());
      const absl::StatusOr<bool> done = RunBatch();
      if (done.ok() && *done) return absl::OkStatus();
      if (done.ok()) continue;
      if (!session_->usable() || cancellation_.requested()) return done.status();
      session_->Rollback();
      if (!IsAboutLocks(done.status())) return done.status();
      Conflicted(done.status());
    }
  }

  // Rows a second of this holder; 0: no limit.
  double Rate() const { return settings_.rate / std::max(1.0, 1.0 * info_.holders); }
  int MostRows() const {
    const bool told = settings_.batch != chain::kMaxBatchRows;
    return told ? settings_.batch : MostRowsOf(part_.total, Rate());
  }

  void Conflicted(const absl::Status& status) {
    controller_->Conflicted();
    const absl::Duration pause =
        std::min(kMaxConflictPause, kConflictPause * (1 << std::min(conflicts_++, 10)));
    conflict_until_ = Clock() + pause;
    conflict_ =
        absl::StrCat("lock-wait: a batch met a lock that was not to be had: ", status.message());
  }

  // True when the range is at its end; false also when the job was just paused.
  absl::StatusOr<bool> RunBatch() {
    const absl::Duration began = Clock();
    const int asked = controller_->rows();
    NextBatch next{.high = part_.high, .rows = 0, .last = true};
    const Key from = info_.cursor;
    ASSIGN_OR_RETURN(const bool open,
                     walk_.has_value() ? BeginKeys(from, asked, &next) : BeginSeed());
    if (!open) {
      session_->Rollback();
      return false;
    }
    const bool nothing = walk_.has_value() && next.rows == 0;
    ASSIGN_OR_RETURN(const int64_t changed,
                     session_->RunAsOwner(nothing ? std::vector<postgres::Command>()
                                                  : Statements(from, next.high)));
    RETURN_IF_ERROR(session_->Close({.from = from,
                                     .to = next.high,
                                     .done = next.last,
                                     .walked = next.rows,
                                     .changed = changed,
                                     .batch_rows = asked,
                                     .lag = health_->lag()}));
    info_.cursor = next.high;
    Committed(began, next, asked, changed);
    return next.last;
  }

  // False when the job is not to go on now.
  absl::StatusOr<bool> BeginKeys(const Key& from, int asked, NextBatch* next) {
    ASSIGN_OR_RETURN(PartSession::Begun begun,
                     session_->BeginBatch({.lock_timeout = kBatchLockTimeout,
                                           .statement_timeout = kBatchTimeout,
                                           .durable = part_.job.durable},
                                          part_, FindNextBatch(*walk_, from, part_.high, asked)));
    info_ = std::move(begun.info);
    if (info_.state != "running" || info_.cursor != from) return false;
    ASSIGN_OR_RETURN(
        *next, ReadNextBatch(session_->script(), *walk_, from, part_.high, asked, begun.found));
    return true;
  }

  absl::StatusOr<bool> BeginSeed() {
    ASSIGN_OR_RETURN(info_, session_->BeginBatch({.lock_timeout = kLongLockTimeout}));
    RETURN_IF_ERROR(session_->ToOwner(part_));
    return info_.state == "running";
  }

  std::vector<postgres::Command> Statements(const Key& low, const Key& high) const {
    std::vector<postgres::Command> statements;
    for (const std::string& statement : part_.job.batch_statements) {
      std::vector<Value> params;
      for (const Key* key : {&low, &high}) {
        for (const std::string& value : *key) params.push_back(Param(value));
      }
      const int wanted = CountParameters(statement);
      if (wanted < static_cast<int>(params.size())) params.resize(wanted);
      statements.push_back({statement, std::move(params)});
    }
    return statements;
  }

  void Committed(absl::Duration began, const NextBatch& next, int asked, int64_t changed) {
    const absl::Duration now = Clock();
    if (next.rows == asked) controller_->Took(now - began);
    limiter_.Walked(next.rows, now);
    pause_until_ = now + settings_.pause;
    last_touch_ = now;
    told_.clear();
    conflicts_ = 0;
    // Beside the batches, whose rows then go where the dead ones of earlier batches were.
    const auto part = static_cast<int64_t>(kVacuumPart * static_cast<double>(part_.total));
    if (vacuum_ != nullptr) vacuum_->Changed(changed, std::max(kVacuumRows, part));
  }

  absl::Status RunVerify() {
    RETURN_IF_ERROR(WaitUntilOpen());
    RETURN_IF_ERROR(Beat("", part_.job.reindex ? kReindexTtl : kLongPartTtl));
    int64_t left = 0;
    std::string sample;
    std::string look;
    for (const std::string& query : part_.job.verify) {
      ASSIGN_OR_RETURN(const int64_t found,
                       CountLeft(*session_, part_, query, look.empty() ? &sample : nullptr));
      if (found > 0 && look.empty()) look = query;
      left += found;
    }
    if (left == 0 && part_.job.reindex) Reindex(*session_, part_);
    RETURN_IF_ERROR(session_->BeginBatch({.lock_timeout = kLongLockTimeout}).status());
    if (left == 0) {
      RETURN_IF_ERROR(session_->ToOwner(part_));
      for (const std::string& statement : part_.job.finish) {
        RETURN_IF_ERROR(session_->RunStatement(statement, {}).status());
      }
      RETURN_IF_ERROR(session_->ToSelf());
    }
    return session_->CloseVerified(left, sample, look);
  }

  const PartSpec& spec_;
  Cancellation& cancellation_;
  VacuumKeeper& keeper_;
  std::unique_ptr<PartSession> session_;
  std::unique_ptr<HealthReader> health_;
  Vacuum* vacuum_ = nullptr;  // Ranges of keys only.
  Part part_;
  PartInfo info_;
  std::optional<Walk> walk_;
  Settings settings_;
  std::optional<BatchController> controller_;
  RateLimiter limiter_;
  std::optional<Standing> standing_;
  std::string told_;  // Why it stands still, as the database has it.
  std::string conflict_;
  absl::Duration conflict_until_;
  int conflicts_ = 0;
  absl::Duration pause_until_;
  absl::Duration last_look_ = -absl::InfiniteDuration();
  absl::Duration last_touch_;
  bool stopped_ = false;
  bool gave_back_ = false;
};

}  // namespace

PartEnd RunPart(const PartSpec& spec, Cancellation& cancellation, VacuumKeeper& keeper) {
  return PartRunner(spec, cancellation, keeper).Run();
}

}  // namespace lockstep::backfill
