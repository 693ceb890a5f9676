// The table of verdicts, a test a row, and what a registration leaves behind.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "coordinator/store/operation_store.h"
#include "coordinator/store/session_store.h"
#include "engine/base/digest.h"
#include "engine/base/ids.h"
#include "tests/catalog/lockstep_database.h"
#include "tests/support/eventually.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using coordinator::GateState;
using ::testing::HasSubstr;

class GateTest : public ::testing::Test {
 protected:
  // "OPEN ready" and the like, after checking that asking without registering says the same.
  std::string VerdictOn(const Declaration& declaration) {
    const auto asked = coordinator::AskGate(lockstep_.admin(), declaration);
    EXPECT_THAT(asked, IsOk());
    const Verdict verdict = lockstep_.Admit(declaration);
    EXPECT_EQ(asked->reason, verdict.reason);
    EXPECT_EQ(asked->detail, verdict.detail);
    detail_ = verdict.detail;
    hint_ = verdict.hint;
    const char* state = verdict.state == GateState::kOpen   ? "OPEN "
                        : verdict.state == GateState::kWait ? "WAIT "
                                                            : "REFUSED ";
    return state + verdict.reason;
  }
  std::string RowOf(const Declaration& declaration, const std::string& column) {
    return lockstep_.db().Scalar(
        absl::StrCat("SELECT ", column, "::text FROM lockstep.session WHERE session_id = $1"),
        {postgres::Param(declaration.session_id)});
  }
  std::string StartUpgrade(Version target) {
    const auto id = coordinator::StartOperation(
        lockstep_.admin(), lockstep_.leader(),
        {.request_id = base::NewUuid(), .target = target, .actor = "ann"});
    EXPECT_THAT(id, IsOk());
    return *id;
  }

  LockstepDatabase lockstep_;
  std::string detail_;
  std::string hint_;
};

TEST_F(GateTest, WithoutAServiceFileItIsNotConfigured) {
  Declaration instance = lockstep_.Instance("i", 0);
  instance.configured = false;
  EXPECT_EQ(VerdictOn(instance), "REFUSED not_configured");
  EXPECT_THAT(hint_, HasSubstr("--service-file"));
}

TEST_F(GateTest, ABuildOfAnotherChainIsDiverged) {
  lockstep_.Publish({{}, {}});
  Declaration instance = lockstep_.Instance("i", 2);
  instance.chain_hash = base::Sha256Of("another");
  EXPECT_EQ(VerdictOn(instance), "REFUSED diverged");
  EXPECT_THAT(detail_, HasSubstr("version 2"));
}

TEST_F(GateTest, ABuildThatADoneContractConcernsIsTooOld) {
  lockstep_.Publish({{}, {.phase = "contract"}});
  lockstep_.Run(1, 1);
  lockstep_.Run(2, 2);
  EXPECT_EQ(VerdictOn(lockstep_.Instance("i", 1)), "REFUSED too_old");
  EXPECT_THAT(detail_, HasSubstr("contract 2 (title_2) ran at "));
  EXPECT_THAT(hint_, HasSubstr("adapted_to: 2"));
}

TEST_F(GateTest, ABuildThatABarrieredContractConcernsDrains) {
  lockstep_.Publish({{}, {.phase = "contract"}});
  lockstep_.Run(1, 1);
  lockstep_.db().Query(
      "UPDATE lockstep.chain SET barrier = 2, barrier_owner = 'ann', "
      "barrier_deadline = '2030-01-02 03:04:05+00'");
  EXPECT_EQ(VerdictOn(lockstep_.Instance("i", 1)), "REFUSED draining");
  EXPECT_THAT(detail_, HasSubstr("ann"));
  EXPECT_THAT(detail_, HasSubstr("2030-01-02"));
  Declaration adapted = lockstep_.Instance("adapted", 1);
  adapted.adapted_to = 2;
  EXPECT_EQ(VerdictOn(adapted), "OPEN ready");
}

