// Who is told what migrations changed, and what of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/store/schema_change_store.h"
#include "tests/coordinator/session_fleet.h"

namespace lockstep::coordinator {
namespace {

using ::testing::ElementsAre;
using testing::SessionFleet;

class SchemaFeedTest : public ::testing::Test {
 protected:
  int64_t Revision() {
    return std::stoll(f_.lockstep().Scalar("SELECT revision FROM lockstep.chain"));
  }
  // What the driver does when it has looked.
  void Tell(int limit = 100) {
    const int64_t revision = Revision();
    const auto after = f_.fleet().SchemaBehind(revision);
    if (!after.has_value()) return;
    const auto changes = ReadAppliedChanges(f_.lockstep().admin(), *after, limit);
    ASSERT_THAT(changes, testing::IsOk());
    f_.fleet().TellSchema(*changes, static_cast<int>(changes->size()) == limit, revision, 7);
  }
  SessionFleet f_;
};

TEST_F(SchemaFeedTest, WhoeverServesIsToldWhatChangedSince) {
  f_.lockstep().Publish({{.touches = {{"a", "public.a"}}}, {.touches = {{"b.x"}}}, {}});
  f_.lockstep().Run(1, 1);
  const auto old = f_.Hello(f_.lockstep().Instance("old", 1));
  const auto waits = f_.Hello(f_.lockstep().Instance("waits", 3));
  Tell();
  EXPECT_TRUE(old.link->changes().empty());  // What it found is what it knows.
  f_.lockstep().Run(2, 2);
  Tell();
  Tell();
  ASSERT_EQ(old.link->changes().size(), 1u);
  EXPECT_THAT(old.link->changes()[0].objects, ElementsAre("b.x"));
  EXPECT_FALSE(old.link->changes()[0].everything);
  EXPECT_EQ(old.link->changes()[0].applied, 7);
  f_.lockstep().Run(3, 3);  // Nobody knows what it touches.
  Tell();
  ASSERT_EQ(old.link->changes().size(), 2u);
  EXPECT_TRUE(old.link->changes()[1].everything);
  EXPECT_TRUE(waits.link->changes().empty());
  EXPECT_EQ(f_.fleet().SchemaBehind(Revision()), std::nullopt);
}

TEST_F(SchemaFeedTest, WhoComesBackIsToldWhatItMissedAndNothingTwice) {
  f_.lockstep().Publish({{.touches = {{"a"}}}, {.touches = {{"b"}}}});
  auto agent = f_.Hello(f_.lockstep().Instance("i", 0));
  const int64_t knows = Revision();
  f_.Lose(agent);
  f_.lockstep().Run(1, 1);
  f_.ChangeLeader();
  agent.declaration.schema_revision = knows;
  auto back = f_.Hello(agent.declaration);
  Tell();
  ASSERT_EQ(back.link->changes().size(), 1u);
  EXPECT_THAT(back.link->changes()[0].objects, ElementsAre("a"));
  f_.lockstep().Run(2, 2);
  Tell();
  ASSERT_EQ(back.link->changes().size(), 2u);
  EXPECT_THAT(back.link->changes()[1].objects, ElementsAre("b"));
  back.declaration.schema_revision = back.link->changes()[1].revision;
  const auto again = f_.Hello(back.declaration);
  Tell();
  EXPECT_TRUE(again.link->changes().empty());
}

TEST_F(SchemaFeedTest, MoreThanIsReadIsEverything) {
  f_.lockstep().Publish({{.touches = {{"a"}}}, {.touches = {{"b"}}}});
  const auto agent = f_.Hello(f_.lockstep().Instance("i", 0));
  f_.lockstep().Run(1, 2);
  Tell(1);
  ASSERT_EQ(agent.link->changes().size(), 1u);
  EXPECT_TRUE(agent.link->changes()[0].everything);
}

}  // namespace
}  // namespace lockstep::coordinator
