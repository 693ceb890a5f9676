// What a database does to its users: a full disk, locks that others hold, no connection left, a
// clock that jumps, an index build whose client died.
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "tests/chaos/faults/fault.h"

namespace lockstep::chaos {
namespace {

using Session = std::shared_ptr<postgres::Connection>;

int64_t Count(const std::string& path, const std::string& text) {
  std::ifstream file(path);
  int64_t count = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.find(text) != std::string::npos) ++count;
  }
  return count;
}

std::string DiskFull(World& world) {
  const std::string log = world.postgres.primary().log_path();
  const int64_t before = Count(log, "No space left");
  world.postgres.SetDiskFull(true);
  const absl::Duration length = world.Between(absl::Seconds(1), absl::Seconds(3));
  world.Later(length, [&world, log, before, length] {
    world.postgres.SetDiskFull(false);
    const int64_t hits = Count(log, "No space left") - before;
    if (hits > 0) {
      world.journal.Fault("disk_full", absl::StrCat(hits, " statements met it within ",
                                                    absl::FormatDuration(length)));
    }
  });
  return kTold;
}

// A transaction of somebody else, held open for `length`.
bool HoldTransaction(World& world, const std::string& sql, absl::Duration length) {
  auto opened = world.Session();
  if (!opened.ok()) return false;
  const Session session = *std::move(opened);
  if (!session->RunScript(sql).ok()) return false;
  world.Later(length, [session] { (void)session->RunScript("ROLLBACK"); });
  return true;
}

std::string LockStorm(World& world) {
  const absl::Duration length = world.Between(absl::Milliseconds(700), absl::Seconds(3));
  const std::string table = world.Draw(2) == 0 ? "public.wide" : "public.counter";
  if (!HoldTransaction(
          world, absl::StrCat("BEGIN; LOCK TABLE ", table, " IN ACCESS EXCLUSIVE MODE"), length)) {
    return "";
  }
  return absl::StrCat("ACCESS EXCLUSIVE on ", table, " for ", absl::FormatDuration(length));
}

std::string LongTransaction(World& world) {
  const absl::Duration length = world.Between(absl::Seconds(1), absl::Seconds(4));
  if (!HoldTransaction(world,
                       "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM public.wide, "
                       "public.orders; SELECT count(*) FROM public.counter",
                       length)) {
    return "";
  }
  return absl::StrCat("a snapshot and ACCESS SHARE on all tables for ",
                      absl::FormatDuration(length));
}

std::string Exhausted(World& world) {
  auto sessions = std::make_shared<std::vector<Session>>();
  bool full = false;
  while (sessions->size() < 300 && !full) {
    auto opened = world.Session(kAppRole);
    if (opened.ok()) {
      sessions->push_back(*std::move(opened));
    } else {
      full = absl::IsResourceExhausted(opened.status());
      if (!full) break;
    }
  }
  if (!full) return "";
  const absl::Duration length = world.Between(absl::Seconds(1), absl::Seconds(3));
  world.Later(length, [sessions] { sessions->clear(); });
  // What is connected stays connected; whoever comes now does not get in.
  const auto ended = world.Ask(
      "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename IN "
      "('chaos_migrator') OR (usename LIKE 'chaos_coordinator%' AND random() < 0.5)");
  return absl::StrCat(sessions->size(), " connections taken for ", absl::FormatDuration(length),
                      ended.ok() ? ", others' ended" : "");
}

std::string ClockJump(World& world) {
  const int64_t size = 5 + static_cast<int64_t>(world.Draw(55));
  const int64_t seconds = world.Draw(2) == 0 ? size : -size;
  world.postgres.SetClock(seconds);
  const absl::Duration length = world.Between(absl::Seconds(1), absl::Seconds(3));
  world.Later(length, [&world] { world.postgres.SetClock(0); });
  return absl::StrCat("the server's clock is ", seconds, " s off for ",
                      absl::FormatDuration(length));
}

// The client of a concurrent build dies while the build waits for an old snapshot: the server
// finishes it by itself, and whoever comes next adopts it.
std::string OrphanIndex(World& world) {
  const auto building = [&] {
    const auto result = world.Ask("SELECT count(*) FROM pg_stat_progress_create_index");
    return result.ok() && result->only().Long(0) > 0;
  };
  if (!HoldTransaction(world,
                       "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM public.orders",
                       absl::Seconds(9))) {
    return "";
  }
  const absl::Time deadline = absl::Now() + absl::Seconds(8);
  while (!building()) {
    if (absl::Now() > deadline) return "";
    world.Tick();
    absl::SleepFor(absl::Milliseconds(10));
  }
  const Holder holder = world.AwaitHolder(true);
  if (holder.instance == nullptr || !building()) return "";
  holder.instance->Kill(world.Between(absl::Milliseconds(200), absl::Seconds(2)));
  return absl::StrCat(holder.instance->who(), " dies, the build goes on");
}

}  // namespace

std::vector<Fault> DatabaseFaults() {
  return {
      {"disk_full", "tables and indexes cannot grow", DiskFull, true},
      {"lock_storm", "ACCESS EXCLUSIVE on tables that migrations change", LockStorm},
      {"long_transaction", "an old snapshot on tables that migrations change", LongTransaction},
      {"exhausted", "max_connections are taken, others are thrown out", Exhausted, true},
      {"clock_jump", "the database's clock is up to a minute off", ClockJump},
      {"orphan_index", "the client of a concurrent index build dies", OrphanIndex, true},
  };
}

}  // namespace lockstep::chaos
