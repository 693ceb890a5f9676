#include "engine/backfill/throttle.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace lockstep::backfill {
namespace {

constexpr int64_t kMebibyte = 1 << 20;
constexpr absl::Duration kRateSpan = absl::Seconds(5);
constexpr size_t kMaxSamples = 4096;
constexpr int kActivePerCore = 2;
// A table this small may have as many dead rows as it likes.
constexpr int64_t kFewRows = 100'000;

std::string InMebibytes(int64_t bytes) { return absl::StrCat(bytes / kMebibyte, " MiB"); }
std::string InSeconds(absl::Duration time) {
  return absl::StrFormat("%.1f s", absl::ToDoubleSeconds(time));
}

using Verdict = std::optional<std::string>;

Verdict JudgeReplica(const Settings& settings, const Health& health, const LagTracker& lag) {
  if (health.hidden_replicas > 0) {
    return "a replica is connected and its position is hidden from this role: grant "
           "pg_read_all_stats";
  }
  if (health.replicas == 0) return std::nullopt;
  if (!health.wal.has_value() || !health.replayed.has_value()) {
    return "the position of a replica cannot be read";
  }
  const int64_t bytes = *health.wal - *health.replayed;
  if (lag.lag() <= settings.max_lag && bytes <= settings.max_lag_bytes) return std::nullopt;
  return absl::StrCat("a replica is ", InSeconds(lag.lag()), " and ", InMebibytes(bytes),
                      " behind; the limit is ", InSeconds(settings.max_lag), " and ",
                      InMebibytes(settings.max_lag_bytes));
}

Verdict JudgeSlots(const Settings& settings, const Health& health, const LagTracker&) {
  if (health.lost_slots > 0) {
    return absl::StrCat(health.lost_slots,
                        " replication slot has lost WAL: drop it, or make its "
                        "replica anew");
  }
  if (!health.slot_bytes.has_value() || *health.slot_bytes <= settings.max_slot_bytes) {
    return std::nullopt;  // No slot reserves anything.
  }
  return absl::StrCat("a replication slot keeps ", InMebibytes(*health.slot_bytes),
                      " of WAL; the limit is ", InMebibytes(settings.max_slot_bytes));
}

Verdict JudgeArchive(const Settings&, const Health& health, const LagTracker&) {
  if (!health.archive_failing.has_value()) return "the state of WAL archiving cannot be read";
  if (!*health.archive_failing) return std::nullopt;
  return "archiving of WAL fails: see pg_stat_archiver";
}

Verdict JudgeWalRate(const Settings& settings, const Health& health, const LagTracker& lag) {
  if (settings.max_wal_rate <= 0) return std::nullopt;
  if (!health.wal.has_value()) return "the position in WAL cannot be read";
  if (lag.wal_rate() <= static_cast<double>(settings.max_wal_rate)) return std::nullopt;
  return absl::StrCat(InMebibytes(static_cast<int64_t>(lag.wal_rate())),
                      " of WAL are written a second; the limit is ",
                      InMebibytes(settings.max_wal_rate));
}

Verdict JudgeVacuum(const Settings&, const Health& health, const LagTracker&) {
  if (!health.vacuums.has_value()) return "running vacuums cannot be read";
  if (*health.vacuums == 0) return std::nullopt;
  return "a vacuum of the table is running";
}

Verdict JudgeDead(const Settings& settings, const Health& health, const LagTracker&) {
  if (!health.dead.has_value() || !health.live.has_value()) {
    return "the number of dead rows cannot be read";
  }
  const int64_t all = *health.dead + *health.live;
  const double part = all == 0 ? 0 : static_cast<double>(*health.dead) / static_cast<double>(all);
  if (all < kFewRows || part <= settings.max_dead) return std::nullopt;
  return absl::StrFormat(
      "%.0f %% of the table's rows are dead and not vacuumed away; the limit is "
      "%.0f %%",
      100 * part, 100 * settings.max_dead);
}

Verdict JudgeTransaction(const Settings& settings, const Health& health, const LagTracker&) {
  if (health.hidden_sessions > 0) {
    return absl::StrCat(health.hidden_sessions,
                        " sessions are hidden from this role: grant pg_read_all_stats");
  }
  if (health.oldest_who.empty() || health.oldest <= settings.max_transaction) return std::nullopt;
  // Not its age: the sentence stays the same for as long as it stands.
  return absl::StrCat("a transaction of ", health.oldest_who, " has been open for more than ",
                      InSeconds(settings.max_transaction), ", so nothing can be vacuumed away");
}

Verdict JudgeLocks(const Settings&, const Health& health, const LagTracker&) {
  if (!health.lock_waits.has_value()) return "waits for locks cannot be read";
  if (*health.lock_waits == 0) return std::nullopt;
  return absl::StrCat(*health.lock_waits,
                      *health.lock_waits == 1 ? " session waits" : " sessions wait",
                      " for a lock of the table");
}

Verdict JudgeActive(const Settings& settings, const Health& health, int cores) {
  if (!health.active.has_value()) return "active sessions cannot be read";
  const int most = settings.max_active > 0 ? settings.max_active : kActivePerCore * cores;
  if (*health.active <= most) return std::nullopt;
  return absl::StrCat(*health.active, " sessions are active; the limit is ", most);
}

std::string TimeOfDay(int minutes) {
  return absl::StrFormat("%02d:%02d UTC", minutes / 60, minutes % 60);
}

}  // namespace

