// Vacuums the table of a job on a connection of its own, while the job goes on.
#ifndef LOCKSTEP_ENGINE_BACKFILL_VACUUM_H_
#define LOCKSTEP_ENGINE_BACKFILL_VACUUM_H_

#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"

#include "engine/base/mutex.h"
#include "engine/postgres/script_session.h"

namespace lockstep::backfill {

struct VacuumOptions {
  postgres::ScriptSessionOptions connection;
  std::string owner_role;
  std::string table;  // As SQL.
};

// One user; Start and running are safe from its thread only.
class Vacuum {
 public:
  explicit Vacuum(VacuumOptions options) : options_(std::move(options)) {}
  // Cancels what runs, and waits for its end.
  ~Vacuum();
  Vacuum(const Vacuum&) = delete;
  Vacuum& operator=(const Vacuum&) = delete;

  // Connects; the vacuum itself needs no more than that.
  absl::Status Open();
  int pid() const { return session_->announced_backend_pid(); }
  // Begins one, unless one runs or an earlier one failed.
  void Start();

 private:
  void Run();

  const VacuumOptions options_;
  std::unique_ptr<postgres::ScriptSession> session_;
  std::thread thread_;
  base::Mutex mu_;
  bool running_ ABSL_GUARDED_BY(mu_) = false;
  bool failed_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace lockstep::backfill

#endif  // LOCKSTEP_ENGINE_BACKFILL_VACUUM_H_
