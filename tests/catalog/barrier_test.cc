// The barrier of a contract operation: whom it keeps out, whose it is, when it goes. And whose
// sessions are in the way of a contract.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

#include "absl/strings/str_cat.h"

#include "tests/catalog/barrier_fixture.h"

namespace lockstep::testing {
namespace {

using absl::StatusCode;
using coordinator::ContractFacts;
using coordinator::ContractRequest;
using coordinator::GateState;
using coordinator::OperationKind;
using coordinator::OperationState;
using ::testing::SizeIs;

TEST_F(BarrierTest, KeepsOutWhomItsContractConcernsAndNobodyElse) {
  const std::string id = Start(Asks("r"));
  const std::string before = lockstep_.Scalar("SELECT gate_seq FROM lockstep.chain");
  ASSERT_THAT(SetBarrier(id), IsOk());
  EXPECT_NE(lockstep_.Scalar("SELECT gate_seq FROM lockstep.chain"), before);
  const Verdict refused = lockstep_.Admit(lockstep_.Instance("old", 1));
  EXPECT_EQ(refused.reason, "draining");
  EXPECT_THAT(refused.detail, ::testing::HasSubstr("ann"));
  Live("new", /*adapted_to=*/2);
  EXPECT_EQ(
      lockstep_.Scalar("SELECT detail ->> 'by' FROM lockstep.event WHERE kind = 'barrier_set'"),
      "ann");
}

TEST_F(BarrierTest, WhoeverIsInStaysAndIsAdmittedAgain) {
  const Declaration old = Live("old");
  ASSERT_THAT(SetBarrier(Start(Asks("r"))), IsOk());
  EXPECT_EQ(lockstep_.Admit(old).state, GateState::kOpen);
  Close(old);
  EXPECT_EQ(lockstep_.Admit(old).reason, "draining");
}

TEST_F(BarrierTest, WaitsForAnAdmissionThatIsUnderWayAndLaterOnesQueueBehindIt) {
  const std::string id = Start(Asks("r"));
  const auto admitting = lockstep_.Connect();
  const auto setting = lockstep_.Connect();
  const auto queued = lockstep_.Connect();
  std::future<absl::Status> set;
  std::future<absl::StatusOr<Verdict>> second;
  ASSERT_THAT(admitting->InTransaction([&]() -> absl::Status {
    const auto open = admitting->Query(
        "SELECT verdict FROM lockstep.admit(gen_random_uuid(), 's', 'first', 1, 'b', true, 1, $1, "
        "NULL, 0, NULL, 'keep', 'coordinator', false, '')",
        {postgres::BytesParam(lockstep_.ChainHashAt(1))});
    set = Async([&] { return coordinator::SetBarrier(*setting, lockstep_.leader(), id); });
    EXPECT_TRUE(ComesToWait(lockstep_.db(), setting->backend_pid()));
    second = Async([&] { return coordinator::Admit(*queued, lockstep_.Instance("second", 1)); });
    EXPECT_TRUE(ComesToWait(lockstep_.db(), queued->backend_pid()));
    return open.status();
  }),
              IsOk());
  EXPECT_THAT(set.get(), IsOk());
  const auto verdict = second.get();
  ASSERT_THAT(verdict, IsOk());
  EXPECT_EQ(verdict->reason, "draining");
  EXPECT_EQ(Facts().concerned, 1);  // The first one is in.
}

TEST_F(BarrierTest, ThereIsOneAndItIsSetOnce) {
  const std::string id = Start(Asks("r"));
  ASSERT_THAT(SetBarrier(id), IsOk());
  EXPECT_THAT(SetBarrier(id), IsOk());
  EXPECT_EQ(Events("barrier_set"), "1");
  lockstep_.db().RunScript("UPDATE lockstep.chain SET barrier_operation = 'another'");
  EXPECT_THAT(SetBarrier(id), StatusIs(StatusCode::kAborted, "BUSY"));
}

TEST_F(BarrierTest, IsSetOnlyForAnOperationThatRuns) {
  const std::string id = Start(Asks("r"));
  ASSERT_THAT(coordinator::PauseOperation(lockstep_.admin(), lockstep_.leader(), id, true, "", ""),
              IsOk());
  EXPECT_THAT(SetBarrier(id), StatusIs(StatusCode::kAborted, "BUSY"));
  End(id, OperationState::kCancelled);
  EXPECT_THAT(SetBarrier(id), StatusIs(StatusCode::kAborted, "BUSY"));
  EXPECT_THAT(SetBarrier("op-none"), StatusIs(StatusCode::kAborted, "BUSY"));
  EXPECT_EQ(Barrier(), "0");
}

TEST_F(BarrierTest, GoesWithItsOperationHoweverThatEnds) {
  for (const OperationState state : {OperationState::kFailed, OperationState::kCancelled}) {
    const std::string id = Start(Asks(absl::StrCat(static_cast<int>(state))));
    ASSERT_THAT(SetBarrier(id), IsOk());
    EXPECT_EQ(Barrier(), "2");
    End(id, state);
    EXPECT_EQ(Barrier(), "0");
    Live(absl::StrCat("i", static_cast<int>(state)));
  }
  EXPECT_EQ(Events("barrier_lifted"), "2");
}

TEST_F(BarrierTest, WhoLiftedItAndWhyIsKept) {
  const auto lifted = [&](const std::string& what) {
    return lockstep_.Scalar(absl::StrCat("SELECT detail ->> '", what,
                                         "' FROM lockstep.event WHERE kind = 'barrier_lifted' "
                                         "ORDER BY revision DESC LIMIT 1"));
  };
  const std::string id = Start(Asks("r"));
  ASSERT_THAT(SetBarrier(id), IsOk());
  ASSERT_THAT(coordinator::CancelOperation(lockstep_.admin(), lockstep_.leader(), id, "bob",
                                           "rolling back"),
              IsOk());
  EXPECT_EQ(Barrier(), "2");  // Not before its operation has ended: a run of it may be out.
  End(id, OperationState::kCancelled);
  EXPECT_EQ(lifted("by"), "bob");
  EXPECT_EQ(lifted("reason"), "rolling back");
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.audit WHERE action = 'barrier_lifted' "
                             "AND actor = 'bob' AND reason = 'rolling back' AND version = 2"),
            "1");
  // What ends it by itself is nobody's decision.
  ASSERT_THAT(coordinator::RetryOperation(lockstep_.admin(), lockstep_.leader(), id, "ann", ""),
              IsOk());
  ASSERT_THAT(SetBarrier(id), IsOk());
  ASSERT_THAT(
      coordinator::EndContract(lockstep_.admin(), lockstep_.leader(), id, OperationState::kFailed,
                               coordinator::RunError{.message = "too late"}),
      IsOkAndHolds(true));
  EXPECT_EQ(lifted("by"), "lockstep");
  EXPECT_EQ(lifted("reason"), "too late");
}

