// The network between processes: silence in one direction, resets, slowness, a cut in a COMMIT.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "tests/chaos/faults/fault.h"
#include "tests/support/eventually.h"

namespace lockstep::chaos {
namespace {

struct Wire {
  Link* link = nullptr;
  pid_t peer = 0;  // Only what this process sends and gets.
  std::string name;
};

// Between lockstep's processes, or between one of them and the database.
Wire SomeWire(World& world) {
  auto& coordinators = world.processes.coordinators();
  switch (world.Draw(4)) {
    case 0: {
      Coordinator* const leader = world.Leader();
      Coordinator* const one = leader != nullptr ? leader : world.Pick(coordinators).get();
      return {one->wire, 0, absl::StrCat("coordinator ", one->name, " and the database")};
    }
    case 1: {
      const Holder holder = world.AwaitHolder();
      if (holder.instance == nullptr || holder.instance->wire == nullptr) return {};
      return {holder.instance->wire, 0,
              absl::StrCat("migrator ", holder.instance->who(), " and the database")};
    }
    case 2: {
      Coordinator* const leader = world.Leader();
      Coordinator* const one = leader != nullptr ? leader : world.Pick(coordinators).get();
      return {one->front, 0, absl::StrCat("all clients and coordinator ", one->name)};
    }
    default: {
      const Holder holder = world.AwaitHolder(true);
      Coordinator* const leader = world.Leader();
      if (holder.instance == nullptr || !holder.instance->running() || leader == nullptr) return {};
      return {leader->front, holder.instance->process->pid(),
              absl::StrCat("agent ", holder.instance->who(), " and coordinator ", leader->name)};
    }
  }
}

std::string Blackhole(World& world) {
  const Wire wire = SomeWire(world);
  if (wire.link == nullptr || wire.link->connections() == 0) return "";
  const Side side = world.Draw(2) == 0 ? Side::kClient : Side::kServer;
  const absl::Duration length = world.Between(absl::Seconds(1), absl::Seconds(5));
  if (wire.link->Hold(side, length, wire.peer) == 0) return "";
  // It ends as packet loss does, or as a firewall that has forgotten the connections.
  const bool forgotten = world.Draw(2) == 0;
  world.Later(length, [wire, forgotten] {
    if (forgotten) wire.link->Reset(wire.peer);
  });
  return absl::StrCat(wire.name, ": ", side == Side::kClient ? "requests" : "answers",
                      " stay away for ", absl::FormatDuration(length),
                      forgotten ? ", then resets" : "");
}

std::string Reset(World& world) {
  const Wire wire = SomeWire(world);
  if (wire.link == nullptr) return "";
  const int hit = wire.link->Reset(wire.peer);
  return hit == 0 ? "" : absl::StrCat(wire.name, ": ", hit, " connections");
}

std::string Slow(World& world) {
  const Wire wire = SomeWire(world);
  if (wire.link == nullptr || wire.link->connections() == 0) return "";
  const absl::Duration delay = world.Between(absl::Milliseconds(20), absl::Milliseconds(150));
  wire.link->Delay(delay);
  world.Later(absl::Seconds(3), [wire] { wire.link->Delay(absl::ZeroDuration()); });
  return absl::StrCat(wire.name, ": each byte takes ", absl::FormatDuration(delay), " for 3s");
}

// The next COMMIT of a migration, whoever sends it.
std::string CutCommit(World& world, bool deliver) {
  // With the end of the text, which tells it from READ COMMITTED.
  const std::string commit("COMMIT", sizeof("COMMIT"));
  std::vector<Instance*> migrators;
  std::vector<int> before;
  const absl::Duration linger =
      world.Draw(2) == 0 ? absl::ZeroDuration() : absl::Milliseconds(world.Draw(1500));
  for (auto& instance : world.processes.instances()) {
    if (instance->wire == nullptr) continue;
    migrators.push_back(instance.get());
    before.push_back(instance->wire->cuts());
    instance->wire->CutAt({.text = commit, .deliver = deliver, .linger = linger});
  }
  std::string victim;
  (void)testing::Eventually(
      [&] {
        world.Tick();
        for (size_t i = 0; i < migrators.size(); ++i) {
          if (migrators[i]->wire->cuts() > before[i]) victim = migrators[i]->who();
        }
        return !victim.empty();
      },
      absl::Seconds(5));
  for (Instance* const each : migrators) each->wire->CancelCut();
  if (victim.empty()) return "";
  return deliver ? absl::StrCat(victim, ": it arrives, its answer does not")
                 : absl::StrCat(victim, ": it never arrives; the server learns of it after ",
                                absl::FormatDuration(linger));
}

std::string LoseCommit(World& world) { return CutCommit(world, false); }
std::string LoseAnswer(World& world) { return CutCommit(world, true); }

}  // namespace

std::vector<Fault> NetworkFaults() {
  return {
      {"blackhole", "silence in one direction, then packets again or a reset", Blackhole},
      {"reset", "RST on all connections of a wire", Reset},
      {"slow", "a slow wire", Slow},
      {"lose_commit", "RST when a migration sends COMMIT, which never arrives", LoseCommit},
      {"lose_answer", "RST when the answer to a migration's COMMIT is under way", LoseAnswer},
  };
}

}  // namespace lockstep::chaos
