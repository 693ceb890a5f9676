// A coordinator without its wire: PostgreSQL, elector, fleet, lessor, driver and operations are
// real, the streams of agents are FakeLinks.
#ifndef LOCKSTEP_TESTS_COORDINATOR_COORDINATOR_TEST_H_
#define LOCKSTEP_TESTS_COORDINATOR_COORDINATOR_TEST_H_

#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "coordinator/operation/operations.h"
#include "engine/base/ids.h"
#include "engine/base/worker_pool.h"
#include "tests/coordinator/core_fixture.h"
#include "tests/support/matchers.h"

namespace lockstep::coordinator {

using testing::Eventually;
using testing::FakeLink;
using testing::IsOk;
using testing::LockstepDatabase;

class CoordinatorTest : public ::testing::Test {
 protected:
  explicit CoordinatorTest(const std::vector<testing::Spec>& specs = {})
      : pool_(testing::PoolOn(lockstep_.db(), 10)) {
    lockstep_.Publish(specs);
    EXPECT_THAT(ResignLeadership(lockstep_.admin(), lockstep_.leader()), IsOk());
    const auto leadership = [this] { return elector_->leadership(); };
    elector_ = std::make_unique<Elector>(ElectorOptions{
        .connection = {.conninfo = lockstep_.db().conninfo()}, .durations = durations_});
    fleet_ = std::make_unique<Fleet>(FleetOptions{.database = &pool_,
                                                  .workers = &workers_,
                                                  .durations = durations_,
                                                  .leadership = leadership});
    lessor_ = std::make_unique<Lessor>(LessorOptions{.database = &pool_, .durations = durations_});
    driver_ = std::make_unique<Driver>(DriverOptions{.database = &pool_,
                                                     .fleet = fleet_.get(),
                                                     .lessor = lessor_.get(),
                                                     .durations = durations_,
                                                     .leadership = leadership});
    operations_ = std::make_unique<Operations>(OperationsOptions{.database = &pool_,
                                                                 .elector = elector_.get(),
                                                                 .fleet = fleet_.get(),
                                                                 .lessor = lessor_.get(),
                                                                 .driver = driver_.get(),
                                                                 .durations = durations_});
    elector_->Start();
    EXPECT_TRUE(Eventually([&] { return elector_->leadership().has_value(); }));
    driver_->Start();
  }
  ~CoordinatorTest() override {
    driver_->Stop();
    elector_->Stop();
    workers_.Stop();
  }

  struct Agent {
    Declaration declaration;
    std::shared_ptr<FakeLink> link = std::make_shared<FakeLink>();
  };
  Agent Connect(const std::string& name, Version built_for, bool can_migrate) {
    Agent agent{lockstep_.Instance(name, built_for)};
    agent.declaration.can_migrate = can_migrate;
    EXPECT_THAT(fleet_->Register(agent.link, agent.declaration, false), IsOk());
    driver_->Wake();
    return agent;
  }
  std::string Upgrade(bool contracts = false) {
    const auto view = operations_->StartUpgrade(
        {.request_id = base::NewUuid(), .contracts = contracts, .actor = "ann"}, "");
    EXPECT_THAT(view, IsOk());
    return view.ok() ? view->row.operation_id : "";
  }
  // The next offer that the agent gets; the test fails without one.
  LeaseOffer Offer(const Agent& agent) {
    std::optional<LeaseOffer> offer;
    EXPECT_TRUE(Eventually([&] { return (offer = agent.link->TakeOffer()).has_value(); }));
    return offer.value_or(LeaseOffer{});
  }
  // Applies an offered run and reports it.
  void Apply(const Agent& agent, const LeaseOffer& offer) {
    const auto session = lockstep_.Session();
    for (Version v = offer.first; v <= offer.last; ++v) {
      ASSERT_THAT(lockstep_.ApplyOnly(*session, offer.token, v), IsOk());
      ASSERT_THAT(session->Execute("COMMIT"), IsOk());
    }
    EXPECT_THAT(operations_->CompleteRun(agent.declaration.session_id, offer.token,
                                         RunOutcome::kSucceeded, offer.last, {}),
                IsOk());
  }
  bool ComesToBe(const std::string& operation, OperationState state) {
    return Eventually([&] {
      const auto view = operations_->Get(operation);
      return view.ok() && view->row.state == state;
    });
  }

  LockstepDatabase lockstep_;
  // Leases and leadership outlive a loaded machine; what a test waits for comes soon.
  Durations durations_{.leader_retry = absl::Milliseconds(100),
                       .lease_ttl = absl::Minutes(5),
                       .lease_reconnect = absl::Milliseconds(200),
                       .poll = absl::Milliseconds(100),
                       .lock_pause = absl::Milliseconds(250),
                       .retry_base = absl::Milliseconds(50)};
  Database pool_;
  base::WorkerPool workers_{{.threads = 2, .queue = 64}};
  std::unique_ptr<Elector> elector_;
  std::unique_ptr<Fleet> fleet_;
  std::unique_ptr<Lessor> lessor_;
  std::unique_ptr<Driver> driver_;
  std::unique_ptr<Operations> operations_;
};

}  // namespace lockstep::coordinator

#endif  // LOCKSTEP_TESTS_COORDINATOR_COORDINATOR_TEST_H_
