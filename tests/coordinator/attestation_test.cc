// Sessions that end on somebody's word: attested ones, and those of a name that are evicted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/fleet/eviction.h"
#include "tests/coordinator/session_end_fixture.h"

namespace lockstep::coordinator {
namespace {

using testing::IsOk;
using testing::StatusIs;

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

}  // namespace
}  // namespace lockstep::coordinator