TEST_F(GateTest, ABuildForAVersionThatIsNotPublishedWaits) {
  lockstep_.Publish({{}});
  lockstep_.Run(1, 1);
  EXPECT_EQ(VerdictOn(lockstep_.Instance("i", 2)), "WAIT not_published");
  EXPECT_EQ(hint_, "lockstep publish");
}

TEST_F(GateTest, ANeedBeyondTheHeadWaitsToo) {
  lockstep_.Publish({{}});
  lockstep_.Run(1, 1);
  Declaration instance = lockstep_.Instance("i", 1);
  instance.needs = 5;
  EXPECT_EQ(VerdictOn(instance), "WAIT not_published");
}

TEST_F(GateTest, WhileAnUpgradeRunsItIsApplying) {
  lockstep_.Publish({{}, {}});
  const std::string operation = StartUpgrade(2);
  EXPECT_EQ(VerdictOn(lockstep_.Instance("i", 2)), "WAIT applying");
  EXPECT_THAT(detail_, HasSubstr(operation));
}

TEST_F(GateTest, AnUpgradeThatStopsShortOfItDoesNotHelp) {
  lockstep_.Publish({{}, {}});
  StartUpgrade(1);
  EXPECT_EQ(VerdictOn(lockstep_.Instance("i", 2)), "WAIT behind");
}

TEST_F(GateTest, AfterAFailedUpgradeItSaysWhatFailed) {
  lockstep_.Publish({{}});
  const std::string operation = StartUpgrade(1);
  ASSERT_THAT(coordinator::EndOperation(lockstep_.admin(), lockstep_.leader(), operation,
                                        coordinator::OperationState::kFailed,
                                        coordinator::RunError{.message = "no such table"}),
              IsOkAndHolds(true));
  EXPECT_EQ(VerdictOn(lockstep_.Instance("i", 1)), "WAIT failed");
  EXPECT_THAT(detail_, HasSubstr("no such table"));
}

TEST_F(GateTest, WhenNothingRunsItIsBehind) {
  lockstep_.Publish({{}});
  EXPECT_EQ(VerdictOn(lockstep_.Instance("i", 1)), "WAIT behind");
  EXPECT_EQ(hint_, "lockstep upgrade");
}

TEST_F(GateTest, WithWhatItNeedsItIsReady) {
  lockstep_.Publish({{}});
  lockstep_.Run(1, 1);
  EXPECT_EQ(VerdictOn(lockstep_.Instance("i", 1)), "OPEN ready");
}

TEST_F(GateTest, OnANewerDatabaseItIsAhead) {
  lockstep_.Publish({{}, {}});
  lockstep_.Run(1, 2);
  EXPECT_EQ(VerdictOn(lockstep_.Instance("i", 1)), "OPEN ahead");
}

TEST_F(GateTest, NeedsTheNewestExpandOrDataMigrationByDefault) {
  lockstep_.Publish({{.phase = "data"}, {}, {.phase = "neutral"}, {.phase = "contract"}});
  EXPECT_EQ(lockstep_.Admit(lockstep_.Instance("a", 4)).needs, 2);
  EXPECT_EQ(lockstep_.Admit(lockstep_.Instance("b", 1)).needs, 1);
  Declaration modest = lockstep_.Instance("c", 4);
  modest.needs = 0;
  EXPECT_EQ(VerdictOn(modest), "OPEN ready");
}

TEST_F(GateTest, AnEmptyChainIsReadyForABuildOfAnEmptyChain) {
  EXPECT_EQ(VerdictOn(lockstep_.Instance("i", 0)), "OPEN ready");
}

