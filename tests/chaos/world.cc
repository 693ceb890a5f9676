#include "tests/chaos/world.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "engine/base/status_macros.h"

namespace lockstep::chaos {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(20);
constexpr absl::Duration kHolderPatience = absl::Seconds(4);

}  // namespace

World::World(const Options& o, std::string d, Journal* j, PostgresPair* p, Processes* pr,
             Observer* ob)
    : options(o),
      directory(std::move(d)),
      journal(*j),
      postgres(*p),
      processes(*pr),
      observer(*ob),
      random_(o.seed) {}

absl::Duration World::Between(absl::Duration low, absl::Duration high) {
  const auto span = static_cast<uint64_t>(absl::ToInt64Microseconds(high - low));
  return low + absl::Microseconds(Draw(span + 1));
}

void World::Later(absl::Duration after, std::function<void()> action) {
  agenda_.push_back({absl::Now() + after, std::move(action)});
}

void World::Tick() {
  const absl::Time now = absl::Now();
  std::vector<Due> due;
  for (size_t i = 0; i < agenda_.size();) {
    if (agenda_[i].at > now) {
      ++i;
      continue;
    }
    due.push_back(std::move(agenda_[i]));
    agenda_.erase(agenda_.begin() + static_cast<ptrdiff_t>(i));
  }
  for (const Due& each : due) each.action();
  processes.Tick();
}

void World::Settle(bool now) {
  if (now) {
    for (Due& each : agenda_) each.at = absl::InfinitePast();
  }
  while (!agenda_.empty()) {
    Tick();
    absl::SleepFor(kTick);
  }
}

void World::Live(absl::Duration duration) {
  const absl::Time end = absl::Now() + duration;
  while (absl::Now() < end) {
    Tick();
    absl::SleepFor(kTick);
  }
}

absl::StatusOr<std::unique_ptr<postgres::Connection>> World::Session(const std::string& user) {
  return postgres::Connection::Open({.conninfo = postgres.DirectConninfo(user),
                                     .application_name = "chaos",
                                     .connect_timeout = absl::Seconds(3)});
}

absl::StatusOr<postgres::Result> World::Ask(const std::string& sql) {
  if (admin_ != nullptr && !admin_->usable()) admin_.reset();
  if (admin_ == nullptr) {
    ASSIGN_OR_RETURN(admin_, Session());
  }
  return admin_->Query(sql);
}

Holder World::AwaitHolder(bool any) {
  const std::string sql =
      "SELECT a.holder, coalesce((SELECT s.pid FROM pg_stat_activity s WHERE s.usename = "
      "'chaos_migrator' AND s.xact_start IS NOT NULL AND s.backend_xid IS NOT NULL LIMIT 1), 0) "
      "FROM lockstep.lease l JOIN lockstep.attempt a ON a.lease_epoch = l.epoch "
      "WHERE l.state = 'held'";
  const absl::Time deadline = absl::Now() + kHolderPatience;
  while (absl::Now() < deadline) {
    const auto result = Ask(sql);
    if (result.ok() && !result->empty() && (any || result->rows[0].Int(1) != 0)) {
      for (auto& instance : processes.instances()) {
        if (instance->who() == result->rows[0].Text(0) && instance->running()) {
          return {instance.get(), result->rows[0].Int(1)};
        }
      }
    }
    Tick();
    absl::SleepFor(absl::Milliseconds(5));
  }
  return {};
}

Coordinator* World::Leader() {
  const auto result = Ask("SELECT l.address FROM lockstep.leader l WHERE l.expires_at > now()");
  if (!result.ok() || result->empty()) return nullptr;
  for (auto& coordinator : processes.coordinators()) {
    const std::string address = absl::StrCat("unix:", directory, "/", coordinator->name, ".f");
    if (result->rows[0].Text(0) == address && coordinator->running()) return coordinator.get();
  }
  return nullptr;
}

}  // namespace lockstep::chaos
