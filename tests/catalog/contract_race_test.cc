// An instance that registers while a contract drops what it uses, at every distance of the two: either
// it is refused, or the drop waits. Never both, and whoever was let in can still read the table.
//
// LOCKSTEP_RACES says how often (the promise is kept for 1,000: LOCKSTEP_RACES=1000 takes a minute),
// LOCKSTEP_TEST_SEED chooses the distances; a failure names the race.
#include <atomic>
#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

#include "coordinator/store/contract_store.h"
#include "coordinator/store/operation_store.h"
#include "coordinator/store/session_store.h"
#include "tests/catalog/lockstep_database.h"
#include "tests/support/invariant_checks.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using coordinator::GateState;
using ::testing::IsEmpty;

int NumberOf(const char* variable, int otherwise) {
  int number = 0;
  const char* const given = std::getenv(variable);
  return given != nullptr && absl::SimpleAtoi(given, &number) ? number : otherwise;
}

// How far the two are apart: around where neither has the advantage, which each race moves a bit
// towards whoever lost it.
class Distance {
 public:
  explicit Distance(uint32_t seed) : random_(seed) {}
  // How much later than the contract the instance comes; negative: earlier.
  absl::Duration Next() {
    std::uniform_int_distribution<int> jitter(-800, 800);
    return absl::Microseconds(bias_ + jitter(random_));
  }
  void InstanceWon(bool won) { bias_ += won ? 150 : -150; }
  bool Flip() { return random_() % 2 == 0; }

 private:
  std::mt19937 random_;
  int bias_ = 0;
};

class ContractRaceTest : public ::testing::Test {
 protected:
  ContractRaceTest()
      : races_(NumberOf("LOCKSTEP_RACES", 120)),
        distance_(static_cast<uint32_t>(NumberOf("LOCKSTEP_TEST_SEED", 20'261'123))) {
    std::vector<Spec> chain(races_ + 1, Spec{.phase = "contract"});
    chain.front() = {};
    lockstep_.Publish(chain);
    lockstep_.Run(1, 1);
    admitting_ = lockstep_.Connect();
    granting_ = lockstep_.Connect();
    agent_ = lockstep_.Session();
  }

  // What `contract` is about, made anew for each.
  static std::string TableOf(Version contract) { return absl::StrCat("victim_", contract); }

  // An instance that has adapted to every contract but this one and later ones.
  Declaration InstanceBefore(Version contract, int race) {
    Declaration instance = lockstep_.Instance(absl::StrCat("pod-", race), 1);
    instance.adapted_to = contract - 1;
    return instance;
  }

  // Grants, drops, commits. False when the gate is closed.
  bool Drop(Version contract) {
    const auto token =
        coordinator::GrantRun(*granting_, lockstep_.leader(), epoch_,
                              {.first = contract,
                               .last = contract,
                               .session = lockstep_.leader().holder,
                               .holder = "service@migrator",
                               .operation = "op-race",
                               .ttl = absl::Minutes(5)});
    if (!token.ok()) {
      EXPECT_THAT(token, StatusIs(absl::StatusCode::kFailedPrecondition, "GATE_CLOSED"));
      return false;
    }
    epoch_ = token->epoch;
    // From the grant on nobody whom it concerns is let in: open finds the gate as the grant did.
    EXPECT_THAT(Open(*agent_, *token, contract), IsOk());
    EXPECT_THAT(agent_->Execute(absl::StrCat("DROP TABLE ", TableOf(contract))), IsOk());
    EXPECT_THAT(lockstep_.Close(*agent_, *token, contract), IsOk());
    EXPECT_THAT(agent_->Execute("COMMIT"), IsOk());
    return true;
  }