// There is no barrier without an operation that goes on, so cancelling that one is all it takes to
// be rid of it: whatever is asked for in whatever order.
TEST_F(BarrierTest, AtNoTimeIsItThereWithoutItsOperation) {
  std::mt19937 random(1);
  const auto dice = [&](int sides) {
    return static_cast<int>(random() % static_cast<unsigned>(sides));
  };
  postgres::Connection& admin = lockstep_.admin();
  const LeaderToken& leader = lockstep_.leader();
  std::string id;
  int stood = 0;
  for (int step = 0; step < 400; ++step) {
    const int move = dice(9);
    if (id.empty() || move == 0) {
      const auto started =
          coordinator::StartContractOperation(admin, leader, Asks(absl::StrCat("r", step)));
      if (started.ok()) id = *started;
    } else if (move == 1) {
      (void)coordinator::PauseOperation(admin, leader, id, dice(2) == 0, "ann", "");
    } else if (move == 2) {
      (void)coordinator::CancelOperation(admin, leader, id, "ann", "");
    } else if (move == 3) {
      const auto state = dice(2) == 0 ? OperationState::kCancelled : OperationState::kFailed;
      (void)coordinator::EndContract(admin, leader, id, state, {});
    } else if (move == 4) {
      (void)coordinator::RetryOperation(admin, leader, id, "ann", "");
    } else if (move == 5) {
      (void)coordinator::NoteQuiet(admin, leader, id, dice(2) == 0, "");
    } else {
      (void)coordinator::SetBarrier(admin, leader, id);
    }
    stood += Barrier() == "2";
    ASSERT_EQ(
        lockstep_.Scalar(
            "SELECT count(*) FROM lockstep.chain c WHERE c.barrier IS NOT NULL AND NOT EXISTS "
            "(SELECT FROM lockstep.operation o WHERE o.operation_id = c.barrier_operation "
            "AND o.target = c.barrier AND o.state IN ('running', 'paused', 'cancelling'))"),
        "0")
        << "step " << step << ", move " << move;
  }
  EXPECT_GT(stood, 40);
  EXPECT_LT(stood, 360);
  (void)coordinator::CancelOperation(admin, leader, id, "ann", "");
  (void)coordinator::EndContract(admin, leader, id, OperationState::kCancelled, {});
  EXPECT_EQ(Barrier(), "0");
}