void LagTracker::Look(const Health& health) {
  if (!health.wal.has_value()) return;
  const Sample now{.wal = *health.wal, .at = health.at};
  recent_.push_back(now);
  while (recent_.size() > 2 && now.at - recent_.front().at > kRateSpan) recent_.pop_front();
  if (health.replicas == 0 || !health.replayed.has_value()) {
    samples_.clear();
    lag_ = absl::ZeroDuration();
    return;
  }
  if (samples_.empty() || now.wal > samples_.back().wal) samples_.push_back(now);
  // What was written by the time of a sample is replayed: it is of no more use.
  while (!samples_.empty() && samples_.front().wal <= *health.replayed) samples_.pop_front();
  // With too many the oldest is kept, which is what the lag is counted from.
  if (samples_.size() > kMaxSamples) samples_.erase(samples_.begin() + 1);
  lag_ = samples_.empty() ? absl::ZeroDuration() : now.at - samples_.front().at;
}

double LagTracker::wal_rate() const {
  if (recent_.size() < 2) return 0;
  const double seconds = absl::ToDoubleSeconds(recent_.back().at - recent_.front().at);
  const auto bytes = static_cast<double>(recent_.back().wal - recent_.front().wal);
  return seconds < 0.5 ? 0 : bytes / seconds;
}

std::optional<Standing> JudgeWindow(const Settings& settings, absl::Time at) {
  const auto window = chain::ParseWindow(settings.window);
  if (!window.has_value() || settings.ignore.contains("window")) return std::nullopt;
  const absl::CivilMinute now = absl::ToCivilMinute(at, absl::UTCTimeZone());
  const int minute = 60 * now.hour() + now.minute();
  const bool over_midnight = window->end < window->begin;
  const bool inside = over_midnight ? minute >= window->begin || minute < window->end
                                    : minute >= window->begin && minute < window->end;
  if (inside) return std::nullopt;
  return Standing{"window", absl::StrCat("its window opens at ", TimeOfDay(window->begin))};
}

std::optional<Standing> Judge(const Settings& settings, const Health& health, const LagTracker& lag,
                              int cores) {
  using Rule = Verdict (*)(const Settings&, const Health&, const LagTracker&);
  static constexpr std::pair<absl::string_view, Rule> kRules[] = {
      {"replica", JudgeReplica},         {"slots", JudgeSlots},       {"archive", JudgeArchive},
      {"wal-rate", JudgeWalRate},        {"autovacuum", JudgeVacuum}, {"lock-wait", JudgeLocks},
      {"transaction", JudgeTransaction}, {"dead-tuples", JudgeDead}};
  if (auto window = JudgeWindow(settings, health.at); window.has_value()) return window;
  for (const auto& [name, rule] : kRules) {
    if (settings.ignore.contains(std::string(name))) continue;
    if (auto why = rule(settings, health, lag); why.has_value()) {
      return Standing{std::string(name), *std::move(why)};
    }
  }
  if (settings.ignore.contains("active-sessions")) return std::nullopt;
  if (auto why = JudgeActive(settings, health, cores); why.has_value()) {
    return Standing{"active-sessions", *std::move(why)};
  }
  return std::nullopt;
}

}  // namespace lockstep::backfill
