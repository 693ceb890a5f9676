#include "tests/chaos/suite.h"

#include <algorithm>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "engine/base/status_macros.h"
#include "tests/chaos/checks.h"
#include "tests/chaos/evidence.h"
#include "tests/support/eventually.h"

namespace lockstep::chaos {
namespace {

constexpr int kFirstVersions = 3;
constexpr int kLoadThreads = 2;
constexpr absl::Duration kSetUpPatience = absl::Seconds(180);
// While faults go on nothing may be pending for longer; afterwards all of it runs in this time.
constexpr absl::Duration kStuck = absl::Seconds(180);
constexpr absl::Duration kHealing = absl::Seconds(300);
constexpr absl::Duration kRestPatience = absl::Seconds(60);

std::vector<Fault> Arm(const Options& options) {
  std::vector<Fault> armed;
  for (const Fault& fault : Faults()) {
    if (!options.faults.empty() && !absl::c_linear_search(options.faults, fault.kind)) continue;
    if (absl::c_linear_search(options.without, fault.kind)) continue;
    if (!options.indexes && std::string(fault.kind) == "orphan_index") continue;
    armed.push_back(fault);
  }
  return armed;
}

}  // namespace

Suite::Suite(const Options& options, const std::string& directory, Journal* journal)
    : options_(options),
      directory_(directory),
      journal_(journal),
      armed_(Arm(options)),
      postgres_(&proxy_, directory),
      chain_(directory, {.seed = options.seed, .indexes = options.indexes}),
      processes_(&proxy_, &postgres_, &chain_, journal, directory, options),
      observer_wire_(postgres_.NewClientLink("observer")),
      load_wire_(postgres_.NewClientLink("load")),
      observer_(PostgresPair::ConninfoOf(*observer_wire_, "postgres"), journal),
      world_(options, directory, journal, &postgres_, &processes_, &observer_),
      load_(PostgresPair::ConninfoOf(*load_wire_, kAppRole), journal),
      workload_({.addresses = processes_.addresses(),
                 .log = directory + "/lockstep.log",
                 .seed = options.seed},
                &chain_, &observer_, journal) {}

absl::Status Suite::Run() {
  RETURN_IF_ERROR(Build());
  Break();
  Heal();
  Judge();
  return absl::OkStatus();
}

absl::Status Suite::AwaitSchema() {
  const bool there = testing::Eventually(
      [this] {
        processes_.Tick();
        const auto result = world_.Ask("SELECT to_regclass('lockstep.event') IS NOT NULL");
        return result.ok() && result->only().Bool(0);
      },
      kSetUpPatience);
  if (there) return absl::OkStatus();
  return absl::DeadlineExceededError("no coordinator made schema lockstep: see a.log");
}

absl::Status Suite::Build() {
  RETURN_IF_ERROR(postgres_.Start());
  RETURN_IF_ERROR(processes_.MakeRoles());
  processes_.StartPooler();
  processes_.StartCoordinators();
  RETURN_IF_ERROR(AwaitSchema());
  RETURN_IF_ERROR(processes_.GrantRights());
  ASSIGN_OR_RETURN(auto session, world_.Session());
  RETURN_IF_ERROR(session->RunScript(kWitness));
  RETURN_IF_ERROR(postgres_.MakeStandby());
  chain_.Grow(kFirstVersions);
  processes_.StartInstances();
  observer_.Start();
  workload_.Start();
  const bool begun = testing::Eventually(
      [this] {
        world_.Tick();
        return observer_.last().applied >= kFirstVersions;
      },
      kSetUpPatience);
  if (!begun) return absl::DeadlineExceededError("nothing is applied: see lockstep.log");
  load_.Start(kLoadThreads);
  journal_->Note(absl::StrCat("the world is up: ", armed_.size(), " kinds of faults, ",
                              options_.agents, " instances, seed ", options_.seed));
  return absl::OkStatus();
}

void Suite::Break() {
  const absl::Time end = absl::Now() + options_.duration;
  std::vector<size_t> order;
  while (absl::Now() < end) {
    if (order.empty()) {
      for (size_t i = 0; i < armed_.size(); ++i) order.push_back(i);
      for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[world_.Draw(i)]);
    }
    if (!armed_.empty()) HitOne(armed_[order.back()]);
    if (!order.empty()) order.pop_back();
    RollSome();
    WatchServer();
    WatchProgress();
    world_.Live(world_.Between(absl::Milliseconds(300), absl::Seconds(2)));
  }
  // A kind that found nobody to hit gets its chance while everything else is in order.
  for (const Fault& fault : armed_) {
    for (int i = 0; i < 3 && journal_->faults()[fault.kind] == 0; ++i) {
      HitOne(fault);
      world_.Settle();
    }
  }
}