TEST_F(GateTest, AskingAgainIsTheSameSession) {
  lockstep_.Publish({{}});
  const Declaration instance = lockstep_.Instance("i", 1);
  EXPECT_EQ(VerdictOn(instance), "WAIT behind");
  EXPECT_EQ(RowOf(instance, "state"), "waiting");
  EXPECT_EQ(RowOf(instance, "admitted_at"), "NULL");
  lockstep_.Run(1, 1);
  EXPECT_EQ(VerdictOn(instance), "OPEN ready");
  const std::string admitted = RowOf(instance, "admitted_at");
  EXPECT_EQ(VerdictOn(instance), "OPEN ready");
  EXPECT_EQ(RowOf(instance, "state"), "live");
  EXPECT_EQ(RowOf(instance, "admitted_at"), admitted);
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.session"), "1");
}

TEST_F(GateTest, ALiveSessionStaysOpen) {
  lockstep_.Publish({{}, {.phase = "contract"}});
  lockstep_.Run(1, 1);
  const Declaration instance = lockstep_.Instance("i", 1);
  EXPECT_EQ(VerdictOn(instance), "OPEN ready");
  lockstep_.db().Query("UPDATE lockstep.chain SET barrier = 2");
  for (const char* state : {"live", "draining", "suspect"}) {
    lockstep_.db().Query(absl::StrCat("UPDATE lockstep.session SET state = '", state, "'"));
    EXPECT_EQ(lockstep_.Admit(instance).state, GateState::kOpen) << state;
    EXPECT_EQ(RowOf(instance, "state"), std::string(state) == "draining" ? state : "live");
  }
  EXPECT_EQ(VerdictOn(lockstep_.Instance("new", 1)), "REFUSED draining");
}

TEST_F(GateTest, AnExpiredSessionIsJudgedAnew) {
  lockstep_.Publish({{}, {.phase = "contract"}});
  lockstep_.Run(1, 1);
  const Declaration instance = lockstep_.Instance("i", 1);
  EXPECT_EQ(VerdictOn(instance), "OPEN ready");
  ASSERT_THAT(coordinator::MoveSession(lockstep_.admin(), lockstep_.leader(), instance.session_id,
                                       "expired"),
              IsOkAndHolds(true));
  lockstep_.Run(2, 2);
  EXPECT_EQ(VerdictOn(instance), "REFUSED too_old");
  EXPECT_EQ(RowOf(instance, "state"), "refused");
}

// What the gate judged and what later counts for a contract must be the same declaration.
TEST_F(GateTest, ASessionIsJudgedByTheDeclarationThatCounts) {
  lockstep_.Publish({{}, {.phase = "contract"}});
  Declaration instance = lockstep_.Instance("i", 1);
  instance.adapted_to = 2;
  EXPECT_EQ(VerdictOn(instance), "WAIT behind");
  lockstep_.Run(1, 1);
  instance.adapted_to = 0;
  const auto verdict = coordinator::Admit(lockstep_.admin(), instance);
  const bool open = verdict.ok() && verdict->state == GateState::kOpen;
  EXPECT_EQ(lockstep_.TryGrant(2, 2).ok(), !open);
}

TEST_F(GateTest, AnotherSessionWithTheSameInstanceAndNonceIsRefused) {
  Declaration instance = lockstep_.Instance("i", 0);
  lockstep_.Admit(instance);
  instance.session_id = base::NewUuid();
  EXPECT_THAT(coordinator::Admit(lockstep_.admin(), instance),
              StatusIs(absl::StatusCode::kAlreadyExists));
  instance.nonce += 1;
  EXPECT_THAT(coordinator::Admit(lockstep_.admin(), instance), IsOk());
}

TEST_F(GateTest, TheFirstAdmissionAloneMarksTheChainAsServed) {
  lockstep_.Publish({{}});
  EXPECT_EQ(VerdictOn(lockstep_.Instance("waits", 1)), "WAIT behind");
  EXPECT_EQ(lockstep_.Scalar("SELECT first_served_at IS NULL FROM lockstep.chain"), "t");
  EXPECT_EQ(VerdictOn(lockstep_.Instance("first", 0)), "OPEN ready");
  const std::string first = lockstep_.Scalar("SELECT first_served_at FROM lockstep.chain");
  EXPECT_NE(first, "NULL");
  EXPECT_EQ(VerdictOn(lockstep_.Instance("second", 0)), "OPEN ready");
  EXPECT_EQ(lockstep_.Scalar("SELECT first_served_at FROM lockstep.chain"), first);
}

