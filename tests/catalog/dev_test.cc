// What only a development database permits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error_info.h"
#include "tests/catalog/lockstep_database.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using absl::StatusCode;
using ::testing::Not;

class DevTest : public ::testing::Test {
 protected:
  void Mark() { lockstep_.db().RunScript("UPDATE lockstep.setting SET dev = true"); }
  absl::Status Unpublish(int from) {
    return lockstep_.admin()
        .Query("SELECT lockstep.dev_unpublish($1)", {postgres::Param(from)})
        .status();
  }
  LockstepDatabase lockstep_;
};

TEST_F(DevTest, WithoutTheMarkNothingIsTakenBackOrClearedAway) {
  lockstep_.Publish({{}, {}});
  EXPECT_THAT(Unpublish(2), StatusIs(StatusCode::kFailedPrecondition, "NOT_DEVELOPMENT"));
  EXPECT_THAT(lockstep_.admin().Query("SELECT lockstep.dev_recover()"),
              StatusIs(StatusCode::kFailedPrecondition, "NOT_DEVELOPMENT"));
  EXPECT_EQ(lockstep_.Scalar("SELECT head FROM lockstep.chain"), "2");
}

TEST_F(DevTest, WhatHasNotRunIsTakenBackAndTheHeadMovesBack) {
  Mark();
  lockstep_.Publish({{}});
  const std::string hash = lockstep_.Scalar("SELECT chain_hash FROM lockstep.chain");
  lockstep_.Publish({{}, {}});
  EXPECT_THAT(Unpublish(2), IsOk());
  EXPECT_EQ(lockstep_.Scalar("SELECT head FROM lockstep.chain"), "1");
  EXPECT_EQ(lockstep_.Scalar("SELECT chain_hash FROM lockstep.chain"), hash);
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.migration"), "1");
  EXPECT_THAT(Unpublish(1), IsOk());
  EXPECT_EQ(lockstep_.Scalar("SELECT head FROM lockstep.chain"), "0");
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.event WHERE kind = 'unpublished'"),
            "2");
}

TEST_F(DevTest, WhatHasRunStays) {
  Mark();
  lockstep_.Publish({{}, {}});
  lockstep_.Run(1, 2);
  lockstep_.Publish({{}});
  EXPECT_THAT(Unpublish(2), StatusIs(StatusCode::kFailedPrecondition, "ALREADY_APPLIED"));
  EXPECT_EQ(lockstep_.Scalar("SELECT head FROM lockstep.chain"), "3");
}

TEST_F(DevTest, NothingIsTakenBackWhileARunIsInFlightAndRecoverEndsIt) {
  Mark();
  lockstep_.Publish({{}, {}});
  const LeaseToken token = lockstep_.Grant(1, 2);
  EXPECT_THAT(Unpublish(1), StatusIs(StatusCode::kAborted, "OPERATION_IN_PROGRESS"));
  EXPECT_THAT(lockstep_.admin().Query("SELECT lockstep.dev_recover()"), IsOk());
  auto holder = lockstep_.Session();
  EXPECT_THAT(Open(*holder, token, 1), Not(IsOk())) << "the old token is worth nothing";
  EXPECT_THAT(holder->Execute("ROLLBACK"), IsOk());
  EXPECT_THAT(Unpublish(1), IsOk());
}

}  // namespace
}  // namespace lockstep::testing