void Suite::HitOne(const Fault& fault) {
  if (fault.alone) world_.Settle();
  const std::string hit = fault.hit(world_);
  if (hit == kTold) return;
  if (hit.empty()) {
    journal_->Count(absl::StrCat("no target for ", fault.kind));
    return;
  }
  journal_->Fault(fault.kind, hit);
}

// Services are deployed all the time, one instance after the other.
void Suite::RollSome() {
  if (world_.Draw(2) != 0) return;
  Instance& instance = *world_.Pick(processes_.instances());
  if (instance.build.version < chain_.head()) processes_.Roll(instance);
}

void Suite::WatchServer() {
  if (postgres_.primary().running()) return;
  journal_->Count("servers that gave up");
  journal_->Note("PostgreSQL went down by itself and is started again");
  (void)postgres_.primary().Start();
}

void Suite::WatchProgress() {
  if (observer_.stuck_for() < kStuck || told_stuck_) return;
  told_stuck_ = true;
  const Look look = observer_.last();
  journal_->Violation(
      "L1", absl::StrCat("nothing was applied for ", absl::FormatDuration(observer_.stuck_for()),
                         " at ", look.applied, " of ", look.head, ", lease ", look.lease_state, " ",
                         look.holder));
}

bool Suite::AwaitEverythingApplied() {
  const absl::Time deadline = absl::Now() + kHealing;
  size_t rolled = 0;
  while (absl::Now() < deadline) {
    // Contracts wait until every build is adapted to them.
    auto& instances = processes_.instances();
    Instance& next = *instances[rolled++ % instances.size()];
    if (next.build.version < chain_.head()) processes_.Roll(next);
    world_.Live(absl::Milliseconds(200));
    WatchServer();
    const auto left = world_.Ask(
        absl::StrCat("SELECT ", chain_.head(), " - (SELECT count(*) FROM lockstep.history)"));
    if (left.ok() && left->only().Long(0) == 0) return true;
  }
  return false;
}

void Suite::Heal() {
  workload_.StopGrowing();
  journal_->Note("no more faults: everything heals");
  world_.Settle(/*now=*/true);
  processes_.ThawAll();
  if (!AwaitEverythingApplied()) {
    journal_->Violation("L1", "not every version was applied after the faults had ended");
  }
  workload_.Stop();
  load_.Stop();
  if (!processes_.DrainInstances()) journal_->Note("instances had to be killed");
}

void Suite::Judge() {
  observer_.Stop();
  processes_.StopAll();
  // What a backend leaves it takes a moment to leave.
  const bool quiet = testing::Eventually(
      [this] {
        const auto left =
            world_.Ask("SELECT count(*) FROM pg_stat_activity WHERE usename LIKE 'chaos\\_%'");
        return left.ok() && left->only().Long(0) == 0;
      },
      kRestPatience);
  if (!quiet) journal_->Violation("rest", "sessions of lockstep's processes are left");
  if (const absl::Status checked = observer_.CheckAtRest(); !checked.ok()) {
    journal_->Violation("rest", checked.ToString());
  }
  ReadCanaries(directory_, journal_);
  ReadLogs(directory_, postgres_.logs(), journal_);
}

}  // namespace lockstep::chaos
