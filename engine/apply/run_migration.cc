#include "engine/apply/run_migration.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "engine/apply/transaction.h"
#include "engine/base/error_info.h"
#include "engine/base/failpoint.h"
#include "engine/base/status_macros.h"

namespace lockstep::apply {
namespace {

using postgres::BytesParam;
using postgres::Command;
using postgres::Result;
using postgres::ScriptSession;
using postgres::Then;
using postgres::TransactionStatus;

// Where the commands that begin with it are in the two.
constexpr size_t kXidInPrologue = 1;
constexpr size_t kXidInEpilogue = 2;

// What is sent before the COMMIT: reset, prologue, the file's statements, epilogue.
class Transaction {
 public:
  Transaction(ScriptSession& session, const chain::Migration& migration,
              const MigrationContext& context)
      : session_(session), migration_(migration), context_(context) {}

  MigrationResult Run() {
    if (auto error = Refused()) return Failed(MigrationOutcome::kNotOpened, *std::move(error));
    Compose();
    while (next_ < commands_.size()) {
      if (const absl::Status status = SendTrip(); !status.ok()) return FailedAt(next_, status);
    }
    const absl::Status closed = LOCKSTEP_FAILPOINT_STATUS("agent.after_close", session_.socket());
    if (!closed.ok()) return FailedAt(next_, closed);
    if (closed_xid_ != xid_) {
      return Failed(MigrationOutcome::kRolledBack, ErrorOf(FenceBrokenError()));
    }
    return CommitTransaction(session_, context_, migration_.version, xid_);
  }

 private:
  // What needs no transaction to be refused. Statements that end one are refused when the file is
  // published, too; ROLLBACK AND CHAIN followed by COMMIT is the one sequence that the database
  // could not refuse, so it never gets there.
  std::optional<MigrationError> Refused() const {
    for (size_t i = 0; i < migration_.alone.statements.size(); ++i) {
      if (migration_.alone.statements[i].transaction_control) {
        return StatementErrorOf(migration_, i, FenceBrokenError());
      }
    }
    const auto needed = migration_.directives.min_postgres;
    if (needed.has_value() && session_.server_version() / 10000 < *needed) {
      return ErrorOf(
          base::MakeError(absl::StatusCode::kFailedPrecondition, "SERVER_TOO_OLD",
                          absl::StrCat("the migration needs PostgreSQL ", *needed,
                                       ", the server is ", session_.server_version() / 10000),
                          {{"min_postgres", absl::StrCat(*needed)}}, "upgrade PostgreSQL"));
    }
    return std::nullopt;
  }

  void Compose() {
    commands_.assign(context_.reset.begin(), context_.reset.end());
    opening_ = commands_.size();
    Add({{kBegin},
         Calls()
             .Add(kXid)
             .Set({TimeoutOf("lock_timeout", kFenceLockTimeout)})
             .Add(kOpen, TokenParams(context_.token, migration_.version))
             .Set(AsOwner({TimeoutOf("lock_timeout", lock_timeout()),
                           TimeoutOf("statement_timeout", statement_timeout())},
                          context_.settings))
             .command()});
    commands_.back().then = Then::kTell;
    statements_ = commands_.size();
    for (const sql::Statement& statement : migration_.statements) {
      commands_.push_back({std::string(sql::TextOf(migration_.sql, statement)), {}, Then::kTell});
    }
    closing_ = commands_.size();
    std::vector<postgres::Value> close_params = TokenParams(context_.token, migration_.version);
    close_params.push_back(BytesParam(migration_.digest));
    // Types and functions are written with their schema, because the statements that ran before may
    // have left any search_path behind. Deferred triggers of the application run at the end of it,
    // as the owner, not as the agent.
    Add({{"RESET ROLE"},
         Calls()
             .Set({{"search_path", "pg_catalog, pg_temp"},
                   TimeoutOf("lock_timeout", kFenceLockTimeout),
                   TimeoutOf("statement_timeout", statement_timeout())})
             .command(),
         Calls().Add(kXid).Add(kClose, close_params).Set(AsOwner({}, context_.settings)).command(),
         {"SET CONSTRAINTS ALL IMMEDIATE"}});
  }

  // How far a round trip from `first` on goes: the server tells the status of the transaction only
  // at its end, and behind a statement that cannot be judged it has to be known.
  size_t TripEnd(size_t first) const {
    const size_t limit =
        std::min(commands_.size(), first + static_cast<size_t>(ScriptSession::kMaxPipeline));
    for (size_t end = first + 1; end < limit; ++end) {
      if (IsOpaque(end - 1) || HasFailpoint(end)) return end;
    }
    return limit;
  }

  bool IsOpaque(size_t at) const {
    return at >= statements_ && at < closing_ &&
           migration_.alone.statements[at - statements_].opaque;
  }

