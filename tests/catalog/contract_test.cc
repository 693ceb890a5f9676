// The contract lane: contracts wait apart from the others, and run only when they concern nobody.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "coordinator/store/session_store.h"
#include "tests/catalog/lockstep_database.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using coordinator::Admit;
using coordinator::GateState;
using postgres::Param;

constexpr char kSetBarrier[] =
    "UPDATE lockstep.chain SET gate_seq = gate_seq + 1, barrier = $1, barrier_owner = 'ann', "
    "barrier_deadline = clock_timestamp() + interval '1 hour'";

const auto kGateClosed = StatusIs(absl::StatusCode::kFailedPrecondition, "GATE_CLOSED");
const auto kNotNext = StatusIs(absl::StatusCode::kFailedPrecondition, "NOT_NEXT");

class ContractTest : public ::testing::Test {
 protected:
  // Admits an instance that is adapted to `adapted_to`; its gate must open.
  Declaration Live(const std::string& name, Version built_for, Version adapted_to = 0) {
    Declaration instance = lockstep_.Instance(name, built_for);
    instance.adapted_to = adapted_to;
    EXPECT_EQ(lockstep_.Admit(instance).reason, "ready");
    return instance;
  }
  // As an init container asks for an instance.
  Declaration Reserve(const std::string& name, Version built_for) {
    Declaration instance = lockstep_.Instance(name, built_for);
    instance.reserve = absl::Hours(1);
    EXPECT_EQ(lockstep_.Admit(instance).state, GateState::kOpen);
    EXPECT_EQ(RowOf(instance, "state"), "starting");
    return instance;
  }
  void LetReservationsRunOut() {
    lockstep_.db().RunScript("UPDATE lockstep.session SET reserved_until = clock_timestamp()");
  }
  std::string RowOf(const Declaration& instance, const std::string& column) {
    return lockstep_.db().Scalar(
        absl::StrCat("SELECT ", column, " FROM lockstep.session WHERE session_id = $1"),
        {Param(instance.session_id)});
  }
  std::string Applied() { return lockstep_.Scalar("SELECT applied FROM lockstep.chain"); }

  LockstepDatabase lockstep_;
};

TEST_F(ContractTest, OneThatIsLeftWaitingDoesNotHoldUpLaterOnes) {
  lockstep_.Publish({{}, {.phase = "contract"}, {}, {}});
  lockstep_.Run(1, 1);
  lockstep_.Run(3, 4);
  EXPECT_EQ(Applied(), "4");
  lockstep_.Run(2, 2);  // Late, and applied does not go back.
  EXPECT_EQ(Applied(), "4");
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.history"), "4");
}

TEST_F(ContractTest, AppliedCoversEveryNonContractBelowIt) {
  lockstep_.Publish({{.phase = "contract"}, {}, {.phase = "contract"}, {}});
  lockstep_.Run(2, 2);
  EXPECT_EQ(Applied(), "2");
  EXPECT_THAT(lockstep_.TryGrant(2, 2), kNotNext);
  lockstep_.Run(3, 3);
  EXPECT_EQ(Applied(), "3");
  lockstep_.Run(1, 1);
  EXPECT_EQ(Applied(), "3");
  lockstep_.Run(4, 4);
  EXPECT_EQ(Applied(), "4");
}

TEST_F(ContractTest, ItsTurnComesAfterEveryEarlierNonContract) {
  lockstep_.Publish({{}, {}, {.phase = "contract"}});
  lockstep_.Run(1, 1);
  EXPECT_THAT(lockstep_.TryGrant(3, 3), kNotNext);
  lockstep_.Run(2, 2);
  EXPECT_THAT(lockstep_.TryGrant(3, 3), IsOk());
}

TEST_F(ContractTest, NobodyOvertakesWhatItWaitsFor) {
  lockstep_.Publish({{}, {.phase = "contract"}, {.waits_for = {2}}, {}});
  lockstep_.Run(1, 1);
  EXPECT_THAT(lockstep_.TryGrant(3, 3), kNotNext);
  EXPECT_THAT(lockstep_.TryGrant(4, 4), kNotNext);  // Behind 3.
  lockstep_.Run(2, 2);
  lockstep_.Run(3, 4);
  EXPECT_EQ(Applied(), "4");
}

TEST_F(ContractTest, InTheMiddleOfARunOpenChecksWhatItWaitsForToo) {
  lockstep_.Publish({{}, {.phase = "contract"}, {}, {.waits_for = {2}}});
  lockstep_.Run(1, 1);
  const LeaseToken token = lockstep_.Grant(3, 4);
  const auto agent = lockstep_.Session();
  ASSERT_THAT(lockstep_.ApplyOnly(*agent, token, 3), IsOk());
  ASSERT_THAT(agent->Execute("COMMIT"), IsOk());
  EXPECT_EQ(StateOf(Open(*agent, token, 4)), "LS004");
}