  // Sets the barrier of an operation for it, as one that waits does before its grant.
  std::string SetBarrier(Version contract, int race) {
    const auto id = coordinator::StartContractOperation(
        *granting_, lockstep_.leader(),
        {.request_id = absl::StrCat("race-", race),
         .version = contract,
         .when_drained = true,
         .deadline = absl::Hours(1)});
    EXPECT_THAT(id, IsOk());
    EXPECT_THAT(coordinator::SetBarrier(*granting_, lockstep_.leader(), id.value_or("")), IsOk());
    return id.value_or("");
  }

  const int races_;
  Distance distance_;
  LockstepDatabase lockstep_;
  std::unique_ptr<postgres::Connection> admitting_;
  std::unique_ptr<postgres::Connection> granting_;
  std::unique_ptr<ScriptSession> agent_;
  int64_t epoch_ = 0;
};

TEST_F(ContractRaceTest, EitherTheInstanceIsRefusedOrTheDropWaits) {
  int refused = 0;
  int waited = 0;
  int draining = 0;
  Version contract = 2;
  epoch_ = lockstep_.lease_epoch();
  lockstep_.db().RunScript(absl::StrCat("CREATE TABLE ", TableOf(contract), " ()"));
  for (int race = 0; race < races_; ++race) {
    const Declaration instance = InstanceBefore(contract, race);
    const absl::Duration apart = distance_.Next();
    const bool behind_barrier = distance_.Flip();
    std::atomic<bool> ready = false;
    std::atomic<int64_t> start = 0;
    // Nearer together than any sleep could bring them.
    const auto wait_until = [&start](absl::Duration after) {
      while (start == 0 || absl::GetCurrentTimeNanos() < start + absl::ToInt64Nanoseconds(after)) {
      }
    };
    auto admission = Async([&] {
      ready = true;
      wait_until(std::max(apart, absl::ZeroDuration()));
      return coordinator::Admit(*admitting_, instance);
    });
    while (!ready) {
    }
    start = absl::GetCurrentTimeNanos();
    wait_until(std::max(-apart, absl::ZeroDuration()));
    const std::string operation = behind_barrier ? SetBarrier(contract, race) : "";
    const bool dropped = Drop(contract);
    const auto verdict = admission.get();
    ASSERT_THAT(verdict, IsOk()) << "race " << race;

    const bool open = verdict->state == GateState::kOpen;
    EXPECT_NE(open, dropped) << "race " << race << ": " << verdict->reason << ", "
                             << absl::FormatDuration(apart) << " apart";
    if (open) {
      ++waited;
      EXPECT_THAT(admitting_->Query(absl::StrCat("SELECT FROM ", TableOf(contract))), IsOk());
    } else {
      ++refused;
      draining += verdict->reason == "draining" ? 1 : 0;
      EXPECT_TRUE(verdict->reason == "too_old" || verdict->reason == "draining")
          << verdict->reason;
    }
    distance_.InstanceWon(open);
    ASSERT_THAT(coordinator::MoveSession(lockstep_.admin(), lockstep_.leader(),
                                         instance.session_id, "closed"),
                IsOk());
    if (behind_barrier) {
      ASSERT_THAT(
          coordinator::EndContract(lockstep_.admin(), lockstep_.leader(), operation,
                                   dropped ? coordinator::OperationState::kSucceeded
                                           : coordinator::OperationState::kCancelled,
                                   {}),
          IsOk());
    }
    if (!dropped) continue;
    ++contract;
    lockstep_.db().RunScript(absl::StrCat("CREATE TABLE ", TableOf(contract), " ()"));
  }
  EXPECT_GE(refused, races_ / 10);
  EXPECT_GE(waited, races_ / 10);
  // Few races may miss the moment between the barrier and the grant.
  if (races_ >= 500) {
    EXPECT_GE(draining, 1);
  }
  RecordProperty("refused", refused);
  RecordProperty("waited", waited);
  RecordProperty("draining", draining);
  EXPECT_THAT(CheckNothingIsLeft(lockstep_.admin()), IsEmpty());
}

}  // namespace
}  // namespace lockstep::testing
