// All that `lockstep dev` runs: PostgreSQL, a coordinator and an agent, started in this order and
// stopped in the other one.
//
//   ASSIGN_OR_RETURN(auto stack, Stack::Start({.state = ".lockstep/dev", .cancel = fd}));
//   ... stack->state().address(), stack->database() ...
//   RETURN_IF_ERROR(stack->CheckAlive());
//   stack->Stop();                               // also by the destructor
//
// Not thread-safe; start and stop on the main thread.
#ifndef LOCKSTEP_CTL_DEV_STACK_H_
#define LOCKSTEP_CTL_DEV_STACK_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "ctl/dev/child.h"
#include "ctl/dev/database.h"
#include "ctl/dev/postgres.h"
#include "ctl/dev/state.h"

namespace lockstep::ctl::dev {

inline constexpr absl::Duration kListenPatience = absl::Minutes(1);
inline constexpr absl::Duration kStopPatience = absl::Seconds(15);

struct StackOptions {
  std::string state;         // See StateOptions::path.
  std::string postgres_bin;  // Empty: found.
  int port = 0;              // PostgreSQL on 127.0.0.1, too; 0: on its socket alone.
  std::string listen;        // HOST:PORT of the coordinator, too; empty: on its socket alone.
  bool reset = false;        // Begin with an empty database.
  int cancel = -1;           // Readable once somebody wants to stop.
};

class Stack {
 public:
  // Returns once the coordinator listens; the agent comes by itself. Fails with what the parts
  // return; then nothing is left running.
  static absl::StatusOr<std::unique_ptr<Stack>> Start(const StackOptions& options);
  ~Stack() { Stop(); }
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  // Agent, coordinator, database. Idempotent.
  void Stop();

  const State& state() const { return *state_; }
  const Postgres& server() const { return *server_; }
  Database& database() { return *database_; }
  // True when the cluster was made by this start.
  bool fresh() const { return fresh_; }
  // For the application: over the socket, or over TCP when there is a port.
  std::string url() const;
  // The command line of psql, quoted for a shell.
  std::string psql() const;

  // Readable once one of the programs has ended.
  std::vector<int> fds() const;
  // INTERNAL (DEV_PROCESS_FAILED) when one of the programs has ended.
  absl::Status CheckAlive();

 private:
  Stack() = default;
  absl::Status Run(const StackOptions& options);
  absl::Status StartDatabase(const StackOptions& options);
  absl::Status StartCoordinator(const StackOptions& options);
  absl::Status StartAgent();

  std::unique_ptr<State> state_;
  std::unique_ptr<Postgres> server_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Child> coordinator_;
  std::unique_ptr<Child> agent_;
  std::string password_;  // Empty without a port.
  bool fresh_ = false;
};

// The path of one of lockstep's programs: beside this one, else in PATH. NOT_FOUND.
absl::StatusOr<std::string> FindProgram(const std::string& name);

// `text` as one word of a shell.
std::string ShellWord(absl::string_view text);

}  // namespace lockstep::ctl::dev

#endif  // LOCKSTEP_CTL_DEV_STACK_H_
