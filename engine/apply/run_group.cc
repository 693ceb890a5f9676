#include "engine/apply/run_group.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "engine/apply/transaction.h"
#include "engine/base/clock.h"
#include "engine/base/failpoint.h"
#include "engine/base/status_macros.h"

namespace lockstep::apply {
namespace {

using postgres::Command;
using postgres::Param;
using postgres::Result;
using postgres::ScriptSession;
using postgres::Then;
using postgres::TransactionStatus;

constexpr char kOpenGroup[] =
    "lockstep.open_group(?::pg_catalog.int8, ?::pg_catalog.uuid, ?::pg_catalog.int4,"
    " ?::pg_catalog.int4)";
constexpr char kCloseGroup[] =
    "lockstep.close_group(?::pg_catalog.int8, ?::pg_catalog.uuid, ?::pg_catalog.int4,"
    " ?::pg_catalog.int4, ?::pg_catalog.bytea[], ?::pg_catalog.float8[])";

// Where the commands that begin with it are in the two.
constexpr size_t kXidInPrologue = 1;
constexpr size_t kXidInEpilogue = 2;

// What is sent before the COMMIT: reset, prologue and the files; then the epilogue, which tells how
// long each file took.
class GroupTransaction {
 public:
  GroupTransaction(ScriptSession& session, std::span<const chain::Migration> group,
                   const MigrationContext& context)
      : session_(session), group_(group), context_(context) {}

  MigrationResult Run() {
    if (absl::Status known = CheckKnown(); !known.ok()) return FailedWith(known);
    Compose();
    began_ = base::SystemClock()->SinceBoot();
    while (next_ < commands_.size()) {
      if (absl::Status sent = SendTrip(); !sent.ok()) return FailedWith(sent);
    }
    if (absl::Status closed = Close(); !closed.ok()) return FailedWith(closed);
    return CommitTransaction(session_, context_, group_.back().version, xid_);
  }

 private:
  // The server tells whether a statement ended the transaction only at the end of a round trip, so
  // it has to be known of each that it does not.
  absl::Status CheckKnown() const {
    for (const chain::Migration& migration : group_) {
      for (const sql::StatementFacts& known : migration.alone.statements) {
        if (known.transaction_control || known.opaque) return FenceBrokenError();
      }
    }
    return absl::OkStatus();
  }

  void Compose() {
    commands_.assign(context_.reset.begin(), context_.reset.end());
    opening_ = commands_.size();
    commands_.push_back({kBegin});
    commands_.push_back(Calls()
                            .Add(kXid)
                            .Set({TimeoutOf("lock_timeout", kFenceLockTimeout)})
                            .Add(kOpenGroup, GroupParams())
                            .command());
    commands_.back().then = Then::kTell;
    for (const chain::Migration& migration : group_) {
      files_.push_back(commands_.size());
      commands_.push_back(
          Calls()
              .Set(AsOwner({TimeoutOf("lock_timeout", context_.settings.lock_timeout),
                            TimeoutOf("statement_timeout", context_.settings.statement_timeout)},
                           context_.settings))
              .command());
      for (const sql::Statement& statement : migration.statements) {
        commands_.push_back({std::string(sql::TextOf(migration.sql, statement))});
      }
      commands_.back().then = Then::kTell;
    }
  }

  // Sends one round trip; next_ becomes the command behind the last that succeeded.
  absl::Status SendTrip() {
    RETURN_IF_ERROR(CheckNotCancelled(context_.cancellation));
    if (next_ == files_.front()) LOCKSTEP_FAILPOINT("agent.after_open", session_.socket());
    const size_t count =
        std::min(TripEnd() - next_, static_cast<size_t>(ScriptSession::kMaxPipeline));
    RETURN_IF_ERROR(session_.Stream(std::span(commands_).subspan(next_, count),
                                    [&](size_t, const Result& result) { Succeeded(result); }));
    if (session_.transaction_status() == TransactionStatus::kInTransaction) return absl::OkStatus();
    return FenceBrokenError();
  }