TEST_F(GateTest, ASessionThatWasNeverAdmittedLeavesNoRow) {
  lockstep_.Publish({{}});
  const Declaration instance = lockstep_.Instance("i", 1);
  lockstep_.Admit(instance);
  EXPECT_THAT(coordinator::MoveSession(lockstep_.admin(), lockstep_.leader(), instance.session_id,
                                       "closed"),
              IsOk());
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.session"), "0");
}

TEST_F(GateTest, EightAdmissionsAtOnceAllOpen) {
  std::vector<std::future<bool>> admissions;
  for (int i = 0; i < 8; ++i) {
    admissions.push_back(Async([this, instance = lockstep_.Instance(absl::StrCat("i", i), 0)] {
      const auto verdict = coordinator::Admit(*lockstep_.Connect(), instance);
      return verdict.ok() && verdict->state == GateState::kOpen;
    }));
  }
  for (auto& admission : admissions) EXPECT_TRUE(admission.get());
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.session WHERE state = 'live'"), "8");
}

TEST_F(GateTest, OneThatIsTooOldIsToldWhichBuildsWork) {
  lockstep_.Publish({{}, {.phase = "contract"}, {}, {.phase = "contract"}});
  Declaration works = lockstep_.Instance("new", 4);
  works.needs = 0;
  works.adapted_to = 4;
  works.build = "v3";
  lockstep_.Admit(works);
  Declaration halfway = lockstep_.Instance("half", 4);
  halfway.needs = 0;
  halfway.adapted_to = 2;
  halfway.build = "v2";
  lockstep_.Admit(halfway);
  ASSERT_THAT(
      coordinator::MoveSession(lockstep_.admin(), lockstep_.leader(), halfway.session_id, "closed"),
      IsOk());
  for (const Version version : {1, 3, 2, 4}) lockstep_.Run(version, version);
  EXPECT_EQ(VerdictOn(lockstep_.Instance("old", 1)), "REFUSED too_old");
  EXPECT_THAT(detail_, HasSubstr("contract 2 (title_2) ran at "));
  EXPECT_EQ(hint_,
            "deploy v3, which works, or a build whose lockstep.yaml says adapted_to: 4 or more");
  const auto asked = coordinator::AskGate(lockstep_.admin(), lockstep_.Instance("old", 1));
  ASSERT_THAT(asked, IsOk());
  EXPECT_EQ(asked->facts.builds, std::vector<std::string>{"v3"});
  EXPECT_EQ(asked->facts.version, 2);
  EXPECT_EQ(asked->facts.adapted_to, 4);
  EXPECT_NE(asked->facts.at, "");
  Declaration other = lockstep_.Instance("old", 1);
  other.service = "another";
  EXPECT_EQ(coordinator::AskGate(lockstep_.admin(), other)->facts.builds,
            std::vector<std::string>{});
}

TEST_F(GateTest, WhileARunIsLeasedItSaysWhatRunsAndByWhom) {
  lockstep_.Publish({{}, {}, {}});
  StartUpgrade(3);
  const LeaseToken token = lockstep_.Grant(1, 3);
  lockstep_.db().Query(
      "UPDATE lockstep.lease SET operation = (SELECT operation_id FROM lockstep.operation)");
  EXPECT_EQ(VerdictOn(lockstep_.Instance("i", 3)), "WAIT applying");
  EXPECT_THAT(detail_, HasSubstr(" runs version 1 (title_1), by "));
  const auto agent = lockstep_.Session();
  ASSERT_THAT(lockstep_.ApplyOnly(*agent, token, 1), IsOk());
  ASSERT_THAT(agent->Execute("COMMIT"), IsOk());
  EXPECT_EQ(VerdictOn(lockstep_.Instance("j", 3)), "WAIT applying");
  EXPECT_THAT(detail_, HasSubstr("applied is 1, "));
  EXPECT_THAT(detail_, HasSubstr(" runs version 2 (title_2), by "));
}

