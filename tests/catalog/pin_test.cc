// Pins: a build that does not run holds a contract up as if it did, until a committed transition.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "coordinator/store/override_store.h"
#include "coordinator/store/pin_store.h"
#include "coordinator/store/session_store.h"
#include "engine/base/error_info.h"
#include "tests/catalog/lockstep_database.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

using coordinator::PinRequest;

const auto kGateClosed = StatusIs(absl::StatusCode::kFailedPrecondition, "GATE_CLOSED");
const auto kRefused = StatusIs(absl::StatusCode::kFailedPrecondition, "PIN_REFUSED");
const auto kUnknown = StatusIs(absl::StatusCode::kNotFound, "BUILD_NOT_FOUND");

// Versions 1 and 3 have run, contract 2 waits.
class PinTest : public ::testing::Test {
 protected:
  PinTest() {
    lockstep_.Publish({{}, {.phase = "contract", .touches = {{"users.email"}}}, {}});
    lockstep_.Run(1, 1);
  }
  Declaration Build(Version adapted_to,
                    std::optional<std::vector<std::string>> uses = std::nullopt) {
    Declaration declaration = lockstep_.Instance("", 1);
    declaration.adapted_to = adapted_to;
    declaration.uses = std::move(uses);
    return declaration;
  }
  absl::StatusOr<std::string> Pin(const std::string& build, std::optional<Declaration> declared,
                                  absl::Duration lasting = absl::Hours(1)) {
    return coordinator::PinBuild(lockstep_.admin(), lockstep_.leader(),
                                 {.service = "service",
                                  .build = build,
                                  .declared = std::move(declared),
                                  .lasting = lasting,
                                  .by = {.actor = "ann", .reason = "the way back"}});
  }
  absl::StatusOr<int> Retire(const std::string& build) {
    return coordinator::RetireBuild(lockstep_.admin(), lockstep_.leader(), "service", build,
                                    {.actor = "ann", .reason = "never again"});
  }
  void LetPinsRunOut() {
    lockstep_.db().RunScript("UPDATE lockstep.pin SET expires_at = clock_timestamp()");
  }
  std::string KindOfLastEvent() {
    return lockstep_.Scalar("SELECT kind FROM lockstep.event ORDER BY revision DESC LIMIT 1");
  }

  LockstepDatabase lockstep_;
};

TEST_F(PinTest, CountsAsALiveInstance) {
  ASSERT_THAT(Pin("old", Build(0)), IsOk());
  EXPECT_EQ(lockstep_.Scalar("SELECT lockstep.concerned_sessions(2)"), "1");
  EXPECT_THAT(lockstep_.TryGrant(2, 2), kGateClosed);
  EXPECT_THAT(Retire("old"), IsOkAndHolds(1));
  EXPECT_THAT(lockstep_.TryGrant(2, 2), IsOk());
}

TEST_F(PinTest, TellsTheFirstContractThatItHoldsUp) {
  lockstep_.Publish({{.phase = "contract"}});
  ASSERT_THAT(Pin("adapted", Build(4)), IsOk());
  ASSERT_THAT(Pin("elsewhere", Build(0, {{"orders"}})), IsOk());
  ASSERT_THAT(Pin("old", Build(0)), IsOk());
  const auto held_up = [&] {
    std::vector<Version> versions;
    const auto pins = coordinator::ReadPins(lockstep_.admin(), {});
    EXPECT_THAT(pins, IsOk());
    for (const auto& pin : pins.value_or(std::vector<coordinator::PinRow>())) {
      versions.push_back(pin.holds_up);
    }
    return versions;
  };
  // What contract 4 touches is not known: it may be the orders.
  EXPECT_THAT(held_up(), ElementsAre(0, 4, 2));
  const auto look = coordinator::LookAtOverride(lockstep_.admin(), 2, absl::Hours(1));
  ASSERT_THAT(look, IsOk());
  ASSERT_THAT(coordinator::MakeOverride(lockstep_.admin(), lockstep_.leader(),
                                        {.contract = 2,
                                         .lasting = absl::Hours(1),
                                         .token = look->token,
                                         .by = {.actor = "ann", .reason = "it is stuck"}}),
              IsOk());
  EXPECT_THAT(held_up(), ElementsAre(0, 4, 4));
  lockstep_.db().RunScript("UPDATE lockstep.override SET expires_at = clock_timestamp()");
  EXPECT_THAT(held_up(), ElementsAre(0, 4, 2));
}

