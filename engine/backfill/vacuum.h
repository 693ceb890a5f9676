// Vacuums the table of a job on a connection of its own, while the job goes on.
#ifndef LOCKSTEP_ENGINE_BACKFILL_VACUUM_H_
#define LOCKSTEP_ENGINE_BACKFILL_VACUUM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "engine/base/mutex.h"
#include "engine/postgres/script_session.h"

namespace lockstep::backfill {

struct VacuumOptions {
  postgres::ScriptSessionOptions connection;
  std::string owner_role;
  std::string table;  // As SQL.
};

// One user: its functions are called on one thread.
class Vacuum {
 public:
  explicit Vacuum(VacuumOptions options) : options_(std::move(options)) {}
  // Cancels what runs, and waits for its end.
  ~Vacuum();
  Vacuum(const Vacuum&) = delete;
  Vacuum& operator=(const Vacuum&) = delete;

  // Connects; the vacuum itself needs no more than that.
  absl::Status Open();
  const VacuumOptions& options() const { return options_; }
  int pid() const { return session_->announced_backend_pid(); }
  // `rows` more were changed: begins one for every `each` of them, when the one before has ended.
  void Changed(int64_t rows, int64_t each);
  // Begins one, unless one runs or an earlier one failed.
  void Start();
  bool usable();

 private:
  void Run();

  const VacuumOptions options_;
  std::unique_ptr<postgres::ScriptSession> session_;
  std::thread thread_;
  base::Mutex mu_;
  bool running_ ABSL_GUARDED_BY(mu_) = false;
  bool failed_ ABSL_GUARDED_BY(mu_) = false;
  int64_t changed_ = 0;  // Rows, since the last one began.
};

// Lets a vacuum go on from one part of a job to the next: cut off at the end of each range it would
// have to begin anew. One user; what it returned lives until it is asked for another table.
class VacuumKeeper {
 public:
  // The vacuum of that table, connected.
  absl::StatusOr<Vacuum*> Get(VacuumOptions options);
  // Ends what it keeps.
  void Reset() { vacuum_.reset(); }

 private:
  std::unique_ptr<Vacuum> vacuum_;
};

}  // namespace lockstep::backfill

#endif  // LOCKSTEP_ENGINE_BACKFILL_VACUUM_H_
