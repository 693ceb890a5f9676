#include "engine/postgres/script_session.h"

#include <csignal>
#include <cstdlib>
#include <ctime>
#include <sys/socket.h>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/numbers.h"
#include <libpq-fe.h>

#include "engine/base/mutex.h"
#include "engine/base/status_macros.h"
#include "engine/postgres/conninfo.h"
#include "engine/postgres/errors.h"

namespace lockstep::postgres {
namespace {

// Reads of what a session that is given up still had in its buffers.
constexpr int kMaxLeftOver = 1000;

using ResultHandle = std::unique_ptr<PGresult, decltype(&PQclear)>;

std::string Field(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? "" : text;
}

SqlError ErrorOf(const PGresult* result) {
  SqlError error{.sqlstate = Field(result, PG_DIAG_SQLSTATE),
                 .message = Field(result, PG_DIAG_MESSAGE_PRIMARY),
                 .detail = Field(result, PG_DIAG_MESSAGE_DETAIL),
                 .hint = Field(result, PG_DIAG_MESSAGE_HINT),
                 .constraint = Field(result, PG_DIAG_CONSTRAINT_NAME)};
  if (!absl::SimpleAtoi(Field(result, PG_DIAG_STATEMENT_POSITION), &error.position)) {
    error.position = 0;
  }
  if (error.message.empty()) error.message = PQresultErrorMessage(result);
  return error;
}

Result ResultOf(const PGresult* handle) {
  Result result;
  int64_t affected = 0;
  if (absl::SimpleAtoi(PQcmdTuples(const_cast<PGresult*>(handle)), &affected)) {
    result.affected_rows = affected;
  }
  for (int row = 0; row < PQntuples(handle); ++row) {
    std::vector<Value> values;
    for (int column = 0; column < PQnfields(handle); ++column) {
      if (PQgetisnull(handle, row, column)) {
        values.emplace_back();
      } else {
        values.emplace_back(std::string(PQgetvalue(handle, row, column),
                                        static_cast<size_t>(PQgetlength(handle, row, column))));
      }
    }
    result.rows.emplace_back(std::move(values));
  }
  return result;
}

bool IsSuccess(ExecStatusType status) {
  return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

bool IsCopy(ExecStatusType status) {
  return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

absl::Status CopyRefused() {
  return ToStatus({.sqlstate = "0A000",
                   .message = "COPY FROM STDIN and COPY TO STDOUT cannot run in a migration"});
}

// Nothing feeds a COPY here; ending it makes the statement fail and the session stay usable.
void EndCopy(PGconn* connection, ExecStatusType status) {
  if (status == PGRES_COPY_IN) PQputCopyEnd(connection, "COPY is not supported here");
  for (;;) {
    char* row = nullptr;
    if (status == PGRES_COPY_OUT && PQgetCopyData(connection, &row, 0) > 0) {
      PQfreemem(row);
      continue;
    }
    const ResultHandle rest(PQgetResult(connection), PQclear);
    if (rest == nullptr) return;
  }
}

std::vector<const char*> Pointers(const std::vector<Value>& params) {
  std::vector<const char*> pointers;
  for (const Value& value : params) pointers.push_back(value ? value->c_str() : nullptr);
  return pointers;
}

void IgnoreNotice(void*, const PGresult*) {}

bool EndsPart(std::span<const Command> commands, size_t at) {
  return at + 1 == commands.size() || commands[at].then == Then::kSync;
}

// Keeps a broken pipe from ending the process: PQcancel, alone in libpq, writes to a connection
// that may be closed already without asking for an error in place of the signal. What the process
// does about SIGPIPE is its own business; for this thread and time the signal is blocked and taken
// away.
class PipeSignalBlock {
 public:
  PipeSignalBlock() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    was_pending_ = IsPending();
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~PipeSignalBlock() {
    const timespec at_once{};
    if (!was_pending_ && IsPending()) sigtimedwait(&pipe_, nullptr, &at_once);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  PipeSignalBlock(const PipeSignalBlock&) = delete;
  PipeSignalBlock& operator=(const PipeSignalBlock&) = delete;

 private:
  static bool IsPending() {
    sigset_t pending;
    sigemptyset(&pending);
    sigpending(&pending);
    return sigismember(&pending, SIGPIPE) == 1;
  }

  sigset_t pipe_;
  sigset_t before_;
  bool was_pending_ = false;
};

}  // namespace

struct ScriptSession::Impl {
  PGconn* connection = nullptr;
  base::Mutex cancel_mu;
  PGcancel* cancel ABSL_GUARDED_BY(cancel_mu) = nullptr;

  ~Impl() {
    base::MutexLock lock(cancel_mu);
    PQfreeCancel(cancel);
    PQfinish(connection);
  }

  absl::Status Lost() const { return UnavailableError(PQerrorMessage(connection)); }

  // Ends the session where libpq cannot leave its state any more: in a pipeline it hands out the
  // result of a COPY again and again.
  void Abandon() {
    shutdown(PQsocket(connection), SHUT_RDWR);
    // What had arrived before is still read; behind it is the end, and only that makes it bad.
    for (int reads = 0; reads < kMaxLeftOver && PQstatus(connection) == CONNECTION_OK; ++reads) {
      PQconsumeInput(connection);
    }
  }

  // False when the connection is lost.
  bool Send(std::span<const Command> commands) {
    for (size_t i = 0; i < commands.size(); ++i) {
      const std::vector<const char*> pointers = Pointers(commands[i].params);
      if (PQsendQueryParams(connection, commands[i].sql.c_str(), static_cast<int>(pointers.size()),
                            nullptr, pointers.data(), nullptr, nullptr, 0) != 1) {
        return false;
      }
      if (EndsPart(commands, i)) {
        if (PQpipelineSync(connection) != 1) return false;
      } else if (commands[i].then == Then::kTell && PQsendFlushRequest(connection) != 1) {
        return false;
      }
    }
    return !commands.empty() || PQpipelineSync(connection) == 1;
  }

  // Of the next command; ABORTED where the server skipped it after a failure. A COPY ends the
  // session.
  absl::StatusOr<Result> ResultInPipeline() {
    absl::StatusOr<Result> answer = absl::AbortedError("skipped after a failure");
    for (;;) {
      const ResultHandle result(PQgetResult(connection), PQclear);
      if (result == nullptr) return answer;  // The end of this command's results.
      const ExecStatusType status = PQresultStatus(result.get());
      if (IsCopy(status)) {
        Abandon();
        return CopyRefused();
      }
      if (IsSuccess(status)) {
        answer = ResultOf(result.get());
      } else if (status != PGRES_PIPELINE_ABORTED) {
        answer = Failure(result.get());
      }
      if (PQstatus(connection) == CONNECTION_BAD) return answer.ok() ? Lost() : answer.status();
    }
  }

  // Reads the end of a part.
  bool Synced() {
    const ResultHandle sync(PQgetResult(connection), PQclear);
    return sync != nullptr && PQresultStatus(sync.get()) == PGRES_PIPELINE_SYNC;
  }

  // A failure that came with the end of the session is a lost connection, whatever its SQLSTATE.
  absl::Status Failure(const PGresult* result) const {
    if (PQstatus(connection) == CONNECTION_BAD) {
      const SqlError error = ErrorOf(result);
      return UnavailableError(error.message.empty() ? PQerrorMessage(connection) : error.message);
    }
    return ToStatus(ErrorOf(result));
  }
};

ScriptSession::ScriptSession(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ScriptSession::~ScriptSession() = default;

absl::StatusOr<std::unique_ptr<ScriptSession>> ScriptSession::Open(
    const ScriptSessionOptions& options) {
  ASSIGN_OR_RETURN(
      const std::string conninfo,
      CompleteConninfo(options.conninfo, options.application_name, options.connect_timeout));
  auto impl = std::make_unique<Impl>();
  impl->connection = PQconnectdb(conninfo.c_str());
  if (PQstatus(impl->connection) != CONNECTION_OK) {
    return ConnectError(RedactConninfo(options.conninfo), PQerrorMessage(impl->connection));
  }
  PQsetNoticeReceiver(impl->connection, IgnoreNotice, nullptr);
  {
    base::MutexLock lock(impl->cancel_mu);
    impl->cancel = PQgetCancel(impl->connection);
  }
  return std::unique_ptr<ScriptSession>(new ScriptSession(std::move(impl)));
}

absl::StatusOr<Result> ScriptSession::Execute(const std::string& sql,
                                              const std::vector<Value>& params) {
  RETURN_IF_ERROR(CheckNoZeroByte(sql, params));
  const std::vector<const char*> pointers = Pointers(params);
  const ResultHandle result(
      PQexecParams(impl_->connection, sql.c_str(), static_cast<int>(pointers.size()), nullptr,
                   pointers.data(), nullptr, nullptr, 0),
      PQclear);
  if (result == nullptr) return impl_->Lost();
  const ExecStatusType status = PQresultStatus(result.get());
  if (IsCopy(status)) {
    EndCopy(impl_->connection, status);
    return CopyRefused();
  }
  if (!IsSuccess(status)) return impl_->Failure(result.get());
  return ResultOf(result.get());
}

absl::StatusOr<std::vector<Result>> ScriptSession::Pipeline(const std::vector<Command>& commands) {
  std::vector<Result> results;
  RETURN_IF_ERROR(
      Stream(commands, [&](size_t, Result result) { results.push_back(std::move(result)); }));
  return results;
}

absl::Status ScriptSession::Stream(std::span<const Command> commands, const OnResult& on_result) {
  LOCKSTEP_CHECK(commands.size() <= kMaxPipeline);
  for (const Command& command : commands) {
    RETURN_IF_ERROR(CheckNoZeroByte(command.sql, command.params));
  }
  if (PQenterPipelineMode(impl_->connection) != 1) return impl_->Lost();
  if (!impl_->Send(commands)) return impl_->Lost();
  absl::Status first_failure;
  for (size_t i = 0; i < commands.size(); ++i) {
    absl::StatusOr<Result> result = impl_->ResultInPipeline();
    if (first_failure.ok() && !result.ok()) first_failure = result.status();
    if (!usable()) return first_failure;
    if (first_failure.ok()) on_result(i, *std::move(result));
    if (EndsPart(commands, i) && !impl_->Synced()) {
      return first_failure.ok() ? impl_->Lost() : first_failure;
    }
  }
  if (commands.empty() && !impl_->Synced()) return impl_->Lost();
  if (PQexitPipelineMode(impl_->connection) != 1 && first_failure.ok()) return impl_->Lost();
  return first_failure;
}

void ScriptSession::Cancel() {
  base::MutexLock lock(impl_->cancel_mu);
  const PipeSignalBlock block;
  char error[256];
  if (impl_->cancel != nullptr) PQcancel(impl_->cancel, error, sizeof(error));
}

TransactionStatus ScriptSession::transaction_status() const {
  switch (PQtransactionStatus(impl_->connection)) {
    case PQTRANS_IDLE:
      return TransactionStatus::kIdle;
    case PQTRANS_INTRANS:
      return TransactionStatus::kInTransaction;
    case PQTRANS_INERROR:
      return TransactionStatus::kFailed;
    default:
      return TransactionStatus::kUnknown;
  }
}

bool ScriptSession::usable() const { return PQstatus(impl_->connection) == CONNECTION_OK; }
int ScriptSession::announced_backend_pid() const { return PQbackendPID(impl_->connection); }
int ScriptSession::server_version() const { return PQserverVersion(impl_->connection); }
int ScriptSession::socket() const { return PQsocket(impl_->connection); }

}  // namespace lockstep::postgres