// What an agent does that reaches the database alone.
class DirectTest : public GateTest {
 protected:
  DirectTest() {
    const std::string role = lockstep_.db().CreateLogin("service");
    lockstep_.db().Query("GRANT lockstep_services TO " + role);
    service_ = lockstep_.db().Connect(role);
  }
  std::string AdmitDirectly(const Declaration& d) {
    std::string verdict;
    EXPECT_THAT(service_->InTransaction([&]() -> absl::Status {
      const auto asked = service_->Query(
          "SELECT verdict, reason FROM lockstep.admit($1, $2, $3, $4, $5, true, $6, $7, NULL, $8, "
          "NULL, 'keep', 'direct', false, '')",
          {postgres::Param(d.session_id), postgres::Param(d.service), postgres::Param(d.instance),
           postgres::Param(d.nonce), postgres::Param(d.build), postgres::Param(d.built_for),
           postgres::BytesParam(d.chain_hash), postgres::Param(d.adapted_to)});
      if (!asked.ok()) return asked.status();
      verdict = absl::StrCat(asked->only().Text(0), " ", asked->only().Text(1));
      return absl::OkStatus();
    }),
                IsOk());
    return verdict;
  }
  bool Leave(const Declaration& d, int64_t nonce) {
    const auto left = service_->Query("SELECT lockstep.leave($1, $2)",
                                      {postgres::Param(d.session_id), postgres::Param(nonce)});
    EXPECT_THAT(left, IsOk());
    return left.ok() && left->only().Bool(0);
  }

  std::unique_ptr<postgres::Connection> service_;
};

TEST_F(DirectTest, IsTheSameAdmissionAndCountsForContracts) {
  lockstep_.Publish({{}, {.phase = "contract"}});
  lockstep_.Run(1, 1);
  const Declaration instance = lockstep_.Instance("i", 1);
  EXPECT_EQ(AdmitDirectly(instance), "OPEN ready");
  EXPECT_EQ(RowOf(instance, "via"), "direct");
  EXPECT_EQ(RowOf(instance, "state"), "live");
  EXPECT_FALSE(lockstep_.TryGrant(2, 2).ok());
  // A coordinator that hears it takes it over: nobody is let in twice.
  const std::string admitted = RowOf(instance, "admitted_at");
  EXPECT_EQ(lockstep_.Admit(instance).state, GateState::kOpen);
  EXPECT_EQ(RowOf(instance, "via"), "coordinator");
  EXPECT_EQ(RowOf(instance, "admitted_at"), admitted);
}

TEST_F(DirectTest, EndsItsOwnSessionAndNoOther) {
  const Declaration instance = lockstep_.Instance("i", 0);
  EXPECT_EQ(AdmitDirectly(instance), "OPEN ready");
  EXPECT_FALSE(Leave(instance, instance.nonce + 1));
  EXPECT_EQ(RowOf(instance, "state"), "live");
  EXPECT_TRUE(Leave(instance, instance.nonce));
  EXPECT_EQ(RowOf(instance, "state"), "closed");
  EXPECT_EQ(RowOf(instance, "end_rule"), "goodbye");
  EXPECT_TRUE(Leave(instance, instance.nonce));
  // One that still waits leaves nothing behind.
  lockstep_.Publish({{}});
  const Declaration waits = lockstep_.Instance("w", 1);
  EXPECT_EQ(AdmitDirectly(waits), "WAIT behind");
  EXPECT_TRUE(Leave(waits, waits.nonce));
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.session WHERE instance = 'w'"), "0");
}