TEST_F(ContractTest, IsAlwaysARunOfItsOwn) {
  lockstep_.Publish({{}, {.phase = "contract"}, {}});
  EXPECT_THAT(lockstep_.TryGrant(1, 2), kGateClosed);
  EXPECT_THAT(lockstep_.TryGrant(1, 3), kGateClosed);
  lockstep_.Run(1, 1);
  EXPECT_THAT(lockstep_.TryGrant(2, 3), kGateClosed);
}

TEST_F(ContractTest, AConcernedLiveSessionClosesTheGate) {
  lockstep_.Publish({{}, {.phase = "contract"}});
  lockstep_.Run(1, 1);
  const Declaration old = Live("old", 1);
  EXPECT_THAT(lockstep_.TryGrant(2, 2), kGateClosed);
  EXPECT_EQ(lockstep_.Scalar("SELECT inflight IS NULL FROM lockstep.chain"), "t");
  ASSERT_THAT(
      coordinator::MoveSession(lockstep_.admin(), lockstep_.leader(), old.session_id, "closed"),
      IsOkAndHolds(true));
  EXPECT_THAT(lockstep_.TryGrant(2, 2), IsOk());
}

TEST_F(ContractTest, DrainingAndSuspectSessionsCountToo) {
  lockstep_.Publish({{}, {.phase = "contract"}});
  lockstep_.Run(1, 1);
  const Declaration old = Live("old", 1);
  for (const char* state : {"draining", "suspect"}) {
    ASSERT_THAT(
        coordinator::MoveSession(lockstep_.admin(), lockstep_.leader(), old.session_id, state),
        IsOkAndHolds(true));
    EXPECT_THAT(lockstep_.TryGrant(2, 2), kGateClosed) << state;
  }
}

TEST_F(ContractTest, AReservationClosesTheGateUntilItIsExpired) {
  lockstep_.Publish({{}, {.phase = "contract"}});
  lockstep_.Run(1, 1);
  const Declaration reserved = Reserve("pod", 1);
  EXPECT_THAT(lockstep_.TryGrant(2, 2), kGateClosed);

  // Its time is over, and nobody has expired it: it counts, but does not hold up a plan.
  LetReservationsRunOut();
  EXPECT_EQ(lockstep_.Scalar("SELECT lockstep.concerned_sessions(2)"), "1");
  EXPECT_EQ(lockstep_.Scalar("SELECT lockstep.concerned_sessions(2, true)"), "0");
  EXPECT_THAT(lockstep_.TryGrant(2, 2), IsOk());
  EXPECT_EQ(lockstep_.Scalar("SELECT state FROM lockstep.session"), "expired");
  // Too late: the contract is in flight.
  EXPECT_EQ(lockstep_.Admit(lockstep_.Instance("pod", 1)).reason, "too_old");
  EXPECT_EQ(lockstep_.Admit(reserved).reason, "too_old");
}

TEST_F(ContractTest, AnInstanceTakesOverFromItsReservation) {
  lockstep_.Publish({{}, {.phase = "contract"}});
  lockstep_.Run(1, 1);
  const Declaration reserved = Reserve("pod", 1);
  const Declaration other = Reserve("other-pod", 1);
  // Late, and not expired: it is let in, even while the fleet drains.
  LetReservationsRunOut();
  ASSERT_THAT(lockstep_.admin().Query(kSetBarrier, {Param(2)}), IsOk());
  EXPECT_EQ(lockstep_.Admit(lockstep_.Instance("stranger", 1)).reason, "draining");
  EXPECT_EQ(lockstep_.Admit(lockstep_.Instance("pod", 1)).state, GateState::kOpen);
  EXPECT_EQ(RowOf(reserved, "state"), "closed");
  EXPECT_EQ(RowOf(other, "state"), "starting");
  EXPECT_THAT(lockstep_.TryGrant(2, 2), kGateClosed);
}

TEST_F(ContractTest, AReservationIsForTheBuildThatMadeIt) {
  lockstep_.Publish({{}, {.phase = "contract"}});
  lockstep_.Run(1, 1);
  Declaration adapted = lockstep_.Instance("pod", 1);
  adapted.adapted_to = 2;
  adapted.reserve = absl::Hours(1);
  ASSERT_EQ(lockstep_.Admit(adapted).reason, "ready");
  ASSERT_THAT(lockstep_.admin().Query(kSetBarrier, {Param(2)}), IsOk());
  EXPECT_EQ(lockstep_.Admit(lockstep_.Instance("pod", 1)).reason, "draining");
}

