#include "engine/backfill/vacuum.h"

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

}  // namespace lockstep::backfill