  // The last command that the next round trip may have.
  size_t TripEnd() const {
    const bool stops = next_ < files_.front() && LOCKSTEP_FAILPOINT_ARMED("agent.after_open");
    return stops ? files_.front() : commands_.size();
  }

  // Of command next_.
  void Succeeded(const Result& result) {
    if (next_ == opening_ + kXidInPrologue) xid_ = result.only().Text(0);
    ++next_;
    if (next_ <= files_.front()) return;
    const size_t end = file_ + 1 < files_.size() ? files_[file_ + 1] : commands_.size();
    Observe(next_ - files_[file_]);
    if (next_ < end) return;
    const absl::Duration now = base::SystemClock()->SinceBoot();
    seconds_.push_back(absl::ToDoubleSeconds(now - std::exchange(began_, now)));
    if (file_ + 1 < files_.size()) ++file_;
  }

  absl::Status Close() {
    RETURN_IF_ERROR(CheckNotCancelled(context_.cancellation));
    LOCKSTEP_FAILPOINT("agent.before_close", session_.socket());
    std::vector<std::string> digests;
    for (const chain::Migration& migration : group_) {
      digests.push_back(*postgres::BytesParam(migration.digest));
    }
    std::vector<postgres::Value> params = GroupParams();
    params.push_back(postgres::TextArrayParam(digests));
    params.push_back(Param(absl::StrCat("{", absl::StrJoin(seconds_, ","), "}")));
    ASSIGN_OR_RETURN(
        const std::vector<Result> results,
        session_.Pipeline({{"RESET ROLE"},
                           Calls()
                               .Set({{"search_path", "pg_catalog, pg_temp"},
                                     TimeoutOf("lock_timeout", kFenceLockTimeout)})
                               .command(),
                           // Only the last file of a group may have written rows: what is deferred
                           // runs at the end, as the owner, as it does behind a single file.
                           Calls()
                               .Add(kXid)
                               .Add(kCloseGroup, params)
                               .Set(AsOwner({}, context_.settings))
                               .command(),
                           {"SET CONSTRAINTS ALL IMMEDIATE"}}));
    LOCKSTEP_FAILPOINT("agent.after_close", session_.socket());
    return results[kXidInEpilogue].only().Text(0) == xid_ ? absl::OkStatus() : FenceBrokenError();
  }

  MigrationResult FailedWith(const absl::Status& status) {
    const bool opened = !files_.empty() && next_ >= files_.front();
    const chain::Version version = group_[opened ? file_ : 0].version;
    return Failed(session_, opened ? MigrationOutcome::kRolledBack : MigrationOutcome::kNotOpened,
                  xid_, RunErrorOf(version, CancelledOr(context_.cancellation, status)));
  }

  // The turn of a statement of the file under way came, from 1; behind the last it stays there.
  void Observe(size_t statement) const {
    if (!context_.observer) return;
    const size_t count = group_[file_].statements.size();
    context_.observer({.version = group_[file_].version,
                       .statement = static_cast<int>(std::min(statement, count)),
                       .statements = static_cast<int>(count),
                       .committed = context_.committed});
  }

  std::vector<postgres::Value> GroupParams() const {
    std::vector<postgres::Value> params = TokenParams(context_.token, group_.front().version);
    params.push_back(Param(group_.back().version));
    return params;
  }

  ScriptSession& session_;
  const std::span<const chain::Migration> group_;
  const MigrationContext& context_;
  std::vector<Command> commands_;
  size_t opening_ = 0;         // Where the prologue begins in it, behind the reset.
  std::vector<size_t> files_;  // Where each file begins in it.
  size_t next_ = 0;            // All commands before it succeeded.
  size_t file_ = 0;            // The file under way.
  absl::Duration began_;       // When it began.
  std::vector<double> seconds_;
  std::string xid_;
};

}  // namespace

MigrationResult RunGroup(ScriptSession& session, std::span<const chain::Migration> group,
                         const MigrationContext& context) {
  return GroupTransaction(session, group, context).Run();
}

}  // namespace lockstep::apply
