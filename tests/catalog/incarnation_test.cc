// Incarnations as the SQL functions see them: the marks of a failover or a restore are set by hand
// here; tests/e2e/failover_test makes real ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "coordinator/store/chain_store.h"
#include "coordinator/store/leader_store.h"
#include "coordinator/store/operation_store.h"
#include "engine/base/ids.h"
#include "tests/catalog/lockstep_database.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using coordinator::AcquireLeadership;
using coordinator::LeaderRow;
using coordinator::RenewLeadership;

const auto kNotLeader = StatusIs(absl::StatusCode::kUnavailable, "NOT_LEADER");

class IncarnationTest : public ::testing::Test {
 protected:
  void FailOver() { lockstep_.db().Query("UPDATE lockstep.chain SET timeline = timeline + 4"); }
  // Somebody takes over at once.
  LeaderRow TakeOver(int64_t beyond = 0) {
    lockstep_.db().Query("UPDATE lockstep.leader SET expires_at = '-infinity'");
    const auto row = AcquireLeadership(lockstep_.admin(), base::NewUuid(), "other:1",
                                       absl::Hours(1), {}, beyond);
    EXPECT_THAT(row, IsOk());
    return row.value_or(LeaderRow{});
  }
  std::string Chain(const std::string& what) {
    return lockstep_.Scalar(absl::StrCat("SELECT ", what, " FROM lockstep.chain"));
  }

  LockstepDatabase lockstep_;
};

TEST_F(IncarnationTest, TheFirstLeaderRecordsTheServer) {
  EXPECT_EQ(Chain("incarnation"), "1");
  EXPECT_EQ(Chain("timeline"), lockstep_.Scalar("SELECT timeline_id FROM pg_control_checkpoint()"));
  EXPECT_EQ(Chain("system_identifier"),
            lockstep_.Scalar("SELECT system_identifier FROM pg_control_system()"));
  EXPECT_EQ(lockstep_.Scalar("SELECT count(*) FROM lockstep.event WHERE kind = "
                             "'incarnation_began'"),
            "0");
}

TEST_F(IncarnationTest, ATakeoverOnTheSameServerBeginsNone) {
  EXPECT_EQ(TakeOver().incarnation, 1);
  EXPECT_TRUE(coordinator::ReadChain(lockstep_.admin())->settled);
}

TEST_F(IncarnationTest, OnAnotherTimelineNoLeaderWritesBeforeItHasAcquiredTheRowAgain) {
  FailOver();
  auto& admin = lockstep_.admin();
  EXPECT_THAT(coordinator::CancelOperation(admin, lockstep_.leader(), "op", "a", "r"), kNotLeader);
  EXPECT_THAT(lockstep_.TryGrant(1, 1), kNotLeader);
  const auto renewal = RenewLeadership(admin, lockstep_.leader(), absl::Hours(1));
  ASSERT_THAT(renewal, IsOk());
  EXPECT_TRUE(renewal->leads);
  EXPECT_FALSE(renewal->same_server);
  const LeaderRow row = TakeOver();
  EXPECT_EQ(row.incarnation, 2);
  EXPECT_EQ(Chain("timeline"), lockstep_.Scalar("SELECT lockstep.timeline()"));
  EXPECT_THAT(RenewLeadership(admin, row.token, absl::Hours(1)),
              IsOkAndHolds(::testing::Field(&coordinator::Renewal::same_server, true)));
  EXPECT_EQ(lockstep_.Scalar("SELECT detail ->> 'incarnation' FROM lockstep.event WHERE kind = "
                             "'incarnation_began'"),
            "2");
}

TEST_F(IncarnationTest, AnotherServerBeginsOne) {
  lockstep_.db().Query("UPDATE lockstep.chain SET system_identifier = 1");
  EXPECT_FALSE(RenewLeadership(lockstep_.admin(), lockstep_.leader(), absl::Hours(1))->same_server);
  EXPECT_EQ(TakeOver().incarnation, 2);
  EXPECT_EQ(TakeOver().incarnation, 2);
}

// Numbers of a branch that was lost must not come again: cursors carry them.
TEST_F(IncarnationTest, TheNumberIsBeyondWhatTheCallerRemembersAndNotBelowTheTimeline) {
  EXPECT_EQ(TakeOver(7).incarnation, 8);
  EXPECT_EQ(TakeOver(7).incarnation, 8);
  EXPECT_EQ(TakeOver(8).incarnation, 9);
}

TEST_F(IncarnationTest, WhereTheIdentifierIsHiddenTheTimelineTells) {
  lockstep_.db().RunScript(
      "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC; "
      "UPDATE lockstep.chain SET system_identifier = 1");
  EXPECT_EQ(lockstep_.Scalar("SELECT lockstep.system_identifier()"), "NULL");
  EXPECT_EQ(TakeOver().incarnation, 1);
  FailOver();
  EXPECT_EQ(TakeOver().incarnation, 2);
  EXPECT_EQ(Chain("system_identifier"), "1");
}

TEST_F(IncarnationTest, NoContractIsGrantedBeforeItIsSettledAndEverythingElseIs) {
  lockstep_.Publish({{}, {.phase = "contract"}});
  FailOver();
  const LeaderToken old = lockstep_.TakeOver();
  EXPECT_FALSE(coordinator::ReadChain(lockstep_.admin())->settled);
  lockstep_.Run(1, 1);
  EXPECT_THAT(lockstep_.TryGrant(2, 2),
              StatusIs(absl::StatusCode::kFailedPrecondition, "GATE_CLOSED"));
  // Of another incarnation: changes nothing.
  EXPECT_THAT(coordinator::MarkSettled(lockstep_.admin(), lockstep_.leader(), 1), IsOk());
  EXPECT_FALSE(coordinator::ReadChain(lockstep_.admin())->settled);
  EXPECT_THAT(coordinator::MarkSettled(lockstep_.admin(), old, 2), kNotLeader);
  EXPECT_THAT(coordinator::MarkSettled(lockstep_.admin(), lockstep_.leader(), 2), IsOk());
  EXPECT_TRUE(coordinator::ReadChain(lockstep_.admin())->settled);
  EXPECT_THAT(lockstep_.TryGrant(2, 2), IsOk());
}

}  // namespace
}  // namespace lockstep::testing
