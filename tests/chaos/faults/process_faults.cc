// Lockstep's own processes, and the pooler: killed, or stopped for longer than their leases live.
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "tests/chaos/faults/fault.h"

namespace lockstep::chaos {
namespace {

// A leader lives 9 s without renewal, a session and a lease 30 s; before --time-scale.
constexpr absl::Duration kLeaderGone = absl::Seconds(15);
constexpr absl::Duration kHolderGone = absl::Seconds(35);

Coordinator* SomeCoordinator(World& world) {
  if (Coordinator* const leader = world.Leader(); leader != nullptr && world.Draw(3) != 0) {
    return leader->frozen ? nullptr : leader;
  }
  Coordinator* const any = world.Pick(world.processes.coordinators()).get();
  return any->running() && !any->frozen ? any : nullptr;
}

std::string KillCoordinator(World& world) {
  Coordinator* const victim = SomeCoordinator(world);
  if (victim == nullptr) return "";
  const bool leads = victim == world.Leader();
  victim->Kill(world.Between(absl::Milliseconds(100), absl::Seconds(2)));
  return absl::StrCat(victim->name, leads ? ", which led" : "");
}

std::string FreezeCoordinator(World& world) {
  Coordinator* const victim = SomeCoordinator(world);
  if (victim == nullptr) return "";
  const bool leads = victim == world.Leader();
  const absl::Duration length =
      world.Between(kLeaderGone, kLeaderGone * 2) / world.options.time_scale;
  victim->Freeze();
  world.Later(length, [victim] { victim->Thaw(); });
  return absl::StrCat(victim->name, leads ? ", which led" : "", ", for ",
                      absl::FormatDuration(length));
}

std::string KillAgent(World& world) {
  const Holder holder = world.AwaitHolder();
  if (holder.instance == nullptr || holder.instance->frozen) return "";
  absl::SleepFor(world.Between(absl::ZeroDuration(), absl::Milliseconds(100)));
  // The whole container, or the agent alone: the service lives on and must keep counting.
  const bool container = world.Draw(2) == 0;
  const absl::Duration pause = world.Between(absl::Milliseconds(200), absl::Seconds(4));
  holder.instance->Kill(pause, container);
  return absl::StrCat(holder.instance->who(), " in a migration",
                      container ? "" : ", its service lives on");
}

// A service that dies without a goodbye and does not come back for longer than its session lives.
std::string LoseInstance(World& world) {
  std::vector<Instance*> alive;
  for (auto& instance : world.processes.instances()) {
    if (instance->running() && !instance->frozen && instance->stops)
      alive.push_back(instance.get());
  }
  if (alive.empty()) return "";
  Instance* const victim = world.Pick(alive);
  victim->Kill(world.Between(kHolderGone * 1.5, kHolderGone * 2) / world.options.time_scale);
  return victim->who();
}

std::string FreezeAgent(World& world) {
  const Holder holder = world.AwaitHolder();
  if (holder.instance == nullptr || holder.instance->frozen) return "";
  Instance* const victim = holder.instance;
  const absl::Duration length =
      world.Between(kHolderGone, kHolderGone * 1.5) / world.options.time_scale;
  victim->Freeze();
  world.Later(length, [victim] { victim->Thaw(); });
  return absl::StrCat(victim->who(), " in a migration, for ", absl::FormatDuration(length));
}

std::string FreezeService(World& world) {
  Instance* const victim = world.Pick(world.processes.instances()).get();
  if (!victim->running() || victim->frozen || victim->draining) return "";
  const absl::Duration length =
      world.Between(kHolderGone, kHolderGone * 1.5) / world.options.time_scale;
  victim->Freeze();
  world.Later(length, [victim] { victim->Thaw(); });
  return absl::StrCat(victim->who(), " for ", absl::FormatDuration(length));
}

std::string KillPooler(World& world) {
  if (!world.processes.pooler().running()) return "";
  world.processes.KillPooler(world.Between(absl::Milliseconds(100), absl::Seconds(1)));
  return "with all connections through it";
}

}  // namespace

std::vector<Fault> ProcessFaults() {
  return {
      {"kill_coordinator", "kill -9 of a coordinator, mostly the leader", KillCoordinator},
      {"freeze_coordinator", "a coordinator stops beyond its lease, goes on", FreezeCoordinator},
      {"kill_agent", "kill -9 of the agent in a migration", KillAgent},
      {"freeze_agent", "the agent in a migration stops beyond its lease, goes on", FreezeAgent},
      {"freeze_service", "any service with its agent stops beyond its session's life",
       FreezeService},
      {"lose_instance", "a `stop` service dies without a goodbye", LoseInstance},
      {"kill_pooler", "kill -9 of the pooler before one coordinator", KillPooler},
  };
}

}  // namespace lockstep::chaos
