// Overrides: a contract runs although it concerns somebody, and exactly those it was shown for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "coordinator/store/override_store.h"
#include "coordinator/store/pin_store.h"
#include "coordinator/store/session_store.h"
#include "tests/catalog/lockstep_database.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using ::testing::SizeIs;

const auto kGateClosed = StatusIs(absl::StatusCode::kFailedPrecondition, "GATE_CLOSED");
const auto kChanged = StatusIs(absl::StatusCode::kAborted, "ETAG_MISMATCH");

// Version 1 has run, contracts 2 and 3 wait and concern everybody.
class OverrideTest : public ::testing::Test {
 protected:
  OverrideTest() {
    lockstep_.Publish({{}, {.phase = "contract"}, {.phase = "contract"}});
    lockstep_.Run(1, 1);
  }
  Declaration Live(const std::string& name) {
    const Declaration instance = lockstep_.Instance(name, 1);
    EXPECT_EQ(lockstep_.Admit(instance).state, coordinator::GateState::kOpen);
    return instance;
  }
  void Pin(const std::string& build) {
    ASSERT_THAT(coordinator::PinBuild(lockstep_.admin(), lockstep_.leader(),
                                      {.service = "service",
                                       .build = build,
                                       .declared = lockstep_.Instance("", 1),
                                       .lasting = absl::Hours(1),
                                       .by = {.actor = "ann", .reason = "the way back"}}),
                IsOk());
  }
  coordinator::OverrideLook Look(Version contract = 2, absl::Duration lasting = absl::Hours(1)) {
    const auto look = coordinator::LookAtOverride(lockstep_.admin(), contract, lasting);
    EXPECT_THAT(look, IsOk());
    return look.value_or(coordinator::OverrideLook());
  }
  absl::StatusOr<std::string> Make(const std::string& token, Version contract = 2,
                                   absl::Duration lasting = absl::Hours(1)) {
    return coordinator::MakeOverride(lockstep_.admin(), lockstep_.leader(),
                                     {.contract = contract,
                                      .lasting = lasting,
                                      .token = token,
                                      .by = {.actor = "ann", .reason = "it is stuck"}});
  }
  std::string HowOf(Version version) {
    return lockstep_.Scalar(
        absl::StrCat("SELECT how FROM lockstep.history WHERE version = ", version));
  }

  LockstepDatabase lockstep_;
};

TEST_F(OverrideTest, LetsTheContractRunAndIsRecorded) {
  Live("pod");
  Pin("old");
  EXPECT_THAT(lockstep_.TryGrant(2, 2), kGateClosed);
  const auto look = Look();
  ASSERT_THAT(look.targets, SizeIs(2));
  EXPECT_EQ(look.targets[0].name, "service@old");
  EXPECT_EQ(look.targets[1].name, "service@build pod");
  ASSERT_THAT(Make(look.token), IsOk());
  lockstep_.Run(2, 2);
  EXPECT_EQ(HowOf(2), "override");
  EXPECT_EQ(lockstep_.Scalar("SELECT used_at IS NOT NULL FROM lockstep.override"), "t");
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.override_target WHERE broken"), "2");
  EXPECT_EQ(lockstep_.Scalar("SELECT end_rule FROM lockstep.pin"), "override");
  // The instance runs on, broken as it may be: other contracts wait for it.
  EXPECT_EQ(lockstep_.Scalar("SELECT state FROM lockstep.session"), "live");
  EXPECT_THAT(lockstep_.TryGrant(3, 3), kGateClosed);
}

TEST_F(OverrideTest, IsTellTaleUntilItIsUsedOrOver) {
  const auto active = [&] {
    const auto rows = coordinator::ReadActiveOverrides(lockstep_.admin());
    EXPECT_THAT(rows, IsOk());
    return rows.value_or(std::vector<coordinator::OverrideRow>());
  };
  Live("pod");
  ASSERT_THAT(Make(Look().token), IsOk());
  Pin("old");
  ASSERT_THAT(Make(Look(3).token, 3), IsOk());
  ASSERT_THAT(active(), SizeIs(2));
  EXPECT_EQ(active()[0].contract, 3);  // The one about more.
  EXPECT_EQ(active()[0].targets, 2);
  EXPECT_EQ(active()[1].targets, 1);
  EXPECT_EQ(active()[1].by.actor, "ann");
  EXPECT_EQ(active()[1].by.reason, "it is stuck");
  EXPECT_GT(active()[1].expires_at - active()[1].created_at, absl::Minutes(59));
  ASSERT_THAT(Make(Look().token), IsOk());  // Now also for the pin.
  lockstep_.Run(2, 2);
  ASSERT_THAT(active(), SizeIs(1));
  EXPECT_EQ(active()[0].contract, 3);
  lockstep_.db().RunScript("UPDATE lockstep.override SET expires_at = clock_timestamp()");
  EXPECT_THAT(active(), ::testing::IsEmpty());
}

