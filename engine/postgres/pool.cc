#include "engine/postgres/pool.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "engine/base/error_info.h"

namespace lockstep::postgres {

absl::StatusOr<Pool::Lease> Pool::Take() {
  std::unique_ptr<Connection> connection;
  {
    base::MutexLock lock(mu_);
    const absl::Time deadline = absl::Now() + options_.take_timeout;
    while (taken_ >= options_.size) {
      // Not the whole timeout again: another taker may have been faster any number of times.
      freed_.WaitFor(lock, std::max(deadline - absl::Now(), absl::ZeroDuration()));
      if (taken_ >= options_.size && absl::Now() >= deadline) {
        return base::MakeError(
            absl::StatusCode::kResourceExhausted, "RATE_LIMITED",
            absl::StrCat("all ", options_.size, " database connections of the pool are busy"));
      }
    }
    ++taken_;
    if (!idle_.empty()) {
      connection = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (connection != nullptr) return Lease(this, std::move(connection));
  auto opened = Connection::Open(options_.connection);
  if (!opened.ok()) {
    Release();
    return opened.status();
  }
  return Lease(this, *std::move(opened));
}

void Pool::Return(std::unique_ptr<Connection> connection) {
  {
    base::MutexLock lock(mu_);
    if (connection->usable()) idle_.push_back(std::move(connection));
  }
  Release();
}

void Pool::Release() {
  {
    base::MutexLock lock(mu_);
    --taken_;
  }
  freed_.NotifyOne();
}

}  // namespace lockstep::postgres
