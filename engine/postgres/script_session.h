// The connection on which people's migrations run, over libpq itself: each statement is one message
// of the extended protocol (so the server refuses a string of several), errors keep their SQLSTATE
// and position, the transaction status can be read after each statement, lockstep's own statements
// around it travel as one pipeline, and another thread can cancel.
//
//   ASSIGN_OR_RETURN(auto session, ScriptSession::Open({.conninfo = url}));
//   RETURN_IF_ERROR(session->Pipeline({{"BEGIN"}, {"SELECT f($1)", {Param(7)}}}).status());
//   absl::StatusOr<Result> done = session->Execute(statement);
//   if (session->transaction_status() != TransactionStatus::kInTransaction) ...
//
// Not guaranteed: a lost connection is never re-opened. Not thread-safe but for Cancel(). Every
// call blocks.
#ifndef LOCKSTEP_ENGINE_POSTGRES_SCRIPT_SESSION_H_
#define LOCKSTEP_ENGINE_POSTGRES_SCRIPT_SESSION_H_

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "engine/postgres/result.h"

namespace lockstep::postgres {

enum class TransactionStatus { kIdle, kInTransaction, kFailed, kUnknown };

struct ScriptSessionOptions {
  std::string conninfo;
  std::string application_name;
  absl::Duration connect_timeout = absl::Seconds(5);
};

// What is asked of the server behind a command of a pipeline.
enum class Then {
  kGoOn,
  kTell,  // Its result is sent at once, not when the server's buffer is full.
  kSync,  // Ends a part: what follows travels along, but does not fail with it.
};

struct Command {
  std::string sql;
  std::vector<Value> params = {};
  Then then = Then::kGoOn;  // Pipelines only; the last command's is kSync in any case.
};

class ScriptSession {
 public:
  // Connects. Fails as Connection::Open does.
  static absl::StatusOr<std::unique_ptr<ScriptSession>> Open(const ScriptSessionOptions& options);
  ~ScriptSession();
  ScriptSession(const ScriptSession&) = delete;
  ScriptSession& operator=(const ScriptSession&) = delete;

  // Runs one statement as one extended-protocol message and waits for its end.
  absl::StatusOr<Result> Execute(const std::string& sql, const std::vector<Value>& params = {});

  // Sends all commands as one pipeline with a Sync at its end; returns their results, or the first
  // failure (later commands, up to the end of the part, were skipped by the server). At most
  // kMaxPipeline commands; a COPY among them ends the session.
  static constexpr int kMaxPipeline = 64;
  absl::StatusOr<std::vector<Result>> Pipeline(const std::vector<Command>& commands);

  // The same for results that are wanted as they come: `on_result` gets them in order, up to the
  // first failure, which is returned. What had followed a failed part has run all the same. Must be
  // quick, as the server goes on meanwhile, and must not use the session.
  using OnResult = std::function<void(size_t command, Result result)>;
  absl::Status Stream(std::span<const Command> commands, const OnResult& on_result);

  // Asks the server to cancel what runs now. Safe to call from any thread while this object lives.
  void Cancel();

  TransactionStatus transaction_status() const;
  bool usable() const;
  // The process id the server announced at connect. A pooler announces its own.
  int announced_backend_pid() const;
  int server_version() const;
  int socket() const;  // The file descriptor; for failpoints.

 private:
  struct Impl;
  explicit ScriptSession(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace lockstep::postgres

#endif  // LOCKSTEP_ENGINE_POSTGRES_SCRIPT_SESSION_H_