  // Whether a failpoint between command `at` and the one before it has still to act: then a round
  // trip ends there.
  bool HasFailpoint(size_t at) const {
    return (at == statements_ && LOCKSTEP_FAILPOINT_ARMED("agent.after_open")) ||
           (at > statements_ && at <= closing_ &&
            LOCKSTEP_FAILPOINT_ARMED("agent.after_statement")) ||
           (at >= statements_ && at < closing_ &&
            LOCKSTEP_FAILPOINT_ARMED("agent.before_statement")) ||
           (at == closing_ && LOCKSTEP_FAILPOINT_ARMED("agent.before_close"));
  }

  // The failpoints in front of command next_.
  absl::Status PassFailpoints() const {
    if (next_ == statements_) LOCKSTEP_FAILPOINT("agent.after_open", session_.socket());
    if (next_ > statements_ && next_ <= closing_) {
      LOCKSTEP_FAILPOINT("agent.after_statement", session_.socket());
    }
    if (next_ >= statements_ && next_ < closing_) {
      LOCKSTEP_FAILPOINT("agent.before_statement", session_.socket());
    }
    if (next_ == closing_) LOCKSTEP_FAILPOINT("agent.before_close", session_.socket());
    return absl::OkStatus();
  }

  // Sends one round trip; next_ becomes the command behind the last that succeeded.
  absl::Status SendTrip() {
    RETURN_IF_ERROR(CheckNotCancelled(context_.cancellation));
    RETURN_IF_ERROR(PassFailpoints());
    const size_t end = TripEnd(next_);
    const absl::Status status =
        session_.Stream(std::span(commands_).subspan(next_, end - next_),
                        [&](size_t, const Result& result) { Succeeded(result); });
    if (!status.ok()) {
      return CancelledOr(context_.cancellation, status);
    }
    if (session_.transaction_status() == TransactionStatus::kInTransaction) return status;
    --next_;  // It ended the transaction.
    return FenceBrokenError();
  }

  // Of command next_.
  void Succeeded(const Result& result) {
    if (next_ == opening_ + kXidInPrologue) xid_ = result.only().Text(0);
    if (next_ == closing_ + kXidInEpilogue) closed_xid_ = result.only().Text(0);
    ++next_;
    if (next_ >= statements_ && next_ <= closing_) Observe(next_ - statements_ + 1);
  }

  // What a failure at command `at` means.
  MigrationResult FailedAt(size_t at, const absl::Status& status) {
    if (at >= closing_) return Failed(MigrationOutcome::kRolledBack, ErrorOf(status));
    if (at >= statements_) {
      return Failed(MigrationOutcome::kRolledBack,
                    StatementErrorOf(migration_, at - statements_, status));
    }
    MigrationError error = ErrorOf(status);
    // Not being let in by name is about this agent; being fenced or too early is not. A server that
    // is away or full is away for every agent, and comes back.
    error.agent_unfit = at < opening_ ? !error.retryable : absl::IsPermissionDenied(status);
    return Failed(MigrationOutcome::kNotOpened, std::move(error));
  }

  MigrationResult Failed(MigrationOutcome outcome, MigrationError error) {
    return apply::Failed(session_, outcome, xid_, std::move(error));
  }

  MigrationError ErrorOf(const absl::Status& status) const {
    return RunErrorOf(migration_.version, status);
  }

  // Its turn came, from 1; behind the last it stays there.
  void Observe(size_t statement) const {
    if (!context_.observer) return;
    const size_t count = migration_.statements.size();
    context_.observer({.version = migration_.version,
                       .statement = static_cast<int>(std::min(statement, count)),
                       .statements = static_cast<int>(count),
                       .committed = context_.committed});
  }

  void Add(std::vector<Command> commands) {
    for (Command& command : commands) commands_.push_back(std::move(command));
  }

  absl::Duration lock_timeout() const {
    return migration_.directives.lock_timeout.value_or(context_.settings.lock_timeout);
  }
  absl::Duration statement_timeout() const {
    return migration_.directives.statement_timeout.value_or(context_.settings.statement_timeout);
  }

  ScriptSession& session_;
  const chain::Migration& migration_;
  const MigrationContext& context_;
  std::vector<Command> commands_;
  // Where the phases begin in it; the reset begins at 0.
  size_t opening_ = 0;
  size_t statements_ = 0;
  size_t closing_ = 0;
  size_t next_ = 0;  // All before it succeeded.
  std::string xid_;
  std::string closed_xid_;  // What the transaction's was at the end.
};

}  // namespace

MigrationResult RunMigration(ScriptSession& session, const chain::Migration& migration,
                             const MigrationContext& context) {
  return Transaction(session, migration, context).Run();
}

}  // namespace lockstep::apply
