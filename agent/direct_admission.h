// Admission by the database itself, for as long as no coordinator answers: the same SQL function
// that a coordinator calls (lockstep.admit), with the same verdict and the same durable session. So
// it is no weaker gate, and coordinators that are away keep no instance from starting.
//
//   DirectAdmission direct(options, hooks);
//   direct.Start();
//   direct.CoordinatorAnswers();       // a verdict came from a coordinator: nothing to do here
//   direct.CoordinatorLost(why);       // ... and from now on the patience runs
//   direct.Opened();                   // whoever opened the gate: its work is done
//   direct.Stop();
//   direct.Leave(absl::Seconds(2));    // the goodbye, where no coordinator hears it
//
// Without a connection string it only says what is missing. Not guaranteed: that a session which
// was admitted here ends when its process dies without a goodbye. It counts until it is closed, or
// until a coordinator has somebody's word that it is gone.
//
// Thread-safe. One thread, which blocks on PostgreSQL.
#ifndef LOCKSTEP_AGENT_DIRECT_ADMISSION_H_
#define LOCKSTEP_AGENT_DIRECT_ADMISSION_H_

#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lockstep/agent.h"
#include "lockstep/v1/agent.pb.h"

#include "engine/base/backoff.h"
#include "engine/base/clock.h"
#include "engine/base/mutex.h"
#include "engine/postgres/connection.h"

namespace lockstep::agent {

struct DirectOptions {
  std::string conninfo;          // Empty: none.
  std::string application_name;  // What the connection calls itself.
  v1::Hello identity;            // As SessionOptions has it.
  // For how long no coordinator may answer before the database is asked.
  absl::Duration patience = absl::Seconds(15);
  // Between two questions while the database says WAIT, or does not answer either.
  base::BackoffOptions again = {.base = absl::Seconds(1), .cap = absl::Seconds(5)};
  const base::Clock* clock = base::SystemClock();
};

// Called from the thread of DirectAdmission; must not block.
struct DirectHooks {
  std::function<void(GateVerdict)> gate;  // What the database says.
  std::function<void(GateVerdict)> away;  // Nobody answers: what an instance is told meanwhile.
};

class DirectAdmission {
 public:
  DirectAdmission(DirectOptions options, DirectHooks hooks);
  ~DirectAdmission() { Stop(); }
  DirectAdmission(const DirectAdmission&) = delete;
  DirectAdmission& operator=(const DirectAdmission&) = delete;

  // From now on the patience runs.
  void Start();
  void CoordinatorAnswers();
  // `why`: what the last try to reach one met.
  void CoordinatorLost(const std::string& why);
  void Opened();
  // Ends the thread; waits for a question under way. Idempotent.
  void Stop();

  // The database was asked, so that it may know the session.
  bool asked() const;
  // Closes the instance's own session in the database. True when it does not count any more; false
  // without a connection string, or when the database did not answer within about `timeout`.
  // Blocks; after Stop.
  bool Leave(absl::Duration timeout);

 private:
  void Run();
  // Waits until the database is to be asked; false when there is nothing more to do.
  bool WaitForTurn(std::string* why);
  void AskOnce(const std::string& why);
  absl::StatusOr<GateVerdict> Admit();
  void TellAway(const std::string& why, const absl::Status& database);

  const DirectOptions options_;
  const DirectHooks hooks_;
  // Of the thread alone.
  std::unique_ptr<postgres::Connection> connection_;
  base::Backoff backoff_;
  bool told_ = false;  // That nobody answers.

  mutable base::Mutex mu_;
  base::CondVar changed_;
  bool asked_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<absl::Duration> away_since_ ABSL_GUARDED_BY(mu_);
  absl::Duration next_ ABSL_GUARDED_BY(mu_) = -absl::InfiniteDuration();
  std::string why_ ABSL_GUARDED_BY(mu_) = "not reached yet";
  bool opened_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lockstep::agent

#endif  // LOCKSTEP_AGENT_DIRECT_ADMISSION_H_
