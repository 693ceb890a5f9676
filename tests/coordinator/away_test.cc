// Without a coordinator: instances let themselves in and say goodbye in the database, and whoever
// leads next has to understand what they did.
#include <gtest/gtest.h>
#include <vector>

#include "absl/strings/str_cat.h"

#include "tests/coordinator/session_fleet.h"

namespace lockstep::coordinator {
namespace {

using testing::SessionFleet;

class AwayTest : public ::testing::Test {
 protected:
  using Agent = SessionFleet::Agent;

  absl::Duration ttl() const { return f_.durations().session_ttl; }
  // As an agent does that no coordinator answers; returns the verdict's reason.
  std::string AdmitDirectly(const Declaration& d) {
    return f_.lockstep().db().Scalar(
        "SELECT reason FROM lockstep.admit($1, $2, $3, $4, $5, true, $6, $7, NULL, $8, NULL, $9, "
        "'direct', false, '')",
        {postgres::Param(d.session_id), postgres::Param(d.service), postgres::Param(d.instance),
         postgres::Param(d.nonce), postgres::Param(d.build), postgres::Param(d.built_for),
         postgres::BytesParam(d.chain_hash), postgres::Param(d.adapted_to),
         postgres::Param(d.stop_on_session_loss ? "stop" : "keep")});
  }
  void LeaveDirectly(const Declaration& d) {
    f_.lockstep().db().Query("SELECT lockstep.leave($1, $2)",
                             {postgres::Param(d.session_id), postgres::Param(d.nonce)});
  }

  SessionFleet f_;
};

TEST_F(AwayTest, ALeaderComesToKnowWhomTheDatabaseLetIn) {
  Declaration declaration = f_.lockstep().Instance("i", 0);
  declaration.stop_on_session_loss = true;
  ASSERT_EQ(AdmitDirectly(declaration), "ready");
  EXPECT_TRUE(f_.fleet().Members().empty());
  f_.Pass(ttl());
  const auto member = f_.fleet().Find(declaration.session_id);
  ASSERT_TRUE(member.has_value());
  EXPECT_TRUE(member->direct);
  EXPECT_TRUE(member->admitted);
  f_.Pass(ttl() * 20);
  EXPECT_EQ(f_.StateOf({declaration, nullptr}), "suspect");  // Which counts.
  // When it is heard it is an ordinary session, and the same one.
  const Agent agent = f_.Hello(declaration);
  EXPECT_EQ(agent.link->reason(), "ready");
  EXPECT_EQ(f_.Of(agent, "via"), "coordinator");
  EXPECT_EQ(f_.StateOf(agent), "live");
}

TEST_F(AwayTest, AnInstanceThatLeftInTheDatabaseIsForgotten) {
  const Agent agent = f_.Start("i");
  f_.Lose(agent);
  LeaveDirectly(agent.declaration);
  f_.Pass(ttl());
  EXPECT_TRUE(f_.fleet().Members().empty());
  EXPECT_EQ(f_.StateOf(agent), "closed");
  EXPECT_EQ(f_.Events("session_suspect"), "0");
}

TEST_F(AwayTest, OneThatWaitedHereAndWasLetInThereGoesOnToCount) {
  f_.lockstep().Publish({{}});
  const Agent agent = f_.Hello(f_.lockstep().Instance("i", 1));
  EXPECT_EQ(agent.link->reason(), "behind");
  f_.Lose(agent);
  f_.lockstep().Run(1, 1);
  ASSERT_EQ(AdmitDirectly(agent.declaration), "ready");
  f_.Pass(f_.durations().waiting_grace * 4);
  EXPECT_EQ(f_.StateOf(agent), "live");
  const auto member = f_.fleet().Find(agent.declaration.session_id);
  ASSERT_TRUE(member.has_value());
  EXPECT_TRUE(member->admitted);
  EXPECT_TRUE(member->direct);
}

TEST_F(AwayTest, AnHourWithoutCoordinatorsEndsNobodyWhoServes) {
  f_.lockstep().Publish({{}, {.phase = "contract"}});
  f_.lockstep().Run(1, 1);
  std::vector<Agent> before;
  for (int i = 0; i < 8; ++i) {
    before.push_back(f_.Hello(f_.lockstep().Instance(absl::StrCat("old", i), 1)));
  }
  f_.fleet().DisconnectAll(absl::UnavailableError("killed"));
  std::vector<Declaration> during;
  for (int minute = 0; minute < 60; ++minute) {
    f_.clock().Advance(absl::Minutes(1));
    if (minute % 10 != 0) continue;
    Declaration declaration = f_.lockstep().Instance(absl::StrCat("new", minute), 1);
    declaration.stop_on_session_loss = minute % 20 == 0;
    ASSERT_EQ(AdmitDirectly(declaration), "ready");
    during.push_back(declaration);
  }
  // Nobody leads, so no contract can have been granted; nor is one by whoever leads next.
  f_.settled = false;
  f_.ChangeLeader();
  f_.Pass(ttl() * 2);
  f_.settled = true;
  f_.Pass(ttl() * 4);
  for (const Agent& agent : before) EXPECT_EQ(f_.StateOf(agent), "suspect");
  for (const Declaration& d : during) EXPECT_EQ(f_.StateOf({d, nullptr}), "suspect");
  EXPECT_FALSE(f_.lockstep().TryGrant(2, 2).ok());
  for (const Agent& agent : before) {
    EXPECT_EQ(f_.Hello(agent.declaration).link->reason(), "ready");
    EXPECT_EQ(f_.StateOf(agent), "live");
  }
  for (const Declaration& d : during) {
    EXPECT_EQ(f_.Hello(d).link->reason(), "ready");
    EXPECT_EQ(f_.Of({d, nullptr}, "via"), "coordinator");
  }
  EXPECT_EQ(f_.Events("session_expired"), "0");
}

TEST_F(AwayTest, WhomAContractConcernsThatRanIsRefusedThereToo) {
  f_.lockstep().Publish({{}, {.phase = "contract"}});
  f_.lockstep().Run(1, 1);
  f_.lockstep().Run(2, 2);
  f_.fleet().DisconnectAll(absl::UnavailableError("killed"));
  EXPECT_EQ(AdmitDirectly(f_.lockstep().Instance("old", 1)), "too_old");
  Declaration adapted = f_.lockstep().Instance("new", 2);
  adapted.adapted_to = 2;
  EXPECT_EQ(AdmitDirectly(adapted), "ready");
}

}  // namespace
}  // namespace lockstep::coordinator
