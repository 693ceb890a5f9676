#include "coordinator/fleet/ends.h"

#include <gtest/gtest.h>

namespace lockstep::coordinator {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(1);

class EndsTest : public ::testing::Test {
 protected:
  // One that was admitted, serves on without a session, and has been silent for a second too long.
  EndFacts Keep() const { return {.admitted = true, .silent = d_.session_ttl + kTick}; }
  EndFacts Stop() const {
    EndFacts facts = Keep();
    facts.stops = true;
    return facts;
  }
  // Suspect for ages, and no backend of it seen either.
  EndFacts Suspect() const {
    EndFacts facts = Keep();
    facts.suspect = true;
    facts.quiet = absl::Hours(1);
    facts.suspect_for = absl::Hours(1);
    return facts;
  }
  Move Next(const EndFacts& facts) const {
    return NextMove(facts, {.settled = settled_, .frozen = frozen_, .durations = d_});
  }

  Durations d_;
  bool settled_ = true;
  bool frozen_ = false;
};

TEST_F(EndsTest, AGoodbyeClosesWhateverElseIsTrue) {
  for (EndFacts facts : {Keep(), Stop(), Suspect(), EndFacts{}}) {
    facts.said_goodbye = true;
    settled_ = false;
    frozen_ = true;
    EXPECT_EQ(Next(facts), Move::kClose);
  }
}

TEST_F(EndsTest, OneThatNeverCountedIsForgottenAfterTheGrace) {
  EXPECT_EQ(Next({.silent = d_.waiting_grace}), Move::kNone);
  EXPECT_EQ(Next({.silent = d_.waiting_grace + kTick}), Move::kClose);
}

TEST_F(EndsTest, AStopServiceExpiresAfterTheTtlAndNotBefore) {
  EndFacts facts = Stop();
  EXPECT_EQ(Next(facts), Move::kExpireTtl);
  facts.silent = d_.session_ttl;
  EXPECT_EQ(Next(facts), Move::kNone);
  facts = Stop();
  facts.suspect = true;
  EXPECT_EQ(Next(facts), Move::kExpireTtl);
}

TEST_F(EndsTest, BeforeALeaderHasSettledNobodyExpires) {
  settled_ = false;
  EXPECT_EQ(Next(Stop()), Move::kSuspect);
  EndFacts facts = Suspect();
  facts.attested = facts.superseded = true;
  facts.suspect_for = absl::Hours(1000);
  EXPECT_EQ(Next(facts), Move::kNone);
  facts.stops = true;
  EXPECT_EQ(Next(facts), Move::kNone);
}

TEST_F(EndsTest, AFrozenLeaderExpiresNobodyForItsSilence) {
  frozen_ = true;
  EXPECT_EQ(Next(Stop()), Move::kSuspect);
  EndFacts facts = Suspect();
  facts.suspect_for = absl::Hours(1000);
  EXPECT_EQ(Next(facts), Move::kNone);
  // A person's word about one of them is not about silence.
  facts.attested = true;
  EXPECT_EQ(Next(facts), Move::kExpireAttested);
  facts.attested = false;
  facts.superseded = true;
  EXPECT_EQ(Next(facts), Move::kExpireNewerStart);
}

TEST_F(EndsTest, AKeepServiceNeverExpiresByTtl) {
  EndFacts facts = Keep();
  EXPECT_EQ(Next(facts), Move::kSuspect);
  facts = Suspect();
  facts.silent = d_.suspect_expiry * 10;  // The leader's clock alone ends nobody.
  EXPECT_EQ(Next(facts), Move::kNone);
}

TEST_F(EndsTest, AStopServiceThatNoLeaderHeardIsTreatedAsKeep) {
  EndFacts facts = Stop();
  facts.direct = true;
  EXPECT_EQ(Next(facts), Move::kSuspect);
  facts.suspect = true;
  EXPECT_EQ(Next(facts), Move::kNone);
}

TEST_F(EndsTest, ASuspectEndsByAttestationNewerStartOrPolicy) {
  EndFacts facts = Suspect();
  EXPECT_EQ(Next(facts), Move::kNone);
  facts.superseded = true;
  EXPECT_EQ(Next(facts), Move::kExpireNewerStart);
  facts.attested = true;
  EXPECT_EQ(Next(facts), Move::kExpireAttested);
  facts = Suspect();
  facts.suspect_for = d_.suspect_expiry;
  EXPECT_EQ(Next(facts), Move::kExpirePolicy);
  facts.suspect_for -= kTick;
  EXPECT_EQ(Next(facts), Move::kNone);
}

// The evidence may delay an end, and its absence is no evidence unless somebody looked.
TEST_F(EndsTest, NoneOfThemWhileABackendIsSeenOrNobodyLooks) {
  EndFacts facts = Suspect();
  facts.superseded = facts.attested = true;
  facts.suspect_for = absl::Hours(1000);
  facts.quiet = std::nullopt;
  EXPECT_EQ(Next(facts), Move::kNone);
  facts.quiet = d_.session_ttl * 2 - kTick;
  EXPECT_EQ(Next(facts), Move::kNone);
  facts.quiet = d_.session_ttl * 2;
  EXPECT_NE(Next(facts), Move::kNone);
}

}  // namespace
}  // namespace lockstep::coordinator