TEST_F(DirectTest, KeepsAPlaceForItselfOnly) {
  const Declaration instance = lockstep_.Instance("i", 0);
  EXPECT_EQ(AdmitDirectly(instance), "OPEN ready");
  const auto reserve = [&](int64_t nonce, const std::string& ttl) {
    const auto kept = service_->Query(
        "SELECT lockstep.reserve_direct($1, $2, $3)",
        {postgres::Param(instance.session_id), postgres::Param(nonce), postgres::Param(ttl)});
    return kept.ok() && kept->only().Bool(0);
  };
  EXPECT_FALSE(reserve(instance.nonce + 1, "1 minute"));
  EXPECT_TRUE(reserve(instance.nonce, "5 hours"));
  EXPECT_EQ(RowOf(instance, "state"), "starting");
  EXPECT_EQ(RowOf(instance, "(reserved_until < clock_timestamp() + interval '61 minutes')"),
            "true");
}

// A leader that heard it wait and hears it no more must not close what the database let in since.
TEST_F(DirectTest, IsNotForgottenByALeaderThatDidNotHearOfIt) {
  lockstep_.Publish({{}});
  const Declaration instance = lockstep_.Instance("i", 1);
  EXPECT_EQ(VerdictOn(instance), "WAIT behind");
  lockstep_.Run(1, 1);
  EXPECT_EQ(AdmitDirectly(instance), "OPEN ready");
  EXPECT_THAT(coordinator::MoveSession(lockstep_.admin(), lockstep_.leader(), instance.session_id,
                                       "forgotten"),
              IsOkAndHolds(false));
  EXPECT_EQ(RowOf(instance, "state"), "live");
  const Declaration waits = lockstep_.Instance("w", 2);
  lockstep_.Admit(waits);
  EXPECT_THAT(coordinator::MoveSession(lockstep_.admin(), lockstep_.leader(), waits.session_id,
                                       "forgotten"),
              IsOkAndHolds(true));
}

// The coordinator's transaction saw the gate closed, the instance's own one saw it open: whichever
// commits last, it counts.
TEST_F(DirectTest, AnOlderLookDoesNotUndoAnAdmission) {
  lockstep_.Publish({{}});
  const Declaration instance = lockstep_.Instance("i", 1);
  const LeaseToken token = lockstep_.Grant(1, 1);
  const auto slow = lockstep_.Session();
  ASSERT_THAT(slow->Execute("BEGIN ISOLATION LEVEL READ COMMITTED"), IsOk());
  ASSERT_THAT(
      slow->Execute(absl::StrCat(
          "SELECT lockstep.admit('", instance.session_id,
          "', 's', 'i', 7, 'b', true, 0, '', 1, 0, NULL, 'keep', 'coordinator', false, '')")),
      IsOk());
  auto direct = Async([&] { return AdmitDirectly(instance); });
  const bool waits = Eventually([&] {
    return lockstep_.Scalar(
               "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") != "0";
  });
  EXPECT_TRUE(waits);
  const auto agent = lockstep_.Session();
  ASSERT_THAT(lockstep_.ApplyOnly(*agent, token, 1), IsOk());
  ASSERT_THAT(agent->Execute("COMMIT"), IsOk());
  ASSERT_THAT(slow->Execute("COMMIT"), IsOk());
  EXPECT_EQ(direct.get(), "OPEN ready");
  EXPECT_EQ(RowOf(instance, "state"), "live");
}

TEST_F(GateTest, AnAdmissionWantsReadCommitted) {
  const auto session = lockstep_.Session();
  ASSERT_THAT(session->Execute("BEGIN ISOLATION LEVEL SERIALIZABLE"), IsOk());
  EXPECT_EQ(StateOf(session->Execute(
                "SELECT lockstep.admit(gen_random_uuid(), 's', 'i', 1, 'b', true, 0, '', NULL, 0, "
                "NULL, 'keep', 'direct', false, '')")),
            "LS003");
}

}  // namespace
}  // namespace lockstep::testing
