// A part that ends whoever works on it: each holder is lost, none reports why.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <thread>

#include "tests/backfill/fixture.h"
#include "tests/support/eventually.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;

constexpr int kMostLost = 5;  // As the fixture's Revoke has it.
constexpr char kFill[] =
    "-- lockstep:after 1\n-- lockstep:table t\n-- lockstep:key id\n-- lockstep:batch 100\n"
    "-- lockstep:section batch\nUPDATE t SET v = v + 1 WHERE id > $1 AND id <= $2;\n"
    "-- lockstep:section verify\nSELECT id FROM t WHERE v = 0;\n";

class LostHolders : public ::testing::Test {
 protected:
  LostHolders() {
    db_.RunScript(
        "CREATE TABLE t (id bigint PRIMARY KEY, v int NOT NULL DEFAULT 0); "
        "INSERT INTO t SELECT g FROM generate_series(1, 1000) g");
    db_.Publish("fill", kFill);
    db_.Start("fill");
  }

  void Lose(int times) {
    for (int i = 0; i < times; ++i) {
      const auto part = db_.Grant();
      ASSERT_TRUE(part.has_value()) << i;
      EXPECT_TRUE(db_.Revoke(*part));
    }
  }
  std::string Error(const std::string& field) {
    return db_.db().Scalar("SELECT coalesce(error ->> $1, '') FROM lockstep.backfill",
                           {postgres::Param(field)});
  }
  std::string FailedEvents() {
    return db_.Scalar("SELECT count(*) FROM lockstep.event WHERE kind = 'backfill_failed'");
  }

  BackfillDatabase db_;
};

TEST_F(LostHolders, FiveInARowEndTheJobAndItGoesOnWhereItStopped) {
  ASSERT_EQ(db_.Run(*db_.Grant()).outcome, backfill::PartOutcome::kDone);  // Prepare.
  Lose(kMostLost - 1);
  EXPECT_EQ(db_.State("fill"), "running");
  Lose(1);
  EXPECT_EQ(db_.State("fill"), "failed");
  EXPECT_EQ(Error("reason"), "HOLDERS_LOST");
  EXPECT_THAT(Error("message"),
              HasSubstr("range 1 of the backfill was taken back 5 times in a row"));
  EXPECT_THAT(Error("message"), HasSubstr("test@agent 5 times"));
  EXPECT_THAT(Error("hint"), HasSubstr("lockstep backfill start fill"));
  EXPECT_EQ(FailedEvents(), "1");
  EXPECT_FALSE(db_.Grant().has_value());

  EXPECT_EQ(db_.Start("fill"), "resumed");
  Lose(kMostLost - 1);  // Counted anew.
  EXPECT_THAT(db_.RunAll(), IsOk());
  EXPECT_EQ(db_.State("fill"), "done");
  EXPECT_EQ(db_.Scalar("SELECT min(v) || ' ' || max(v) FROM t"), "1 1");
}

TEST_F(LostHolders, OfTheFirstPartCountAsWell) {
  Lose(kMostLost);
  EXPECT_EQ(db_.State("fill"), "failed");
  EXPECT_THAT(Error("message"), HasSubstr("section prepare of the backfill"));
}

TEST_F(LostHolders, ABatchBeginsTheCountAnew) {
  db_.Set("fill", R"({"rate": 100})");
  ASSERT_EQ(db_.Run(*db_.Grant()).outcome, backfill::PartOutcome::kDone);
  Lose(kMostLost - 1);
  const auto part = db_.Grant();
  ASSERT_TRUE(part.has_value());
  std::thread runner([&] { (void)db_.Run(*part); });
  EXPECT_TRUE(Eventually([&] { return db_.Batches("fill") > 0; }));
  EXPECT_TRUE(db_.Revoke(*part));
  runner.join();
  EXPECT_EQ(db_.State("fill"), "running");
  Lose(kMostLost - 2);  // With the one above not yet too many.
  EXPECT_EQ(db_.State("fill"), "running");
}

TEST_F(LostHolders, AFailureThatIsReportedBeginsTheCountAnew) {
  Lose(kMostLost - 1);
  const auto part = db_.Grant();
  ASSERT_TRUE(part.has_value());
  db_.db().Query("SELECT lockstep.backfill_give_back($1, $2, '{\"message\": \"a lock\"}', '0')",
                 {postgres::Param(part->token.epoch), postgres::Param(part->token.lease_id)});
  Lose(kMostLost - 1);
  EXPECT_EQ(db_.State("fill"), "running");
  Lose(1);
  EXPECT_EQ(db_.State("fill"), "failed");
}

TEST_F(LostHolders, WhoStoodStillDoesNotCount) {
  for (int i = 0; i < 2 * kMostLost; ++i) {
    const auto part = db_.Grant();
    ASSERT_TRUE(part.has_value());
    db_.db().Query("SELECT FROM lockstep.backfill_beat($1, $2, 'it is paused', '0', '30 s')",
                   {postgres::Param(part->token.epoch), postgres::Param(part->token.lease_id)});
    EXPECT_TRUE(db_.Revoke(*part));
  }
  EXPECT_EQ(db_.State("fill"), "running");
}

}  // namespace
}  // namespace lockstep::testing
