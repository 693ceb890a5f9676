// Every way a session ends without a goodbye, and every reason why it does not end yet.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/fleet/eviction.h"
#include "tests/coordinator/session_fleet.h"

namespace lockstep::coordinator {
namespace {

using testing::IsOk;
using testing::SessionFleet;
using testing::StatusIs;

class SessionEndTest : public ::testing::Test {
 protected:
  using Agent = SessionFleet::Agent;

  absl::Duration ttl() const { return f_.durations().session_ttl; }
  // The row of a suspect one, after a crash.
  Agent Crashed(const std::string& name) {
    const Agent agent = f_.Start(name);
    f_.Lose(agent);
    f_.Pass(ttl() + absl::Seconds(2));
    EXPECT_EQ(f_.StateOf(agent), "suspect");
    return agent;
  }
  // The same process id after a restart: another session and nonce.
  Agent Restarted(const Agent& old) {
    Declaration declaration = f_.lockstep().Instance(old.declaration.instance, 0);
    return f_.Hello(declaration);
  }
  absl::Status Attest(const Agent& agent) {
    return f_.fleet().Attest(f_.lockstep().leader(), agent.declaration.session_id,
                             {.actor = "ann@desk", .reason = "node 7 burned down"});
  }
  // A connection to the database that calls itself `name`.
  std::unique_ptr<testing::ScriptSession> Backend(const std::string& name) {
    auto session = f_.lockstep().Session();
    EXPECT_THAT(session->Execute("SELECT set_config('application_name', $1, false)",
                                 {postgres::Param(name)}),
                IsOk());
    return session;
  }
  std::string MarkOf(const Agent& agent) { return agent.declaration.session_id.substr(0, 8); }
  std::string EventDetail(const std::string& kind, const std::string& key) {
    return f_.lockstep().db().Scalar(
        "SELECT coalesce((SELECT detail ->> $2 FROM lockstep.event WHERE kind = $1 ORDER BY "
        "revision DESC LIMIT 1), '')",
        {postgres::Param(kind), postgres::Param(key)});
  }

