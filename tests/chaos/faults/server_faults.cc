// PostgreSQL's processes: killed, stopped, replaced by the standby.
#include <csignal>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "tests/chaos/faults/fault.h"
#include "tests/support/eventually.h"

namespace lockstep::chaos {
namespace {

constexpr absl::Duration kServerPatience = absl::Seconds(30);

// A backend of lockstep: that of the migration that runs, or some other one.
int SomeBackend(World& world) {
  const Holder holder = world.AwaitHolder();
  if (holder.backend != 0) return holder.backend;
  const auto any = world.Ask(
      "SELECT pid FROM pg_stat_activity WHERE usename LIKE 'chaos_coordinator%' ORDER BY random()");
  return any.ok() && !any->empty() ? any->rows[0].Int(0) : 0;
}

constexpr char kOwnPid[] = "SELECT pg_backend_pid()";

// Waits for a session behind `before`, which ends when the server does.
bool AwaitServer(World& world, int before) {
  return testing::Eventually(
      [&] {
        world.Tick();
        const auto own = world.Ask(kOwnPid);
        return own.ok() && own->only().Int(0) != before;
      },
      kServerPatience);
}

// The server takes the death of a backend for corruption: all of them end, it recovers.
std::string KillBackend(World& world) {
  const int pid = SomeBackend(world);
  const auto own = world.Ask(kOwnPid);
  if (pid == 0 || !own.ok() || kill(pid, SIGKILL) != 0) return "";
  if (!AwaitServer(world, own->only().Int(0)))
    world.journal.Violation("world", "the server did not recover");
  return absl::StrCat("backend ", pid, "; the server recovers");
}

std::string EndBackend(World& world) {
  const int pid = SomeBackend(world);
  if (pid == 0) return "";
  const auto ended = world.Ask(absl::StrCat("SELECT pg_terminate_backend(", pid, ")"));
  return ended.ok() && ended->only().Bool(0) ? absl::StrCat("backend ", pid) : "";
}

// Nobody can end it while it stands still, and what it holds stays locked.
std::string FreezeBackend(World& world) {
  const Holder holder = world.AwaitHolder();
  if (holder.backend == 0 || kill(holder.backend, SIGSTOP) != 0) return "";
  const absl::Duration length = world.Between(absl::Seconds(1), absl::Seconds(5));
  world.Later(length, [pid = holder.backend] { kill(pid, SIGCONT); });
  return absl::StrCat("backend ", holder.backend, " of ", holder.instance->who(), " for ",
                      absl::FormatDuration(length));
}

// Without its postmaster a server ends by and by: backends notice at their next wait, and the next
// server cannot start before the last of them is gone.
std::string KillPostmaster(World& world) {
  const pid_t pid = world.postgres.primary().pid();
  const bool whole = world.Draw(2) == 0;
  if (whole) {
    world.postgres.primary().Kill();
  } else if (pid == 0 || kill(pid, SIGKILL) != 0) {
    return "";
  }
  world.Live(world.Between(absl::ZeroDuration(), absl::Seconds(1)));
  const bool up = testing::Eventually(
      [&] {
        world.Tick();
        return world.postgres.primary().Start().ok();
      },
      kServerPatience);
  if (!up) world.journal.Violation("world", "PostgreSQL did not start again");
  return whole ? "with all its backends" : "its backends outlive it for a moment";
}

std::string FreezePostmaster(World& world) {
  const pid_t pid = world.postgres.primary().pid();
  if (pid == 0 || kill(pid, SIGSTOP) != 0) return "";
  const absl::Duration length = world.Between(absl::Seconds(1), absl::Seconds(4));
  world.Later(length, [pid] { kill(pid, SIGCONT); });
  return absl::StrCat("no new sessions for ", absl::FormatDuration(length));
}

// One that follows: it may have lost its primary a moment ago.
bool AwaitStandby(World& world) {
  if (!world.postgres.has_standby()) (void)world.postgres.MakeStandby();
  return testing::Eventually(
      [&] {
        world.Tick();
        const auto follows =
            world.Ask("SELECT FROM pg_stat_replication r WHERE r.state = 'streaming'");
        return follows.ok() && !follows->empty();
      },
      kServerPatience);
}

std::string Failover(World& world) {
  if (!AwaitStandby(world)) return "";
  // Canaries read it: from here on rows may be lost.
  const std::string mark = absl::StrCat(world.directory, "/failover");
  const auto touch = [&] {
    std::ofstream(mark) << absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch());
  };
  touch();
  const Look before = world.observer.last();
  const absl::Duration withhold = world.Between(absl::Milliseconds(200), absl::Seconds(2));
  const absl::Status done = world.postgres.Failover(withhold);
  touch();
  if (absl::IsFailedPrecondition(done)) return "";
  if (!done.ok()) {
    world.journal.Violation("world", absl::StrCat("failover: ", done.ToString()));
    return "";
  }
  world.Later(world.Between(absl::Seconds(2), absl::Seconds(4)), [&world] {
    if (const absl::Status made = world.postgres.MakeStandby(); !made.ok()) {
      world.journal.Note(absl::StrCat("no standby yet: ", made.ToString().substr(0, 200)));
      world.Later(absl::Seconds(3), [&world] { (void)world.postgres.MakeStandby(); });
    }
  });
  return absl::StrCat("promoted, the log of the last ", absl::FormatDuration(withhold),
                      " withheld; applied was ", before.applied);
}

}  // namespace

std::vector<Fault> ServerFaults() {
  return {
      {"kill_backend", "kill -9 of the backend of a migration: the server recovers", KillBackend,
       true},
      {"end_backend", "pg_terminate_backend of the backend of a migration", EndBackend},
      {"freeze_backend", "the backend of a migration stops, goes on", FreezeBackend, true},
      {"kill_postmaster", "kill -9 of the postmaster, alone or with all backends", KillPostmaster,
       true},
      {"freeze_postmaster", "the postmaster stops, goes on", FreezePostmaster, true},
      {"failover", "the standby is promoted without the last commits", Failover, true},
  };
}

}  // namespace lockstep::chaos
