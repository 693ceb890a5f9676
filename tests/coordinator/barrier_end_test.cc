// A barrier keeps people's services from starting, so it has to be lifted at once when somebody
// says so (`lockstep operations cancel`), and at its deadline: whatever else is under way, and
// whatever state the contract is in. All of them are tried here.
#include <functional>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "coordinator/operation/contract_flow.h"
#include "coordinator/operation/decision.h"

namespace lockstep::coordinator {
namespace {

using Kind = Decision::Kind;

constexpr absl::Duration kNow = absl::Hours(1);
constexpr char kUpgrade[] = "op-u";
constexpr char kContract[] = "op-c";
constexpr char kGone[] = "op-x";  // An operation that has ended.
constexpr Version kVersion = 3;   // Of the contract.

// One of many, with its name for a test that fails.
template <typename Value>
struct Named {
  std::string name;
  Value value;
};

std::vector<Named<LeaseRow>> Leases() {
  std::vector<Named<LeaseRow>> leases = {{"idle", {}}};
  for (const char* owner : {kUpgrade, kContract, kGone}) {
    for (const Version version : {Version{1}, kVersion}) {
      for (const bool transactional : {true, false}) {
        const LeaseRow held{.token = {.epoch = 2},
                            .held = true,
                            .transactional = transactional,
                            .operation = owner,
                            .first = version,
                            .last = version};
        const std::string name = absl::StrCat(owner, " v", version, transactional ? "" : " alone");
        leases.push_back({absl::StrCat("held by ", name), held});
        if (transactional) continue;
        LeaseRow revoking = held;
        revoking.held = false;
        revoking.revoking = true;
        leases.push_back({absl::StrCat("revoking of ", name), revoking});
      }
    }
  }
  return leases;
}

std::vector<Named<std::optional<OperationRow>>> Upgrades() {
  std::vector<Named<std::optional<OperationRow>>> upgrades = {{"no upgrade", std::nullopt}};
  for (const auto& [name, state] : {std::pair("running", OperationState::kRunning),
                                    std::pair("paused", OperationState::kPaused),
                                    std::pair("cancelling", OperationState::kCancelling)}) {
    for (const absl::Duration delay : {absl::ZeroDuration(), absl::Hours(1)}) {
      upgrades.push_back({absl::StrCat("upgrade ", name, " delayed ", absl::FormatDuration(delay)),
                          OperationRow{.operation_id = kUpgrade,
                                       .state = state,
                                       .target = kVersion,
                                       .contracts = true,
                                       .delay = delay}});
    }
  }
  return upgrades;
}

std::vector<Named<ContractFacts>> Facts() {
  std::vector<Named<ContractFacts>> all;
  for (const char* barrier : {kContract, kGone, ""}) {
    for (const int concerned : {0, 1}) {
      for (const char* client : {"", "undeclared", "leftover"}) {
        for (const char* not_next : {"", "version 2 has not run"}) {
          ContractFacts facts{.version = kVersion,
                              .published = true,
                              .is_contract = true,
                              .not_next = not_next,
                              .concerned = concerned};
          if (barrier[0] != '\0') {
            facts.barrier = BarrierRow{.version = kVersion, .operation = barrier};
          }
          if (client[0] != '\0') {
            facts.clients.push_back({.leftover = client[0] == 'l', .role = "bi"});
          }
          all.push_back({absl::StrCat("barrier of ", barrier, ", concerned ", concerned,
                                      ", client ", client, ", ", not_next),
                         facts});
        }
      }
    }
  }
  return all;
}

std::vector<Named<std::vector<Member>>> Fleets() {
  Member agent;
  agent.declaration.session_id = "a";
  agent.declaration.can_migrate = true;
  agent.connected = true;
  Member unfit = agent;
  unfit.unfit_for = kContract;
  return {{"nobody", {}}, {"an agent", {agent}}, {"an unfit agent", {unfit}}};
}

// Every state in which a contract operation can be that waits.
void ForEach(const OperationRow& contract,
             const std::function<void(const std::string&, const DriverView&,
                                      const std::vector<Member>&)>& body) {
  for (const auto& [lease_name, lease] : Leases()) {
    for (const bool half_done : {false, true}) {
      if (half_done && !lease.revoking) continue;
      for (const auto& [upgrade_name, upgrade] : Upgrades()) {
        for (const auto& [facts_name, facts] : Facts()) {
          for (const auto& [fleet_name, fleet] : Fleets()) {
            for (const char* settling : {"", "a new leader waits"}) {
              DriverView view;
              view.chain = {.head = kVersion, .never_served = false};
              view.lease = lease;
              view.half_done = half_done;
              view.operation = upgrade;
              view.contract = ContractView{.operation = contract, .facts = facts};
              view.pending = {
                  {.version = 1, .phase = sql::Phase::kExpand},
                  {.version = kVersion, .phase = sql::Phase::kContract, .operation = kContract}};
              view.settling = settling;
              view.settle_left = absl::Seconds(7);
              body(absl::StrCat(lease_name, half_done ? " half done" : "", "; ", upgrade_name, "; ",
                                facts_name, "; ", fleet_name, "; ", settling),
                   view, fleet);
            }
          }
        }
      }
    }
  }
}

OperationRow Contract(OperationState state) {
  return {.operation_id = kContract,
          .kind = OperationKind::kContract,
          .state = state,
          .target = kVersion,
          .when_drained = true,
          .deadline = absl::UnixEpoch(),
          .deadline_left = absl::Hours(1),
          .soak = absl::Hours(1)};
}

bool EndsContract(const Decision& decision) {
  return decision.kind == Kind::kEnd && decision.operation == kContract;
}

// What a move does to what is read next; a statement that is not wanted any more is ended.
void Apply(const Decision& decision, DriverView& view) {
  switch (decision.kind) {
    case Kind::kRevoke:
    case Kind::kTakeBack:
      view.lease.held = false;
      view.lease.revoking = !view.lease.transactional;
      if (!view.lease.revoking) view.lease = {};
      return;
    case Kind::kSettle:
      if (decision.force) view.half_done = true;
      return;
    case Kind::kEnd:
      view.operation.reset();
      return;
    default:
      return;
  }
}

// Each way to the end: taking back a run of its own, ending a statement of it, and the end itself.
// Nothing else that takes time comes before it.
TEST(BarrierEnd, CancellingLiftsItInEveryState) {
  int states = 0;
  ForEach(Contract(OperationState::kCancelling),
          [&](const std::string& name, DriverView view, const std::vector<Member>& fleet) {
            ++states;
            std::vector<Kind> moves;
            Decision decision;
            for (int i = 0; i < 4 && !EndsContract(decision); ++i) {
              decision = Decide(view, fleet, /*lease_overdue=*/false, kNow);
              moves.push_back(decision.kind);
              ASSERT_NE(decision.kind, Kind::kWait) << name;
              ASSERT_NE(decision.kind, Kind::kNothing) << name;
              ASSERT_NE(decision.kind, Kind::kGrant) << name;
              ASSERT_TRUE(decision.kind != Kind::kSettle || decision.force) << name;
              Apply(decision, view);
            }
            ASSERT_TRUE(EndsContract(decision)) << name << " after " << moves.size() << " moves";
            ASSERT_EQ(decision.state, OperationState::kCancelled) << name;
          });
  EXPECT_GT(states, 10'000);
}

// Unless its own run is out, which may commit, or which there is no way back from.
TEST(BarrierEnd, TheDeadlineLiftsItInEveryState) {
  int ended = 0;
  for (const OperationState state : {OperationState::kRunning, OperationState::kPaused}) {
    OperationRow contract = Contract(state);
    contract.deadline_left = -absl::Seconds(1);
    ForEach(contract, [&](const std::string& name, const DriverView& view,
                          const std::vector<Member>& fleet) {
      const bool out = view.lease.held || view.lease.revoking;
      if (out && (view.lease.operation == kContract || view.lease.last == kVersion)) return;
      ++ended;
      const Decision decision = Decide(view, fleet, /*lease_overdue=*/false, kNow);
      ASSERT_TRUE(EndsContract(decision)) << name << ": " << static_cast<int>(decision.kind);
      ASSERT_EQ(decision.state, OperationState::kFailed) << name;
      ASSERT_EQ(decision.error->reason, kReasonDeadline) << name;
    });
  }
  EXPECT_GT(ended, 10'000);
}

// Nor is the other one kept from its end.
TEST(BarrierEnd, ACancelledUpgradeEndsBesideAContractThatIsHalfDone) {
  DriverView view;
  view.chain = {.head = kVersion, .never_served = false};
  view.lease = {.token = {.epoch = 2},
                .revoking = true,
                .transactional = false,
                .operation = kContract,
                .first = kVersion,
                .last = kVersion};
  view.half_done = true;
  view.operation = OperationRow{
      .operation_id = kUpgrade, .state = OperationState::kCancelling, .target = kVersion};
  view.contract =
      ContractView{.operation = Contract(OperationState::kPaused),
                   .facts = {.version = kVersion, .published = true, .is_contract = true}};
  const Decision decision = Decide(view, {}, /*lease_overdue=*/false, kNow);
  EXPECT_EQ(decision.kind, Kind::kEnd);
  EXPECT_EQ(decision.operation, kUpgrade);
}

}  // namespace
}  // namespace lockstep::coordinator