  SessionFleet f_;
};

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

// An attestation.

TEST_F(SessionEndTest, AnAttestedOneEndsOnceNoBackendWasSeenForTwoTtls) {
  const Agent agent = f_.Start("i");
  f_.Lose(agent);
  f_.Pass(absl::Seconds(4));
  ASSERT_THAT(Attest(agent), IsOk());
  EXPECT_EQ(f_.StateOf(agent), "suspect");
  EXPECT_EQ(EventDetail("session_attested", "by"), "ann@desk");
  EXPECT_EQ(EventDetail("session_attested", "reason"), "node 7 burned down");
  f_.Pass(ttl() * 2 - absl::Seconds(6));
  EXPECT_EQ(f_.StateOf(agent), "suspect");
  f_.Pass(absl::Seconds(8));
  EXPECT_EQ(f_.StateOf(agent), "expired");
  EXPECT_EQ(f_.Of(agent, "end_rule"), "attested");
  EXPECT_EQ(EventDetail("session_expired", "by"), "ann@desk");
  EXPECT_EQ(EventDetail("session_expired", "reason"), "node 7 burned down");
}

TEST_F(SessionEndTest, ABackendDelaysItAndItsEndLetsGo) {
  const Agent agent = Crashed("i");
  auto pool = Backend("service@i");
  ASSERT_THAT(Attest(agent), IsOk());
  f_.Pass(ttl() * 10);
  EXPECT_EQ(f_.StateOf(agent), "suspect");
  pool = nullptr;
  f_.Pass(ttl());
  EXPECT_EQ(f_.StateOf(agent), "suspect");
  f_.Pass(ttl() + absl::Seconds(6));
  EXPECT_EQ(f_.StateOf(agent), "expired");
}

// A person says that the old one is gone; what began after its successor is the successor's.
TEST_F(SessionEndTest, UnmarkedBackendsOfTheNewerStartDoNotHoldAnAttestedOne) {
  const Agent agent = Crashed("i");
  const auto early = Backend("service@i");
  const Agent next = Restarted(agent);
  const auto late = Backend("service@i");
  ASSERT_THAT(Attest(agent), IsOk());
  f_.Pass(ttl() * 3);
  EXPECT_EQ(f_.fleet().Find(agent.declaration.session_id)->backends, 1);
  ASSERT_THAT(early->Execute("SET application_name = ''"), IsOk());
  f_.Pass(ttl() * 2 + absl::Seconds(6));
  EXPECT_EQ(f_.StateOf(agent), "expired");
  EXPECT_EQ(f_.StateOf(next), "live");
}

TEST_F(SessionEndTest, OneThatComesBackMakesTheAttestationVoid) {
  const Agent agent = Crashed("i");
  ASSERT_THAT(Attest(agent), IsOk());
  const Agent back = f_.Hello(agent.declaration);
  EXPECT_EQ(f_.StateOf(agent), "live");
  EXPECT_EQ(f_.Of(agent, "attested_by"), "");
  f_.Lose(back);
  f_.Pass(ttl() * 10);
  EXPECT_EQ(f_.StateOf(agent), "suspect");
}

TEST_F(SessionEndTest, TheWordOutlivesTheLeaderItWasGivenTo) {
  const Agent agent = Crashed("i");
  ASSERT_THAT(Attest(agent), IsOk());
  f_.ChangeLeader();
  f_.Pass(ttl() * 2);
  EXPECT_EQ(f_.StateOf(agent), "suspect");  // The new one looks for itself.
  f_.Pass(absl::Seconds(6));
  EXPECT_EQ(f_.StateOf(agent), "expired");
}

TEST_F(SessionEndTest, AConnectedOneCannotBeAttestedGone) {
  const Agent agent = f_.Start("i");
  EXPECT_THAT(Attest(agent), StatusIs(absl::StatusCode::kFailedPrecondition, "BLOCKED"));
  EXPECT_EQ(f_.Of(agent, "attested_by"), "");
  Agent nobody = agent;
  nobody.declaration.session_id = "00000000-0000-4000-8000-000000000000";
  EXPECT_THAT(Attest(nobody), StatusIs(absl::StatusCode::kNotFound, "INSTANCE_NOT_FOUND"));
}

TEST_F(SessionEndTest, ADeposedLeaderRecordsNoAttestation) {
  const Agent agent = Crashed("i");
  const LeaderToken old = f_.lockstep().TakeOver();
  EXPECT_THAT(f_.fleet().Attest(old, agent.declaration.session_id, {.actor = "a", .reason = "r"}),
              StatusIs(absl::StatusCode::kUnavailable, "NOT_LEADER"));
  EXPECT_EQ(f_.Of(agent, "attested_by"), "");
}

TEST_F(SessionEndTest, AnAttestationNamesWhoAndWhy) {
  const Agent agent = Crashed("i");
  EXPECT_THAT(f_.fleet().Attest(f_.lockstep().leader(), agent.declaration.session_id,
                                {.actor = "ann", .reason = ""}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(SessionEndTest, EvictTakesTheSilentSessionsOfANameAndLeavesTheOthers) {
  const Agent other = Crashed("other");
  const Agent old = Crashed("pod");
  const Agent next = Restarted(old);
  EvictRequest request{.service = "service",
                       .instance = "pod",
                       .attestation = {.actor = "ann", .reason = "r"},
                       .validate_only = true};
  const auto evict = [&] { return Evict(f_.fleet(), f_.lockstep().leader(), request); };
  const std::vector<std::string> ids = {old.declaration.session_id};
  EXPECT_THAT(evict(), testing::IsOkAndHolds(ids));
  EXPECT_EQ(f_.Of(old, "attested_by"), "");
  request.validate_only = false;
  request.expected = {next.declaration.session_id};
  EXPECT_THAT(evict(), StatusIs(absl::StatusCode::kAborted, "ETAG_MISMATCH"));
  request.expected = {old.declaration.session_id};
  EXPECT_THAT(evict(), testing::IsOkAndHolds(ids));
  EXPECT_EQ(f_.Of(old, "attested_by"), "ann");
  EXPECT_EQ(f_.Of(other, "attested_by"), "");
  request.expected.clear();
  request.instance = "nobody";
  EXPECT_THAT(evict(), StatusIs(absl::StatusCode::kNotFound, "INSTANCE_NOT_FOUND"));
  f_.Lose(next, true);
  f_.Lose(f_.Hello(old.declaration), true);
  request.instance = "pod";
  EXPECT_THAT(evict(), StatusIs(absl::StatusCode::kFailedPrecondition, "BLOCKED"));
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

// The brake.

class BrakeTest : public SessionEndTest {
 protected:
  void StartMany(int count) {
    for (int i = 0; i < count; ++i) agents_.push_back(f_.Start(absl::StrCat("i", i), true));
  }
  int Counting() {
    return std::stoi(f_.lockstep().Scalar(
        "SELECT count(*) FROM lockstep.session WHERE state IN ('live', 'suspect')"));
  }
  std::vector<Agent> agents_;
};

TEST_F(BrakeTest, ManyAtOnceAreNotExpiredUntilEnoughOfThemAreHeardAgain) {
  StartMany(20);
  for (int i = 0; i < 5; ++i) f_.Lose(agents_[i]);
  f_.Pass(ttl() * 10);
  EXPECT_EQ(Counting(), 20);
  ASSERT_TRUE(f_.fleet().expiry_brake().has_value());
  EXPECT_EQ(f_.fleet().expiry_brake()->state.silent, 5u);
  EXPECT_EQ(f_.Events("expiry_frozen"), "1");
  EXPECT_EQ(EventDetail("expiry_frozen", "sessions"), "20");
  f_.Hello(agents_[0].declaration);
  f_.Pass(absl::Seconds(4));
  EXPECT_FALSE(f_.fleet().expiry_brake().has_value());
  EXPECT_EQ(f_.Events("expiry_resumed"), "1");
  EXPECT_EQ(Counting(), 16);  // The others are dead after all.
}

TEST_F(BrakeTest, OneAfterTheOtherExpires) {
  StartMany(20);
  for (int i = 0; i < 6; ++i) {
    f_.Lose(agents_[i]);
    f_.Pass(ttl() + absl::Seconds(2));
  }
  EXPECT_EQ(Counting(), 14);
  EXPECT_EQ(f_.Events("expiry_frozen"), "0");
}

TEST_F(BrakeTest, APersonEndsItByAttestingThemGone) {
  StartMany(10);
  for (int i = 0; i < 5; ++i) f_.Lose(agents_[i]);
  f_.Pass(ttl() * 2);
  ASSERT_EQ(Counting(), 10);
  ASSERT_THAT(Attest(agents_[0]), IsOk());
  f_.Pass(ttl() * 2 + absl::Seconds(6));
  EXPECT_FALSE(f_.fleet().expiry_brake().has_value());
  EXPECT_EQ(Counting(), 5);
}

TEST_F(BrakeTest, InstancesThatTakeTheirPlaceEndItToo) {
  StartMany(20);
  for (int i = 0; i < 5; ++i) f_.Lose(agents_[i]);
  f_.Pass(ttl() * 2);
  ASSERT_EQ(Counting(), 20);
  for (int i = 0; i < 5; ++i) f_.Start(absl::StrCat("new", i), true);
  f_.Pass(absl::Seconds(4));
  EXPECT_EQ(Counting(), 20);  // 25 but the five.
}

TEST_F(BrakeTest, ItDoesNotOutlastTheDayOfThePolicy) {
  StartMany(10);
  for (int i = 0; i < 5; ++i) f_.Lose(agents_[i]);
  f_.Pass(ttl() * 2);
  ASSERT_EQ(Counting(), 10);
  f_.clock().Advance(f_.durations().suspect_expiry - ttl() * 3);
  f_.Pass(absl::Seconds(4));
  ASSERT_EQ(Counting(), 10);
  f_.Pass(ttl() * 2);
  EXPECT_EQ(Counting(), 5);
}

// Nobody reaches the new leader: it must not be the one that expires them all.
TEST_F(BrakeTest, ANewLeaderThatNobodyReachesExpiresNobody) {
  StartMany(8);
  f_.settled = false;
  f_.ChangeLeader();
  f_.Pass(ttl() * 2);
  f_.settled = true;
  f_.Pass(ttl() * 10);
  EXPECT_EQ(Counting(), 8);
  EXPECT_TRUE(f_.fleet().expiry_brake().has_value());
}

// No row is written for a heartbeat.
TEST_F(BrakeTest, AQuietFleetWritesNothing) {
  StartMany(3);
  f_.Pass(absl::Seconds(4));
  const std::string rows =
      "SELECT string_agg(xmin::text, ',' ORDER BY session_id) FROM lockstep.session";
  const std::string before = f_.lockstep().Scalar(rows);
  f_.Pass(ttl() * 10);
  EXPECT_EQ(f_.lockstep().Scalar(rows), before);
}

}  // namespace
}  // namespace lockstep::coordinator