TEST_F(PinTest, DoesNotHoldUpWhatDoesNotConcernIt) {
  ASSERT_THAT(Pin("adapted", Build(2)), IsOk());
  ASSERT_THAT(Pin("elsewhere", Build(0, {{"orders"}})), IsOk());
  EXPECT_THAT(lockstep_.TryGrant(2, 2), IsOk());
}

// Between the grant and the end of the contract nothing may come to count that it concerns.
TEST_F(PinTest, IsRefusedFromTheGrantOn) {
  lockstep_.Grant(2, 2);
  EXPECT_THAT(Pin("old", Build(0)), kRefused);
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.pin"), "0");
}

TEST_F(PinTest, IsRefusedWhereTheBuildCouldNotStart) {
  lockstep_.Run(2, 2);
  const absl::Status too_old = Pin("old", Build(0)).status();
  EXPECT_THAT(too_old, kRefused);
  EXPECT_EQ(base::MetadataOf(too_old, "detail"), "too_old");
  EXPECT_THAT(std::string(too_old.message()), HasSubstr("contract 2 (title_2) ran at"));
  Declaration other = Build(2);
  other.chain_hash = std::string(32, 'x');
  const absl::Status diverged = Pin("other", other).status();
  EXPECT_EQ(base::MetadataOf(diverged, "detail"), "diverged");
}

TEST_F(PinTest, IsRefusedWhileTheFleetDrainsForAContractThatConcernsIt) {
  lockstep_.db().RunScript("UPDATE lockstep.chain SET barrier = 2, gate_seq = gate_seq + 1");
  EXPECT_EQ(base::MetadataOf(Pin("old", Build(0)).status(), "detail"), "draining");
  EXPECT_THAT(Pin("new", Build(2)), IsOk());
}

// A grant and a pin that meet: the grant waits for the pin and then counts it.
TEST_F(PinTest, AGrantWaitsForAPinThatIsUnderWay) {
  auto pinning = lockstep_.Connect();
  auto granting = lockstep_.Connect();
  const int64_t seen = lockstep_.lease_epoch();
  std::future<absl::StatusOr<LeaseToken>> grant;
  ASSERT_THAT(pinning->InTransaction([&]() -> absl::Status {
    const auto pin = coordinator::PinBuild(*pinning, lockstep_.leader(),
                                           {.service = "service",
                                            .build = "old",
                                            .declared = Build(0),
                                            .lasting = absl::Hours(1),
                                            .by = {.actor = "ann", .reason = "because"}});
    EXPECT_THAT(pin, IsOk());
    grant = Async([&] {
      return coordinator::GrantRun(*granting, lockstep_.leader(), seen,
                                   {.first = 2,
                                    .last = 2,
                                    .session = "00000000-0000-0000-0000-000000000001",
                                    .holder = "service@instance",
                                    .operation = "op-test",
                                    .ttl = absl::Seconds(30)});
    });
    EXPECT_TRUE(ComesToWait(lockstep_.db(), granting->backend_pid()));
    return absl::OkStatus();
  }),
              IsOk());
  EXPECT_THAT(grant.get(), kGateClosed);
}

TEST_F(PinTest, WhoseTimeIsOverCountsUntilItIsExpired) {
  ASSERT_THAT(Pin("old", Build(0)), IsOk());
  LetPinsRunOut();
  EXPECT_EQ(lockstep_.Scalar("SELECT lockstep.concerned_sessions(2)"), "1");
  EXPECT_EQ(lockstep_.Scalar("SELECT lockstep.concerned_sessions(2, true)"), "0");
  EXPECT_THAT(lockstep_.TryGrant(2, 2), IsOk());  // Expires it first, in one transaction.
  EXPECT_EQ(lockstep_.Scalar("SELECT end_rule FROM lockstep.pin"), "expired");
}