TEST_F(ContractTest, AReservationThatIsAskedForAgainLastsFromThen) {
  lockstep_.Publish({{}, {.phase = "contract"}});
  lockstep_.Run(1, 1);
  const Declaration reserved = Reserve("pod", 1);
  LetReservationsRunOut();
  EXPECT_EQ(lockstep_.Admit(reserved).state, GateState::kOpen);
  EXPECT_EQ(RowOf(reserved, "state"), "starting");
  EXPECT_EQ(RowOf(reserved, "reserved_until > clock_timestamp()"), "t");
}

TEST_F(ContractTest, AnAdaptedSessionIsNotConcerned) {
  lockstep_.Publish({{}, {.phase = "contract"}});
  lockstep_.Run(1, 1);
  Live("new", 1, /*adapted_to=*/2);
  lockstep_.Run(2, 2);
  EXPECT_EQ(Applied(), "2");
}

TEST_F(ContractTest, ASessionWhoseUsesAreDisjointIsNotConcerned) {
  lockstep_.Publish({{}, {.phase = "contract", .touches = {{"users.email"}}}});
  lockstep_.Run(1, 1);
  Declaration reports = lockstep_.Instance("reports", 1);
  reports.uses = {"reports", "users.name"};
  ASSERT_EQ(lockstep_.Admit(reports).state, GateState::kOpen);
  Declaration nothing = lockstep_.Instance("nothing", 1);
  nothing.uses.emplace();
  ASSERT_EQ(lockstep_.Admit(nothing).state, GateState::kOpen);
  EXPECT_THAT(lockstep_.TryGrant(2, 2), IsOk());
}

TEST_F(ContractTest, ASessionThatUsesWhatItTouchesIsConcerned) {
  lockstep_.Publish({{}, {.phase = "contract", .touches = {{"users.email"}}}});
  lockstep_.Run(1, 1);
  Declaration mail = lockstep_.Instance("mail", 1);
  mail.uses = {"users.email"};
  ASSERT_EQ(lockstep_.Admit(mail).state, GateState::kOpen);
  EXPECT_THAT(lockstep_.TryGrant(2, 2), kGateClosed);
}

TEST_F(ContractTest, ATableAndItsColumnAreNotDisjoint) {
  const auto concerns = [&](const std::string& touches, const std::string& uses) {
    lockstep_.db().Query("UPDATE lockstep.migration SET touches = ARRAY[$1] WHERE version = 2",
                         {Param(touches)});
    return lockstep_.db().Scalar("SELECT lockstep.concerns(2, 0, ARRAY[$1])", {Param(uses)});
  };
  lockstep_.Publish({{}, {.phase = "contract"}});
  EXPECT_EQ(concerns("users.email", "users"), "t");  // The service uses the whole table.
  EXPECT_EQ(concerns("users", "users.email"), "t");  // The contract drops the whole table.
  EXPECT_EQ(concerns("users", "users_archive"), "f");
  EXPECT_EQ(concerns("users_archive.id", "users"), "f");
}

TEST_F(ContractTest, UnknownTouchesOrUndeclaredUsesConcern) {
  lockstep_.Publish({{}, {.phase = "contract"}});
  EXPECT_EQ(lockstep_.Scalar("SELECT lockstep.concerns(2, 0, ARRAY['other'])"), "t");
  EXPECT_EQ(lockstep_.Scalar("SELECT lockstep.concerns(2, 0, NULL)"), "t");
  EXPECT_EQ(lockstep_.Scalar("SELECT lockstep.concerns(2, NULL, NULL)"), "t");
  EXPECT_EQ(lockstep_.Scalar("SELECT lockstep.concerns(2, 2, NULL)"), "f");
}

TEST_F(ContractTest, OpenAssertsTheGateOnceMore) {
  lockstep_.Publish({{}, {.phase = "contract"}});
  lockstep_.Run(1, 1);
  const LeaseToken token = lockstep_.Grant(2, 2);
  // Slipped in by something that does not keep the rules.
  lockstep_.db().Query(
      "INSERT INTO lockstep.session (session_id, service, instance, nonce, build, built_for, "
      "needs, "
      "adapted_to, on_session_loss, state, verdict, reason, detail, hint, via, role, gate_seq) "
      "VALUES (gen_random_uuid(), 's', 'i', 1, 'b', 1, 1, 0, 'keep', 'live', 'OPEN', 'ready', '', "
      "'', 'direct', 'r', 1)");
  const auto agent = lockstep_.Session();
  EXPECT_EQ(StateOf(Open(*agent, token, 2)), "LS005");
}

