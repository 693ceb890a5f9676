// A contract operation and its barrier, by the functions that the leader calls.
#ifndef LOCKSTEP_TESTS_CATALOG_BARRIER_FIXTURE_H_
#define LOCKSTEP_TESTS_CATALOG_BARRIER_FIXTURE_H_

#include <gtest/gtest.h>
#include <string>

#include "absl/strings/str_cat.h"

#include "coordinator/store/contract_store.h"
#include "coordinator/store/operation_store.h"
#include "coordinator/store/session_store.h"
#include "tests/catalog/lockstep_database.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {

class BarrierTest : public ::testing::Test {
 protected:
  // Expand 1 has run, contracts 2 and 3 wait.
  BarrierTest() {
    lockstep_.Publish(
        {{}, {.phase = "contract", .touches = {{"users.email"}}}, {.phase = "contract"}});
    lockstep_.Run(1, 1);
  }

  coordinator::ContractRequest Asks(const std::string& request, Version version = 2) {
    return {.request_id = request,
            .version = version,
            .when_drained = true,
            .deadline = absl::Hours(1),
            .actor = "ann",
            .reason = "release 42"};
  }
  std::string Start(const coordinator::ContractRequest& request) {
    const auto id =
        coordinator::StartContractOperation(lockstep_.admin(), lockstep_.leader(), request);
    EXPECT_THAT(id, IsOk());
    return id.ok() ? *id : "";
  }
  absl::Status SetBarrier(const std::string& operation) {
    return coordinator::SetBarrier(lockstep_.admin(), lockstep_.leader(), operation);
  }
  void End(const std::string& operation, coordinator::OperationState state) {
    EXPECT_THAT(
        coordinator::EndContract(lockstep_.admin(), lockstep_.leader(), operation, state, {}),
        IsOkAndHolds(true));
  }
  Declaration Live(const std::string& name, Version adapted_to = 0) {
    Declaration instance = lockstep_.Instance(name, 1);
    instance.adapted_to = adapted_to;
    EXPECT_EQ(lockstep_.Admit(instance).state, coordinator::GateState::kOpen);
    return instance;
  }
  void Close(const Declaration& instance) {
    EXPECT_THAT(coordinator::MoveSession(lockstep_.admin(), lockstep_.leader(), instance.session_id,
                                         "closed"),
                IsOkAndHolds(true));
  }
  std::string Barrier() {
    return lockstep_.Scalar("SELECT coalesce(barrier, 0) FROM lockstep.chain");
  }
  std::string Events(const std::string& kind) {
    return lockstep_.Scalar(
        absl::StrCat("SELECT count(*) FROM lockstep.event WHERE kind = '", kind, "'"));
  }
  coordinator::ContractFacts Facts(Version version = 2) {
    const auto facts =
        coordinator::ReadContractFacts(lockstep_.admin(), version, absl::UnixEpoch());
    EXPECT_THAT(facts, IsOk());
    return facts.ok() ? *facts : coordinator::ContractFacts{};
  }

  LockstepDatabase lockstep_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_CATALOG_BARRIER_FIXTURE_H_