TEST_F(PinTest, IsExpiredByALeaderThatKeepsOrder) {
  ASSERT_THAT(Pin("old", Build(0)), IsOk());
  ASSERT_THAT(Pin("other", Build(0)), IsOk());
  lockstep_.db().RunScript(
      "UPDATE lockstep.pin SET expires_at = clock_timestamp() WHERE build = 'old'");
  ASSERT_THAT(coordinator::ExpireReservations(lockstep_.admin(), lockstep_.leader()), IsOk());
  EXPECT_EQ(lockstep_.Scalar("SELECT string_agg(build, ' ') FROM lockstep.pin "
                             "WHERE ended_at IS NULL"),
            "other");
  EXPECT_EQ(KindOfLastEvent(), "pin_expired");
}

TEST_F(PinTest, OfTheSameBuildReplacesWhatThePinSaid) {
  const auto first = Pin("old", Build(0));
  ASSERT_THAT(first, IsOk());
  EXPECT_THAT(Pin("old", Build(2), absl::Hours(5)), IsOkAndHolds(*first));
  const auto pins = coordinator::ReadPins(lockstep_.admin(), {});
  ASSERT_THAT(pins, IsOkAndHolds(SizeIs(1)));
  EXPECT_EQ(pins->front().declaration.adapted_to, 2);
  EXPECT_GT(pins->front().expires_at - pins->front().created_at, absl::Hours(4));
  EXPECT_THAT(lockstep_.TryGrant(2, 2), IsOk());
}

TEST_F(PinTest, TakesWhatAnInstanceOfTheBuildDeclared) {
  EXPECT_THAT(Pin("build", std::nullopt), kUnknown);
  Declaration instance = lockstep_.Instance("pod", 1);
  instance.uses = {{"users"}};
  ASSERT_EQ(lockstep_.Admit(instance).reason, "ready");
  ASSERT_THAT(coordinator::MoveSession(lockstep_.admin(), lockstep_.leader(), instance.session_id,
                                       "closed"),
              IsOkAndHolds(true));
  ASSERT_THAT(Pin("build", std::nullopt), IsOk());
  const auto pins = coordinator::ReadPins(lockstep_.admin(), {});
  ASSERT_THAT(pins, IsOkAndHolds(SizeIs(1)));
  EXPECT_EQ(pins->front().declaration.built_for, 1);
  EXPECT_EQ(pins->front().declaration.needs, 1);
  EXPECT_THAT(*pins->front().declaration.uses, ElementsAre("users"));
  EXPECT_THAT(lockstep_.TryGrant(2, 2), kGateClosed);
}

TEST_F(PinTest, ThatIsRetiredEndsNoSession) {
  ASSERT_EQ(lockstep_.Admit(lockstep_.Instance("pod", 1)).reason, "ready");
  EXPECT_THAT(Retire("build"), IsOkAndHolds(0));
  EXPECT_EQ(KindOfLastEvent(), "build_retired");
  EXPECT_THAT(lockstep_.TryGrant(2, 2), kGateClosed);
  // Nor does it keep out what comes: only a contract does.
  EXPECT_EQ(lockstep_.Admit(lockstep_.Instance("pod-2", 1)).reason, "ready");
  EXPECT_THAT(Retire("typo"), kUnknown);
}

TEST_F(PinTest, NamesWhoAndWhy) {
  const absl::Status nobody = coordinator::PinBuild(lockstep_.admin(), lockstep_.leader(),
                                                    {.service = "service",
                                                     .build = "old",
                                                     .declared = Build(0),
                                                     .lasting = absl::Hours(1),
                                                     .by = {.actor = "", .reason = "why"}})
                                  .status();
  EXPECT_EQ(StateOf(nobody), "23514");
}

TEST_F(PinTest, AreReadPageByPage) {
  for (const char* build : {"c", "a", "b"}) ASSERT_THAT(Pin(build, Build(2)), IsOk());
  std::string seen;
  coordinator::PinQuery query{.limit = 1};
  for (;;) {
    const auto page = coordinator::ReadPins(lockstep_.admin(), query);
    ASSERT_THAT(page, IsOk());
    if (page->empty()) break;
    seen += page->front().declaration.build;
    query.after = page->front().pin_id;
  }
  EXPECT_EQ(seen, "abc");
}

}  // namespace
}  // namespace lockstep::testing
