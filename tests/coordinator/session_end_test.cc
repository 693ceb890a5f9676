// Every way a session ends without a goodbye, and every reason why it does not end yet.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/fleet/eviction.h"
#include "tests/coordinator/session_end_fixture.h"

namespace lockstep::coordinator {
namespace {

using testing::IsOk;

// A crash of a `stop` service.

TEST_F(SessionEndTest, AStopServiceExpiresAfterItsTtlWithAnEvent) {
  const Agent agent = f_.Start("i", true);
  f_.Lose(agent);
  f_.Pass(ttl());
  EXPECT_EQ(f_.StateOf(agent), "live");
  f_.Pass(absl::Seconds(2));
  EXPECT_EQ(f_.StateOf(agent), "expired");
  EXPECT_EQ(f_.Of(agent, "end_rule"), "ttl");
  EXPECT_EQ(EventDetail("session_expired", "instance"), "i");
  EXPECT_EQ(EventDetail("session_expired", "rule"), "ttl");
  EXPECT_TRUE(f_.fleet().Members().empty());
}

TEST_F(SessionEndTest, AStopServiceWithAStreamNeverExpires) {
  const Agent agent = f_.Start("i", true);
  f_.Pass(ttl() * 10);
  EXPECT_EQ(f_.StateOf(agent), "live");
}

TEST_F(SessionEndTest, AStopServiceThatComesBackIsJudgedAnew) {
  f_.lockstep().Publish({{}, {.phase = "contract"}});
  f_.lockstep().Run(1, 1);
  Declaration declaration = f_.lockstep().Instance("i", 1);
  declaration.stop_on_session_loss = true;
  const Agent agent = f_.Hello(declaration);
  f_.Lose(agent);
  f_.Pass(ttl() + absl::Seconds(2));
  ASSERT_EQ(f_.StateOf(agent), "expired");
  f_.lockstep().Run(2, 2);  // Nothing holds the contract back any more.
  const Agent back = f_.Hello(agent.declaration);
  EXPECT_EQ(back.link->reason(), "too_old");
  EXPECT_EQ(f_.StateOf(agent), "refused");
}

TEST_F(SessionEndTest, ANewLeaderExpiresNobodyBeforeItHasSettled) {
  const Agent agent = f_.Start("i", true);
  f_.settled = false;
  f_.ChangeLeader();
  f_.Pass(ttl() * 2);
  EXPECT_EQ(f_.StateOf(agent), "suspect");  // Which counts.
  f_.settled = true;
  f_.Pass(absl::Seconds(2));
  EXPECT_EQ(f_.StateOf(agent), "expired");
}

TEST_F(SessionEndTest, WithoutAnybodyToTellItSettlesAfterTtlAndAdmissionValidity) {
  const Agent agent = f_.Start("i", true);
  f_.options().settled = nullptr;
  f_.ChangeLeader();
  f_.Pass(ttl() + f_.durations().admission_validity);
  EXPECT_NE(f_.StateOf(agent), "expired");
  f_.Pass(absl::Seconds(4));
  EXPECT_EQ(f_.StateOf(agent), "expired");
}

// Nobody knows when a session that came in without a leader was last heard.
TEST_F(SessionEndTest, AStopServiceThatCameInDirectlyIsOnlySuspected) {
  const Agent agent = f_.Start("i", true);
  f_.lockstep().db().RunScript("UPDATE lockstep.session SET via = 'direct'");
  f_.ChangeLeader();
  f_.Pass(ttl() * 20);
  EXPECT_EQ(f_.StateOf(agent), "suspect");
  EXPECT_THAT(ExpireSession(f_.lockstep().admin(), f_.lockstep().leader(),
                            agent.declaration.session_id, EndRule::kTtl, absl::ZeroDuration()),
              testing::IsOkAndHolds(false));
}

// Whatever a leader believes: the row of a `keep` service does not end by TTL.
TEST_F(SessionEndTest, TheDatabaseEndsNoKeepServiceByTtl) {
  const Agent agent = Crashed("i");
  for (const EndRule rule :
       {EndRule::kTtl, EndRule::kNewerStart, EndRule::kAttested, EndRule::kPolicy}) {
    EXPECT_THAT(ExpireSession(f_.lockstep().admin(), f_.lockstep().leader(),
                              agent.declaration.session_id, rule, absl::Hours(24)),
                testing::IsOkAndHolds(false))
        << NameOf(rule);
  }
  EXPECT_EQ(f_.StateOf(agent), "suspect");
}

// A newer start of a `keep` instance.

TEST_F(SessionEndTest, ANewerStartEndsTheOldOneOnceNoBackendWasSeenForTwoTtls) {
  const Agent old = f_.Start("pod-0");
  f_.Lose(old);
  f_.Pass(absl::Seconds(4));
  const Agent next = Restarted(old);
  f_.Pass(ttl());
  EXPECT_EQ(f_.StateOf(old), "suspect");
  f_.Pass(ttl() + absl::Seconds(4));
  EXPECT_EQ(f_.StateOf(old), "expired");
  EXPECT_EQ(f_.Of(old, "end_rule"), "newer start");
  EXPECT_EQ(f_.Of(old, "superseded_by"), next.declaration.session_id);
  EXPECT_EQ(f_.StateOf(next), "live");
}

// Two pods of one name by mistake: the older one was heard beside the newer one.
TEST_F(SessionEndTest, ATwinRetiresNobody) {
  const Agent old = f_.Start("pod-0");
  const Agent twin = Restarted(old);
  f_.Pass(absl::Seconds(10));
  f_.Lose(old);  // Cut off, and it serves on.
  f_.Pass(ttl() * 20);
  EXPECT_EQ(f_.StateOf(old), "suspect");
  EXPECT_EQ(f_.StateOf(twin), "live");
}

TEST_F(SessionEndTest, TheTruePodIsHeldByItsBackend) {
  const Agent old = f_.Start("pod-0");
  const auto pool = Backend("service@pod-0#" + MarkOf(old));
  f_.Lose(old);
  f_.Pass(absl::Seconds(4));
  const Agent next = Restarted(old);
  const auto others = Backend("service@pod-0#" + MarkOf(next));
  f_.Pass(ttl() * 10);
  EXPECT_EQ(f_.StateOf(old), "suspect");
  EXPECT_EQ(f_.fleet().Find(old.declaration.session_id)->backends, 1);
  EXPECT_NE(f_.Of(old, "backend_seen_at"), "");
}

TEST_F(SessionEndTest, BackendsOfTheNewerStartHoldTheOldOneOnlyWithoutAMark) {
  const Agent old = f_.Start("pod-0");
  f_.Lose(old);
  f_.Pass(absl::Seconds(4));
  const Agent next = Restarted(old);
  auto unmarked = Backend("service@pod-0");
  f_.Pass(ttl() * 10);
  EXPECT_EQ(f_.StateOf(old), "suspect");  // It may be the old one's.
  unmarked = nullptr;
  const auto marked = Backend("service@pod-0#" + MarkOf(next));
  f_.Pass(ttl() * 3 + absl::Seconds(4));
  EXPECT_EQ(f_.StateOf(old), "expired");
}

TEST_F(SessionEndTest, AReservationIsNoStart) {
  const Agent old = f_.Start("pod-0");
  f_.Lose(old);
  f_.Pass(absl::Seconds(4));
  Declaration reservation = f_.lockstep().Instance("pod-0", 0);
  reservation.reserve = absl::Hours(1);
  f_.Hello(reservation);
  f_.Pass(ttl() * 10);
  EXPECT_EQ(f_.StateOf(old), "suspect");
}

TEST_F(SessionEndTest, ANewLeaderFindsTheNewerStartAsWell) {
  const Agent old = Crashed("pod-0");
  const Agent next = Restarted(old);
  f_.ChangeLeader();
  f_.Pass(absl::Seconds(2));
  f_.Hello(next.declaration);
  f_.Pass(ttl() * 3 + absl::Seconds(6));
  EXPECT_EQ(f_.StateOf(old), "expired");
}

// The policy.

TEST_F(SessionEndTest, ASuspectIsGivenUpAfterADayByTheDatabasesClock) {
  const Agent agent = Crashed("i");
  f_.clock().Advance(f_.durations().suspect_expiry);
  f_.Pass(ttl() * 3);
  EXPECT_EQ(f_.StateOf(agent), "suspect");  // The leader's clock leapt, the database's did not.
  f_.lockstep().db().RunScript(
      "UPDATE lockstep.session SET silent_since = now() - interval '1 day'");
  f_.Pass(ttl() * 2);
  EXPECT_EQ(f_.StateOf(agent), "expired");
  EXPECT_EQ(f_.Of(agent, "end_rule"), "policy");
  EXPECT_EQ(EventDetail("session_expired", "rule"), "policy");
}

TEST_F(SessionEndTest, ABackendBeginsTheDayAnew) {
  const Agent agent = Crashed("i");
  f_.lockstep().db().RunScript(
      "UPDATE lockstep.session SET silent_since = now() - interval '2 days', "
      "backend_seen_at = now() - interval '23 hours'");
  f_.ChangeLeader();
  f_.Pass(ttl() * 5);
  EXPECT_EQ(f_.StateOf(agent), "suspect");
  f_.lockstep().db().RunScript(
      "UPDATE lockstep.session SET backend_seen_at = now() - interval '24 hours'");
  f_.Pass(ttl() * 2);
  EXPECT_EQ(f_.StateOf(agent), "expired");
}

// A role that may not see backends concludes nothing from seeing none.
TEST_F(SessionEndTest, ABlindCoordinatorEndsNoSuspect) {
  const std::string role = f_.lockstep().db().CreateLogin("blind");
  f_.lockstep().db().RunScript(
      absl::StrCat("GRANT USAGE ON SCHEMA lockstep TO ", role,
                   "; GRANT SELECT ON ALL TABLES IN SCHEMA lockstep TO ", role,
                   "; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA lockstep TO ", role));
  auto options = testing::PoolOn(f_.lockstep().db());
  options.connection.conninfo = f_.lockstep().db().conninfo(role);
  Database blind(options);
  const Agent agent = Crashed("i");
  f_.options().database = &blind;
  f_.ChangeLeader();
  ASSERT_THAT(Attest(agent), IsOk());
  f_.Pass(ttl() * 10);
  EXPECT_FALSE(f_.fleet().can_see_backends());
  EXPECT_EQ(f_.StateOf(agent), "suspect");
  f_.lockstep().db().RunScript(absl::StrCat("GRANT pg_read_all_stats TO ", role));
  f_.Pass(ttl() * 3);
  EXPECT_EQ(f_.StateOf(agent), "expired");
}

}  // namespace
}  // namespace lockstep::coordinator