TEST_F(OverrideTest, IsOfExactlyThoseThatWereShown) {
  Live("pod");
  ASSERT_THAT(Make(Look().token), IsOk());
  Live("late");
  EXPECT_THAT(lockstep_.TryGrant(2, 2), kGateClosed);
}

TEST_F(OverrideTest, IsNotMadeWhenTheListChangedSinceTheLook) {
  const Declaration first = Live("first");
  const std::string token = Look().token;
  Live("second");
  EXPECT_THAT(Make(token), kChanged);
  const std::string both = Look().token;
  ASSERT_THAT(
      coordinator::MoveSession(lockstep_.admin(), lockstep_.leader(), first.session_id, "closed"),
      IsOkAndHolds(true));
  EXPECT_THAT(Make(both), kChanged);
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.override"), "0");
}

TEST_F(OverrideTest, TokenIsOfTheContractAndOfHowLong) {
  Live("pod");
  const std::string token = Look().token;
  EXPECT_THAT(Make(token, 3), kChanged);
  EXPECT_THAT(Make(token, 2, absl::Hours(2)), kChanged);
  EXPECT_THAT(Make(""), kChanged);
  EXPECT_EQ(Look().token, token);
  EXPECT_THAT(Make(token), IsOk());
}

TEST_F(OverrideTest, IsOfOneContract) {
  Live("pod");
  ASSERT_THAT(Make(Look().token), IsOk());
  EXPECT_THAT(lockstep_.TryGrant(3, 3), kGateClosed);
}

TEST_F(OverrideTest, WhoseTimeIsOverLetsNobodyBeBroken) {
  Live("pod");
  ASSERT_THAT(Make(Look().token), IsOk());
  const LeaseToken token = lockstep_.Grant(2, 2);
  lockstep_.db().RunScript("UPDATE lockstep.override SET expires_at = clock_timestamp()");
  // Granted in time, begun too late: the migration's own transaction asks again.
  const auto agent = lockstep_.Session();
  EXPECT_EQ(StateOf(Open(*agent, token, 2)), "LS005");
}

TEST_F(OverrideTest, IsUsedOnce) {
  Live("pod");
  ASSERT_THAT(Make(Look().token), IsOk());
  lockstep_.Run(2, 2);
  EXPECT_EQ(lockstep_.Scalar("SELECT lockstep.concerned_sessions(2)"), "1");
}

TEST_F(OverrideTest, ThatNobodyNeededLeavesAnOrdinaryHistory) {
  const Declaration pod = Live("pod");
  ASSERT_THAT(Make(Look().token), IsOk());
  ASSERT_THAT(
      coordinator::MoveSession(lockstep_.admin(), lockstep_.leader(), pod.session_id, "closed"),
      IsOkAndHolds(true));
  lockstep_.Run(2, 2);
  EXPECT_EQ(HowOf(2), "run");
  EXPECT_EQ(lockstep_.Scalar("SELECT used_at IS NULL FROM lockstep.override"), "t");
}

// Its instance is yet to start, and must not be let in as one that was admitted before.
TEST_F(OverrideTest, EndsTheReservationsItNamesAtTheGrant) {
  Declaration reserved = lockstep_.Instance("pod", 1);
  reserved.reserve = absl::Hours(1);
  ASSERT_EQ(lockstep_.Admit(reserved).state, coordinator::GateState::kOpen);
  ASSERT_THAT(Make(Look().token), IsOk());
  lockstep_.Grant(2, 2);
  EXPECT_EQ(lockstep_.Scalar("SELECT end_rule FROM lockstep.session"), "override");
  EXPECT_EQ(lockstep_.Admit(lockstep_.Instance("pod", 1)).reason, "too_old");
}

TEST_F(OverrideTest, NeedsAContractThatWaitsAndSomebodyItConcerns) {
  EXPECT_THAT(Look().targets, SizeIs(0));
  EXPECT_THAT(Make(Look().token),
              StatusIs(absl::StatusCode::kFailedPrecondition, "NOTHING_TO_OVERRIDE"));
  const auto not_waiting = StatusIs(absl::StatusCode::kFailedPrecondition, "NOT_WAITING");
  for (Version version : {1, 4}) {
    EXPECT_THAT(coordinator::LookAtOverride(lockstep_.admin(), version, absl::Hours(1)).status(),
                not_waiting);
    EXPECT_THAT(Make("", version), not_waiting);
  }
}

// I14, also for whoever writes to the table.
TEST_F(OverrideTest, NamesActorReasonScopeAndExpiry) {
  for (const char* row : {"('o', 2, '', 'why', clock_timestamp())", "('o', 2, 'ann', '', now())",
                          "('o', 2, 'ann', 'why', NULL)", "('o', NULL, 'ann', 'why', now())",
                          "('o', 99, 'ann', 'why', now())"}) {
    EXPECT_FALSE(lockstep_.admin()
                     .Query(absl::StrCat("INSERT INTO lockstep.override (override_id, contract, "
                                         "actor, reason, expires_at) VALUES ",
                                         row))
                     .ok())
        << row;
  }
}

}  // namespace
}  // namespace lockstep::testing
