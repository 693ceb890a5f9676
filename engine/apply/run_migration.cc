#include "engine/apply/run_migration.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "engine/apply/search_path.h"
#include "engine/base/error_info.h"
#include "engine/base/status_macros.h"
#include "engine/postgres/errors.h"

namespace lockstep::apply {
namespace {

using postgres::BytesParam;
using postgres::Command;
using postgres::Param;
using postgres::Result;
using postgres::ScriptSession;
using postgres::TransactionStatus;

// How long open, close and the deferred constraints may wait for a lock: lockstep's own rows, which
// nobody keeps for long, and referenced tables. Longer than the waits of the file's own statements,
// because at the end their work would be thrown away.
constexpr absl::Duration kFenceLockTimeout = absl::Seconds(10);

constexpr char kXid[] = "SELECT pg_catalog.pg_current_xact_id()::pg_catalog.text";
constexpr char kOpen[] =
    "SELECT lockstep.open($1::pg_catalog.int8, $2::pg_catalog.uuid, $3::pg_catalog.int4)";
constexpr char kClose[] =
    "SELECT lockstep.close($1::pg_catalog.int8, $2::pg_catalog.uuid, $3::pg_catalog.int4,"
    " $4::pg_catalog.bytea)";

// A setting and its value for this transaction.
struct Setting {
  const char* name;
  std::string value;
};

Setting TimeoutOf(const char* name, absl::Duration value) {
  return {name, absl::StrCat(absl::ToInt64Milliseconds(value), "ms")};
}

// Values are bound, so that nothing has to be quoted: set_config(..., true) is SET LOCAL. All in
// one command, in their order: parsing costs more than setting.
Command SetLocal(const std::vector<Setting>& settings) {
  Command command;
  for (const Setting& setting : settings) {
    const size_t name = command.params.size() + 1;
    absl::StrAppend(&command.sql, command.sql.empty() ? "SELECT " : ", ", "pg_catalog.set_config($",
                    name, ", $", name + 1, ", true)");
    command.params.push_back(Param(std::string(setting.name)));
    command.params.push_back(Param(setting.value));
  }
  return command;
}

absl::Status CheckNotCancelled(const Cancellation& cancellation) {
  return cancellation.requested() ? CancelledError(cancellation.why()) : absl::OkStatus();
}

// Runs the phases in order and knows how far it came.
class Transaction {
 public:
  Transaction(ScriptSession& session, const chain::Migration& migration,
              const MigrationContext& context)
      : session_(session), migration_(migration), context_(context) {}

  MigrationResult Run() {
    if (auto error = Refused()) return Failed(MigrationOutcome::kNotOpened, *std::move(error));
    if (absl::Status opened = Open(); !opened.ok()) {
      MigrationError error = ErrorOf(opened);
      // Not being let in by name is about this agent; being fenced or too early is not.
      error.agent_unfit = absl::IsPermissionDenied(opened);
      return Failed(MigrationOutcome::kNotOpened, std::move(error));
    }
    if (auto error = RunStatements()) {
      return Failed(MigrationOutcome::kRolledBack, *std::move(error));
    }
    if (absl::Status closed = Close(); !closed.ok()) {
      return Failed(MigrationOutcome::kRolledBack, ErrorOf(closed));
    }
    return Commit();
  }

