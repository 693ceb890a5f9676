#include "engine/backfill/vacuum.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "engine/base/log.h"
#include "engine/base/status_macros.h"
#include "engine/postgres/errors.h"

namespace lockstep::backfill {

using postgres::Param;
using postgres::ScriptSession;

Vacuum::~Vacuum() {
  if (!thread_.joinable()) return;
  // Asked again: the first may come before the statement.
  for (;;) {
    {
      base::MutexLock lock(mu_);
      if (!running_) break;
    }
    session_->Cancel();
    std::this_thread::yield();
  }
  thread_.join();
}

absl::Status Vacuum::Open() {
  ASSIGN_OR_RETURN(session_, ScriptSession::Open(options_.connection));
  if (options_.owner_role.empty()) return absl::OkStatus();
  return session_
      ->Execute("SELECT pg_catalog.set_config('role', $1, false)", {Param(options_.owner_role)})
      .status();
}

void Vacuum::Start() {
  {
    base::MutexLock lock(mu_);
    if (running_ || failed_) return;
    running_ = true;
  }
  if (thread_.joinable()) thread_.join();
  thread_ = std::thread([this] { Run(); });
}

bool Vacuum::usable() {
  base::MutexLock lock(mu_);
  return running_ || (!failed_ && session_->usable());
}

void Vacuum::Changed(int64_t rows, int64_t each) {
  changed_ += rows;
  if (changed_ < each) return;
  {
    base::MutexLock lock(mu_);
    if (running_) return;  // They are counted when it has ended.
  }
  changed_ = 0;
  Start();
}

void Vacuum::Run() {
  // Nobody is made to wait for the end of the file to be cut off, nor for another vacuum.
  const absl::Status status =
      session_
          ->Execute(
              absl::StrCat("VACUUM (SKIP_LOCKED, TRUNCATE false, PARALLEL 0) ", options_.table))
          .status();
  const bool cancelled = postgres::SqlStateOf(status) == "57014";
  if (!status.ok() && !cancelled) {
    base::LogWarning("a backfill's table was not vacuumed",
                     {{"table", options_.table}, {"error", std::string(status.message())}});
  }
  base::MutexLock lock(mu_);
  running_ = false;
  failed_ = !status.ok() && !cancelled;
}

absl::StatusOr<Vacuum*> VacuumKeeper::Get(VacuumOptions options) {
  const bool same = vacuum_ != nullptr && vacuum_->options().table == options.table &&
                    vacuum_->options().owner_role == options.owner_role &&
                    vacuum_->options().connection.conninfo == options.connection.conninfo;
  if (!same || !vacuum_->usable()) {
    vacuum_ = std::make_unique<Vacuum>(std::move(options));
    const absl::Status opened = vacuum_->Open();
    if (!opened.ok()) {
      vacuum_.reset();
      return opened;
    }
  }
  return vacuum_.get();
}

}  // namespace lockstep::backfill