TEST_F(ContractTest, AnInstanceThatTheOneInFlightConcernsIsRefused) {
  lockstep_.Publish({{}, {.phase = "contract"}});
  lockstep_.Run(1, 1);
  const LeaseToken token = lockstep_.Grant(2, 2);
  const Verdict verdict = lockstep_.Admit(lockstep_.Instance("late", 1));
  EXPECT_EQ(verdict.state, GateState::kRefused);
  EXPECT_EQ(verdict.reason, "too_old");
  const auto agent = lockstep_.Session();
  EXPECT_THAT(lockstep_.ApplyOnly(*agent, token, 2), IsOk());
  EXPECT_THAT(agent->Execute("COMMIT"), IsOk());
}

TEST_F(ContractTest, CloseLiftsItsOwnBarrierOnly) {
  lockstep_.Publish({{}, {.phase = "contract"}, {.phase = "contract"}});
  lockstep_.Run(1, 1);
  lockstep_.db().Query(kSetBarrier, {Param(Version{3})});
  lockstep_.Run(2, 2);
  EXPECT_EQ(lockstep_.Scalar("SELECT barrier FROM lockstep.chain"), "3");
  lockstep_.Run(3, 3);
  EXPECT_EQ(lockstep_.Scalar("SELECT barrier IS NULL FROM lockstep.chain"), "t");
}

TEST_F(ContractTest, AGrantWaitsForAnOpenAdmissionAndAdmissionsQueueBehindIt) {
  lockstep_.Publish({{}, {.phase = "contract"}});
  lockstep_.Run(1, 1);
  const auto admitting = lockstep_.Connect();
  const auto granting = lockstep_.Connect();
  const auto queued = lockstep_.Connect();
  std::future<absl::StatusOr<LeaseToken>> grant;
  std::future<absl::StatusOr<Verdict>> second;
  const int64_t seen = lockstep_.lease_epoch();
  ASSERT_THAT(admitting->InTransaction([&]() -> absl::Status {
    const auto open = admitting->Query(
        "SELECT verdict FROM lockstep.admit(gen_random_uuid(), 's', 'first', 1, 'b', true, 1, "
        "$1, NULL, 0, NULL, 'keep', 'coordinator', false, '')",
        {postgres::BytesParam(lockstep_.ChainHashAt(1))});
    EXPECT_THAT(open, IsOk());
    grant = Async([&] {
      return coordinator::GrantRun(*granting, lockstep_.leader(), seen,
                                   {.first = 2,
                                    .last = 2,
                                    .session = open.ok() ? lockstep_.leader().holder : "",
                                    .holder = "a@b",
                                    .operation = "op",
                                    .ttl = absl::Seconds(30)});
    });
    EXPECT_TRUE(ComesToWait(lockstep_.db(), granting->backend_pid()));
    second = Async([&] { return Admit(*queued, lockstep_.Instance("second", 1)); });
    // Fair: a grant does not starve behind a stream of admissions.
    EXPECT_TRUE(ComesToWait(lockstep_.db(), queued->backend_pid()));
    return open.status();
  }),
              IsOk());
  EXPECT_THAT(grant.get(), kGateClosed);  // It saw the one it waited for.
  const auto verdict = second.get();
  ASSERT_THAT(verdict, IsOk());
  EXPECT_EQ(verdict->state, GateState::kOpen);
}

TEST_F(ContractTest, AnAdmissionBehindAGrantSeesTheContractInFlight) {
  lockstep_.Publish({{}, {.phase = "contract"}});
  lockstep_.Run(1, 1);
  const auto granting = lockstep_.Connect();
  const auto queued = lockstep_.Connect();
  std::future<absl::StatusOr<Verdict>> admission;
  ASSERT_THAT(granting->InTransaction([&]() -> absl::Status {
    const auto granted = granting->Query(
        "SELECT epoch FROM lockstep.grant_run($1, $2, (SELECT epoch FROM lockstep.lease), 2, 2, "
        "gen_random_uuid(), 'a@b', 'op', '30 s')",
        {Param(lockstep_.leader().epoch), Param(lockstep_.leader().holder)});
    EXPECT_THAT(granted, IsOk());
    admission = Async([&] { return Admit(*queued, lockstep_.Instance("late", 1)); });
    EXPECT_TRUE(ComesToWait(lockstep_.db(), queued->backend_pid()));
    return absl::OkStatus();
  }),
              IsOk());
  const auto verdict = admission.get();
  ASSERT_THAT(verdict, IsOk());
  EXPECT_EQ(verdict->reason, "too_old");
}

}  // namespace
}  // namespace lockstep::testing