 private:
  // What needs no transaction to be refused. Statements that end one are refused when the file is
  // published, too; ROLLBACK AND CHAIN followed by COMMIT is the one sequence that the database
  // could not refuse, so it never gets there.
  std::optional<MigrationError> Refused() const {
    for (size_t i = 0; i < migration_.classes.size(); ++i) {
      if (migration_.classes[i].transaction_control) {
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

  absl::Status Open() {
    RETURN_IF_ERROR(CheckNotCancelled(context_.cancellation));
    const std::vector<Command> prologue = {
        {"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"},
        {kXid},
        SetLocal({TimeoutOf("lock_timeout", kFenceLockTimeout)}),
        {kOpen, TokenParams()},
        SetLocal(AsOwner({TimeoutOf("lock_timeout", lock_timeout()),
                          TimeoutOf("statement_timeout", statement_timeout())}))};
    ASSIGN_OR_RETURN(const std::vector<Result> results, session_.Pipeline(prologue));
    xid_ = results[1].only().Text(0);
    return absl::OkStatus();
  }

  std::optional<MigrationError> RunStatements() {
    const int count = static_cast<int>(migration_.statements.size());
    for (int i = 0; i < count; ++i) {
      Observe(i + 1);
      absl::Status status = CheckNotCancelled(context_.cancellation);
      if (status.ok()) status = RunStatement(i);
      if (status.ok()) continue;
      // A cancel shows as an ordinary query_canceled.
      if (context_.cancellation.requested()) status = CancelledError(context_.cancellation.why());
      return StatementErrorOf(migration_, i, status);
    }
    Observe(count);
    return std::nullopt;
  }

  absl::Status RunStatement(int index) {
    const absl::string_view text = sql::TextOf(migration_.sql, migration_.statements[index]);
    const absl::StatusOr<Result> result = session_.Execute(std::string(text));
    const TransactionStatus status = session_.transaction_status();
    if (status == TransactionStatus::kInTransaction) return result.status();
    // Failing inside the transaction is kFailed; anything else ended it.
    if (!result.ok()) return result.status();
    return FenceBrokenError();
  }

  // Everything before the COMMIT. Types and functions are written with their schema, because the
  // statements that ran before may have left any search_path behind.
  absl::Status Close() {
    RETURN_IF_ERROR(CheckNotCancelled(context_.cancellation));
    std::vector<postgres::Value> close_params = TokenParams();
    close_params.push_back(BytesParam(migration_.digest));
    const std::vector<Command> epilogue = {
        {"RESET ROLE"},
        SetLocal({{"search_path", "pg_catalog, pg_temp"},
                  TimeoutOf("lock_timeout", kFenceLockTimeout),
                  TimeoutOf("statement_timeout", statement_timeout())}),
        {kXid},
        {kClose, std::move(close_params)},
        // Deferred triggers of the application run here, as the owner, not as the agent.
        SetLocal(AsOwner({})),
        {"SET CONSTRAINTS ALL IMMEDIATE"}};
    constexpr size_t kXidAt = 2;
    const absl::StatusOr<std::vector<Result>> results = session_.Pipeline(epilogue);
    if (!results.ok()) {
      return context_.cancellation.requested() && !postgres::IsConnectionLost(results.status())
                 ? CancelledError(context_.cancellation.why())
                 : results.status();
    }
    if ((*results)[kXidAt].only().Text(0) != xid_) return FenceBrokenError();
    return absl::OkStatus();
  }

  MigrationResult Commit() {
    // A cancel that hits a COMMIT waiting for a replica would report success without the replica.
    context_.watch.Disarm();
    MigrationResult result = CommitDisarmed();
    context_.watch.Arm();
    return result;
  }

  MigrationResult CommitDisarmed() {
    if (absl::Status status = CheckNotCancelled(context_.cancellation); !status.ok()) {
      return Failed(MigrationOutcome::kRolledBack, ErrorOf(status));
    }
    const absl::Status committed = session_.Execute("COMMIT").status();
    if (committed.ok()) {
      return {.outcome = MigrationOutcome::kCommitted, .xid = xid_, .error = std::nullopt};
    }
    if (postgres::IsConnectionLost(committed) || !session_.usable()) {
      return Failed(MigrationOutcome::kInDoubt,
                    ErrorOf(postgres::CommitInDoubtError(committed.message())));
    }
    return Failed(MigrationOutcome::kRolledBack, ErrorOf(committed));
  }

  MigrationResult Failed(MigrationOutcome outcome, MigrationError error) {
    if (session_.usable() && session_.transaction_status() != TransactionStatus::kIdle) {
      // A failure of the ROLLBACK is a lost connection; the next use finds it.
      (void)session_.Execute("ROLLBACK");
    }
    return {.outcome = outcome, .xid = xid_, .error = std::move(error)};
  }

  MigrationError ErrorOf(const absl::Status& status) const {
    return RunErrorOf(migration_.version, status);
  }

  void Observe(int statement) const {
    if (!context_.observer) return;
    context_.observer({.version = migration_.version,
                       .statement = statement,
                       .statements = static_cast<int>(migration_.statements.size()),
                       .committed = context_.committed});
  }

  std::vector<postgres::Value> TokenParams() const {
    return {Param(context_.token.epoch), Param(context_.token.lease_id), Param(migration_.version)};
  }
  // `settings`, and those under which the file's statements run; the role comes last.
  std::vector<Setting> AsOwner(std::vector<Setting> settings) const {
    settings.push_back({"search_path", search_path()});
    const std::string& owner = context_.settings.owner_role;
    if (!owner.empty()) settings.push_back({"role", owner});
    return settings;
  }
  std::string search_path() const { return SafeSearchPath(context_.settings.search_path); }
  absl::Duration lock_timeout() const {
    return migration_.directives.lock_timeout.value_or(context_.settings.lock_timeout);
  }
  absl::Duration statement_timeout() const {
    return migration_.directives.statement_timeout.value_or(context_.settings.statement_timeout);
  }

  ScriptSession& session_;
  const chain::Migration& migration_;
  const MigrationContext& context_;
  std::string xid_;
};

}  // namespace

MigrationResult RunMigration(ScriptSession& session, const chain::Migration& migration,
                             const MigrationContext& context) {
  return Transaction(session, migration, context).Run();
}

}  // namespace lockstep::apply