TEST_F(BarrierTest, AnotherOperationsEndDoesNotLiftIt) {
  ASSERT_THAT(SetBarrier(Start(Asks("r"))), IsOk());
  const auto upgrade = coordinator::StartOperation(lockstep_.admin(), lockstep_.leader(),
                                                   {.request_id = "u", .target = 1});
  ASSERT_THAT(upgrade, IsOk());
  ASSERT_THAT(coordinator::EndOperation(lockstep_.admin(), lockstep_.leader(), *upgrade,
                                        OperationState::kSucceeded, {}),
              IsOkAndHolds(true));
  EXPECT_EQ(Barrier(), "2");
}

TEST_F(BarrierTest, ItsContractLiftsItAndTheEndOfTheOperationHasNothingToLift) {
  const std::string id = Start(Asks("r"));
  ASSERT_THAT(SetBarrier(id), IsOk());
  lockstep_.Run(2, 2);
  EXPECT_EQ(Barrier(), "0");
  // The next contract's barrier is not taken for it.
  lockstep_.db().RunScript("UPDATE lockstep.chain SET barrier = 3, barrier_operation = 'other'");
  End(id, OperationState::kSucceeded);
  EXPECT_EQ(Barrier(), "3");
  EXPECT_EQ(Events("barrier_lifted"), "0");
}

TEST_F(BarrierTest, ContractsAndUpgradesEachHaveTheirOwnSlot) {
  const std::string contract = Start(Asks("c"));
  EXPECT_THAT(
      coordinator::StartContractOperation(lockstep_.admin(), lockstep_.leader(), Asks("c2", 3)),
      StatusIs(StatusCode::kAborted, "OPERATION_IN_PROGRESS"));
  const auto upgrade = coordinator::StartOperation(lockstep_.admin(), lockstep_.leader(),
                                                   {.request_id = "u", .target = 1});
  ASSERT_THAT(upgrade, IsOk());
  const auto active = [&](OperationKind kind) {
    return coordinator::ReadActiveOperation(lockstep_.admin(), kind)->value().operation_id;
  };
  EXPECT_EQ(active(OperationKind::kContract), contract);
  EXPECT_EQ(active(OperationKind::kUpgrade), *upgrade);
}

TEST_F(BarrierTest, TheSameRequestStartsItOnceAndAnotherOneIsRefused) {
  const std::string id = Start(Asks("r"));
  EXPECT_EQ(Start(Asks("r")), id);
  ContractRequest other = Asks("r");
  other.soak = absl::Minutes(1);
  EXPECT_THAT(coordinator::StartContractOperation(lockstep_.admin(), lockstep_.leader(), other),
              StatusIs(StatusCode::kAlreadyExists, "REQUEST_ID_REUSED"));
  const auto row = coordinator::ReadOperation(lockstep_.admin(), id);
  ASSERT_THAT(row, IsOk());
  EXPECT_EQ(row->kind, OperationKind::kContract);
  EXPECT_TRUE(row->when_drained);
  EXPECT_GT(row->deadline_left.value_or(absl::ZeroDuration()), absl::Minutes(50));
}

