// A leader that took over when PostgreSQL had lost commits: the row of an instance that serves may
// be gone, so a contract must wait until it had the time to register again. Built twice: with the
// coordinator as it is, and with no_settle.cc in the place of its settle.cc, where the contract is
// granted at once.
#include <gtest/gtest.h>

#include "coordinator/lease/settle.h"
#include "coordinator/operation/driver.h"
#include "coordinator/store/chain_store.h"
#include "coordinator/store/leader_store.h"
#include "coordinator/store/operation_store.h"
#include "engine/base/ids.h"
#include "tests/coordinator/core_fixture.h"
#include "tests/support/matchers.h"
#include "tests/support/sim_clock.h"

namespace lockstep::testing {
namespace {

#ifdef LOCKSTEP_NO_SETTLE
constexpr bool kMutated = true;
#else
constexpr bool kMutated = false;
#endif

class SettleAttackTest : public ::testing::Test {
 protected:
  SettleAttackTest() : pool_(PoolOn(lockstep_.db())) {
    lockstep_.Publish({{}, {.phase = "contract"}});
    lockstep_.Run(1, 1);
    fleet_.AddLocal(link_, {.session_id = base::NewUuid(),
                            .service = "migrator",
                            .instance = "one",
                            .can_migrate = true});
  }

  // A takeover that finds that commits were lost, as far as a coordinator remembers.
  void TakeOverAfterALoss() {
    const auto before = coordinator::ReadChain(lockstep_.admin());
    ASSERT_THAT(before, IsOk());
    ASSERT_THAT(coordinator::ResignLeadership(lockstep_.admin(), lockstep_.leader()), IsOk());
    const std::string holder = base::NewUuid();
    const auto row = coordinator::AcquireLeadership(lockstep_.admin(), holder, "x", absl::Hours(1),
                                                    {}, before->incarnation);
    ASSERT_THAT(row, IsOk());
    ASSERT_EQ(row->token.holder, holder);
    leader_ = row->token;
    const auto chain = coordinator::ReadChain(lockstep_.admin());
    ASSERT_THAT(chain, IsOk());
    ASSERT_GT(chain->incarnation, before->incarnation);
    settle_.Begin({}, !chain->settled);
  }
  // Whether the contract is offered to the migrator now.
  bool IsGranted() {
    for (int i = 0; i < 5; ++i) {
      (void)driver_.Step();
      if (const auto offer = link_->TakeOffer(); offer.has_value()) return offer->first == 2;
    }
    return false;
  }

  LockstepDatabase lockstep_;
  SimClock clock_;
  const coordinator::Durations durations_;
  coordinator::Database pool_;
  LeaderToken leader_;
  std::shared_ptr<FakeLink> link_ = std::make_shared<FakeLink>();
  coordinator::Settle settle_{{.clock = &clock_, .durations = durations_}};
  coordinator::Fleet fleet_{
      {.database = &pool_, .clock = &clock_, .durations = durations_, .leadership = [this] {
         return leader_;
       }}};
  coordinator::Lessor lessor_{{.database = &pool_, .clock = &clock_, .durations = durations_}};
  coordinator::Driver driver_{{.database = &pool_,
                               .fleet = &fleet_,
                               .lessor = &lessor_,
                               .settle = &settle_,
                               .clock = &clock_,
                               .durations = durations_,
                               .leadership = [this] { return leader_; }}};
};

TEST_F(SettleAttackTest, AContractWaitsForInstancesWhoseRowsMayBeLost) {
  ASSERT_NO_FATAL_FAILURE(TakeOverAfterALoss());
  ASSERT_THAT(coordinator::StartOperation(lockstep_.admin(), leader_,
                                          {.request_id = base::NewUuid(),
                                           .target = 2,
                                           .contracts = true,
                                           .run_contracts = true,
                                           .actor = "ann"}),
              IsOk());
  if (kMutated) {
    EXPECT_TRUE(IsGranted());
    return;
  }
  EXPECT_FALSE(IsGranted());
  clock_.Advance(durations_.session_ttl + durations_.admission_validity - absl::Seconds(1));
  EXPECT_FALSE(IsGranted());
  clock_.Advance(absl::Seconds(2));
  EXPECT_TRUE(IsGranted());
}

}  // namespace
}  // namespace lockstep::testing