TEST_F(BarrierTest, ARetryWaitsAsLongAgainAndSoaksAnew) {
  const std::string id = Start(Asks("r"));
  ASSERT_THAT(
      coordinator::NoteQuiet(lockstep_.admin(), lockstep_.leader(), id, true, "nobody is left"),
      IsOk());
  lockstep_.db().RunScript("UPDATE lockstep.operation SET deadline = clock_timestamp()");
  End(id, OperationState::kFailed);
  ASSERT_THAT(coordinator::RetryOperation(lockstep_.admin(), lockstep_.leader(), id, "ann", ""),
              IsOk());
  const auto row = coordinator::ReadOperation(lockstep_.admin(), id);
  ASSERT_THAT(row, IsOk());
  EXPECT_GT(row->deadline_left.value_or(absl::ZeroDuration()), absl::Minutes(50));
  EXPECT_FALSE(row->quiet_for.has_value());
}

TEST_F(BarrierTest, QuietIsNotedOnceEachTimeItBegins) {
  const std::string id = Start(Asks("r"));
  const auto note = [&](bool quiet) {
    return coordinator::NoteQuiet(lockstep_.admin(), lockstep_.leader(), id, quiet, "why");
  };
  ASSERT_THAT(note(true), IsOk());
  ASSERT_THAT(note(true), IsOk());
  EXPECT_EQ(Events("contract_drained"), "1");
  EXPECT_TRUE(coordinator::ReadOperation(lockstep_.admin(), id)->quiet_for.has_value());
  ASSERT_THAT(note(false), IsOk());
  EXPECT_EQ(Events("contract_disturbed"), "1");
  EXPECT_FALSE(coordinator::ReadOperation(lockstep_.admin(), id)->quiet_for.has_value());
}

TEST_F(BarrierTest, GroupsTellWhoCountsAndWhoHasLeft) {
  Live("one");
  const Declaration two = Live("two");
  Live("adapted", /*adapted_to=*/2);
  Close(two);
  const ContractFacts facts = Facts();
  EXPECT_EQ(facts.concerned, 1);
  EXPECT_EQ(facts.counting, 2);
  ASSERT_THAT(facts.groups, SizeIs(1));
  EXPECT_EQ(facts.groups[0].service, "service");
  EXPECT_EQ(facts.groups[0].live, 1);
  EXPECT_EQ(facts.groups[0].gone, 1);
  EXPECT_TRUE(facts.groups[0].oldest.has_value());
}

TEST_F(BarrierTest, APinnedBuildHoldsItUpAndIsToldFirst) {
  Live("one");
  lockstep_.db().RunScript(
      "INSERT INTO lockstep.pin (pin_id, service, build, built_for, needs, adapted_to, expires_at, "
      "actor, reason) VALUES ('pin-1', 'shop', 'old', 1, 1, 0, now() + interval '1 day', 'ann', "
      "'perhaps back')");
  const ContractFacts facts = Facts();
  EXPECT_EQ(facts.concerned, 2);
  ASSERT_THAT(facts.groups, SizeIs(2));
  EXPECT_EQ(facts.groups[0].service, "shop");
  EXPECT_EQ(facts.groups[0].pins, 1);
  EXPECT_EQ(facts.groups[0].live, 0);
}

TEST_F(BarrierTest, AContractWhoseTurnHasNotComeSaysWhy) {
  lockstep_.Publish({{}, {.phase = "contract"}});
  EXPECT_EQ(Facts(5).not_next, "version 4 has not run");
  EXPECT_EQ(Facts(2).not_next, "");
  EXPECT_FALSE(Facts(99).published);
  EXPECT_FALSE(Facts(1).is_contract);
}

}  // namespace
}  // namespace lockstep::testing
