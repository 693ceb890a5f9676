#include "coordinator/lease/elector.h"

#include <atomic>
#include <gtest/gtest.h>

#include "coordinator/store/leader_store.h"
#include "tests/coordinator/core_fixture.h"
#include "tests/support/eventually.h"
#include "tests/support/log_capture.h"
#include "tests/support/matchers.h"
#include "tests/support/sim_clock.h"

namespace lockstep::coordinator {
namespace {

using testing::Eventually;
using testing::LockstepDatabase;

// Real PostgreSQL and a real thread, so real time; ten times as fast as in production.
class ElectorTest : public ::testing::Test {
 protected:
  ElectorTest() { lockstep_.db().Query("DELETE FROM lockstep.leader"); }

  ElectorOptions Options(const std::string& name, const base::Clock* clock = base::SystemClock()) {
    return {.connection = {.conninfo = lockstep_.db().conninfo(), .application_name = name},
            .address = [name] { return name; },
            .durations = Scaled({}, 10),
            .clock = clock,
            .on_elected = [this](const LeaderToken&) { ++elected_; },
            .on_deposed = [this] { ++deposed_; }};
  }
  void Terminate(const std::string& name) {
    lockstep_.db().Query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1",
        {postgres::Param(name)});
  }

  LockstepDatabase lockstep_;
  std::atomic<int> elected_{0};
  std::atomic<int> deposed_{0};
};

// On a clock that stands still, because a loaded machine may keep the first renewal waiting for so
// long that the elector rightly steps down. leadership() is there before on_elected was called.
TEST_F(ElectorTest, AloneItLeads) {
  testing::SimClock clock;
  Elector elector(Options("one", &clock));
  EXPECT_FALSE(elector.leadership().has_value());
  elector.Start();
  ASSERT_TRUE(Eventually([&] { return elector.leadership().has_value(); }));
  EXPECT_EQ(elector.leader_address(), "one");
  EXPECT_TRUE(Eventually([&] { return elected_ == 1; }));
}

TEST_F(ElectorTest, OfTwoOneLeadsAndTheOtherKnowsWhere) {
  Elector one(Options("one"));
  Elector two(Options("two"));
  one.Start();
  ASSERT_TRUE(Eventually([&] { return one.leadership().has_value(); }));
  two.Start();
  ASSERT_TRUE(Eventually([&] { return two.leader_address() == "one"; }));
  EXPECT_FALSE(two.leadership().has_value());
}

TEST_F(ElectorTest, ResigningLetsTheOtherLead) {
  auto one = std::make_unique<Elector>(Options("one"));
  Elector two(Options("two"));
  one->Start();
  ASSERT_TRUE(Eventually([&] { return one->leadership().has_value(); }));
  const LeaderToken first = *one->leadership();
  two.Start();
  one->Stop();
  one->Stop();  // Idempotent.
  EXPECT_FALSE(one->leadership().has_value());
  ASSERT_TRUE(Eventually([&] { return two.leadership().has_value(); }));
  EXPECT_GT(two.leadership()->epoch, first.epoch);
}

TEST_F(ElectorTest, KeepsLeadingOverALostConnection) {
  Elector elector(Options("one"));
  elector.Start();
  ASSERT_TRUE(Eventually([&] { return elector.leadership().has_value(); }));
  Terminate("one");
  // Another connection goes on renewing; it may step down in between, but it comes back.
  const int64_t renewals = std::stoll(lockstep_.Scalar("SELECT renew_seq FROM lockstep.leader"));
  EXPECT_TRUE(Eventually([&] {
    return elector.leadership().has_value() &&
           std::stoll(lockstep_.Scalar("SELECT renew_seq + 1000 * epoch FROM lockstep.leader")) >
               renewals + 1000;
  }));
}

TEST_F(ElectorTest, StepsDownByItsClockWhenTheDatabaseIsSilent) {
  Elector elector(Options("one"));
  elector.Start();
  ASSERT_TRUE(Eventually([&] { return elector.leadership().has_value(); }));
  // Its renewals wait behind this, so none is acknowledged.
  const auto silence = lockstep_.Session();
  (void)silence->Execute("BEGIN");
  (void)silence->Execute("LOCK TABLE lockstep.leader IN ACCESS EXCLUSIVE MODE");
  EXPECT_TRUE(Eventually([&] { return !elector.leadership().has_value(); }));
  EXPECT_TRUE(Eventually([&] { return deposed_ >= 1; }));
  (void)silence->Execute("COMMIT");
  EXPECT_TRUE(Eventually([&] { return elector.leadership().has_value(); }));
}

// As after SIGSTOP and SIGCONT, or a suspended machine: the first question after the silence must
// not be answered from memory.
TEST_F(ElectorTest, AfterALongSilenceItDoesNotBelieveItselfLeader) {
  testing::SimClock clock;
  ElectorOptions options = Options("one", &clock);
  options.durations.leader_renew = absl::Hours(1);  // It does nothing by itself meanwhile.
  Elector elector(options);
  elector.Start();
  ASSERT_TRUE(Eventually([&] { return elector.leadership().has_value(); }));
  clock.Advance(options.durations.leader_depose);
  EXPECT_TRUE(elector.leadership().has_value());
  clock.Advance(absl::Milliseconds(1));
  EXPECT_FALSE(elector.leadership().has_value());
}

TEST_F(ElectorTest, OneThatWasReplacedLearnsItAtItsNextRenewal) {
  Elector elector(Options("one"));
  elector.Start();
  ASSERT_TRUE(Eventually([&] { return elector.leadership().has_value(); }));
  lockstep_.db().Query(
      "UPDATE lockstep.leader SET epoch = epoch + 1, holder = gen_random_uuid(), address = "
      "'usurper', "
      "expires_at = clock_timestamp() + interval '1 hour'");
  ASSERT_TRUE(Eventually([&] { return deposed_ == 1; }));
  EXPECT_TRUE(Eventually([&] { return elector.leader_address() == "usurper"; }));
}

TEST_F(ElectorTest, TakesALeaseThatItsOwnClockSawStandStill) {
  // The database's clock says that it has not expired, but nobody renews it.
  const auto other = AcquireLeadership(lockstep_.admin(), "00000000-0000-0000-0000-000000000001",
                                       "dead", absl::Hours(1), {});
  ASSERT_TRUE(other.ok());
  testing::SimClock clock;
  ElectorOptions options = Options("one", &clock);
  Elector elector(options);
  elector.Start();
  ASSERT_TRUE(Eventually([&] { return elector.leader_address() == "dead"; }));
  EXPECT_FALSE(elector.leadership().has_value());
  clock.Advance(options.durations.leader_ttl * 2);
  EXPECT_TRUE(Eventually([&] { return elected_ == 1; }));
}

// The row is an admitted transaction's of the old leader: even one whose lease is over is waited
// for.
TEST_F(ElectorTest, TakesOverOnlyWhenTheOldLeadersTransactionHasEnded) {
  const std::string holder = "00000000-0000-0000-0000-000000000001";
  const auto old = AcquireLeadership(lockstep_.admin(), holder, "old", -absl::Seconds(1), {});
  ASSERT_TRUE(old.ok());
  const auto writing = lockstep_.Session();
  ASSERT_THAT(writing->Execute("BEGIN"), testing::IsOk());
  ASSERT_THAT(writing->Execute("SELECT lockstep.leader_fence($1, $2)",
                               {postgres::Param(old->token.epoch), postgres::Param(holder)}),
              testing::IsOk());
  Elector elector(Options("one"));
  elector.Start();
  ASSERT_TRUE(Eventually([&] {
    return lockstep_.Scalar(
               "SELECT count(*) FROM pg_stat_activity WHERE application_name = "
               "'one' AND wait_event_type = 'Lock'") == "1";
  }));
  ASSERT_THAT(writing->Execute("SELECT lockstep.emit('late', NULL, NULL, NULL)"), testing::IsOk());
  EXPECT_EQ(elected_, 0);
  ASSERT_THAT(writing->Execute("COMMIT"), testing::IsOk());
  EXPECT_TRUE(Eventually([&] { return elected_ >= 1; }));
  EXPECT_EQ(lockstep_
                .Scalar("SELECT string_agg(kind, ' ' ORDER BY revision) FROM lockstep.event "
                        "WHERE revision >= (SELECT revision FROM lockstep.event WHERE kind = "
                        "'late') LIMIT 2")
                .substr(0, 19),
            "late leader_elected");
}

TEST_F(ElectorTest, AFailoverMakesTheLeaderDropWhatItRemembersAndLeadAnew) {
  Elector elector(Options("one"));
  elector.Start();
  ASSERT_TRUE(Eventually([&] { return elected_ == 1; }));
  const int64_t epoch = std::stoll(lockstep_.Scalar("SELECT epoch FROM lockstep.leader"));
  lockstep_.db().Query("UPDATE lockstep.chain SET timeline = timeline + 4");
  ASSERT_TRUE(Eventually([&] { return elected_ >= 2; }));
  EXPECT_GE(deposed_, 1);
  EXPECT_EQ(lockstep_.Scalar("SELECT incarnation FROM lockstep.chain"), "2");
  EXPECT_EQ(lockstep_.Scalar("SELECT settled_incarnation FROM lockstep.chain"), "1");
  EXPECT_GT(std::stoll(lockstep_.Scalar("SELECT epoch FROM lockstep.leader")), epoch);
}

// A copy of the server's files that was put back differs by nothing but its numbers.
TEST_F(ElectorTest, ALeaderNoticesThatItsOwnRowWentBack) {
  Elector elector(Options("one"));
  elector.Start();
  ASSERT_TRUE(Eventually([&] {
    return std::stoll(
               lockstep_.Scalar("SELECT coalesce(max(renew_seq), 0) FROM lockstep.leader")) >= 2;
  }));
  lockstep_.db().Query("UPDATE lockstep.leader SET renew_seq = -100");
  EXPECT_TRUE(Eventually(
      [&] { return lockstep_.Scalar("SELECT incarnation FROM lockstep.chain") == "2"; }));
  EXPECT_TRUE(Eventually([&] { return elector.leadership().has_value(); }));
}

TEST_F(ElectorTest, AFollowerThatRemembersMoreThanTheDatabaseTakesOver) {
  // The leader lives, renews, and has started after the restore: it cannot know.
  const std::string holder = "00000000-0000-0000-0000-000000000001";
  const auto other = AcquireLeadership(lockstep_.admin(), holder, "new", absl::Hours(1), {});
  ASSERT_TRUE(other.ok());
  lockstep_.db().Query("UPDATE lockstep.chain SET revision = revision + 50");
  testing::SimClock clock;
  const ElectorOptions options = Options("one", &clock);
  Elector follower(options);
  follower.Start();
  ASSERT_TRUE(Eventually([&] { return follower.leader_address() == "new"; }));
  testing::LogCapture log;
  lockstep_.db().Query("UPDATE lockstep.chain SET revision = revision - 50");
  ASSERT_TRUE(Eventually([&] { return log.Contains("not the one that is remembered"); }));
  // Whoever leads is left a TTL to notice by itself.
  EXPECT_EQ(lockstep_.Scalar("SELECT incarnation FROM lockstep.chain"), "1");
  EXPECT_EQ(elected_, 0);
  clock.Advance(options.durations.leader_ttl);
  EXPECT_TRUE(Eventually([&] { return elected_ == 1; }));
  EXPECT_EQ(lockstep_.Scalar("SELECT incarnation FROM lockstep.chain"), "2");
}

TEST_F(ElectorTest, WhatTheDriverNoticesBeginsANewIncarnationAtOnce) {
  testing::SimClock clock;
  ElectorOptions options = Options("one", &clock);
  options.durations.leader_renew = absl::Hours(1);  // It does not notice by itself.
  Elector elector(options);
  elector.Start();
  ASSERT_TRUE(Eventually([&] { return elected_ == 1; }));
  elector.Distrust(1, "the revision went back from 9 to 4");
  EXPECT_TRUE(Eventually([&] { return elected_ == 2; }));
  EXPECT_EQ(deposed_, 1);
  EXPECT_EQ(lockstep_.Scalar("SELECT incarnation FROM lockstep.chain"), "2");
}

// The elector and the driver both see the numbers go back; the slower one tells of it when the new
// incarnation has begun already.
TEST_F(ElectorTest, WhatIsNoticedTwiceBeginsOneIncarnation) {
  testing::SimClock clock;
  ElectorOptions options = Options("one", &clock);
  options.durations.leader_renew = absl::Hours(1);
  Elector elector(options);
  elector.Start();
  ASSERT_TRUE(Eventually([&] { return elected_ == 1; }));
  elector.Distrust(1, "the revision went back from 9 to 4");
  ASSERT_TRUE(Eventually([&] { return elected_ == 2; }));
  const std::string row = "SELECT epoch || ' ' || renew_seq FROM lockstep.leader";
  const std::string before = lockstep_.Scalar(row);
  elector.Distrust(1, "the revision went back from 9 to 5");
  // Woken by it, it renews, or it has stepped down and been elected again.
  ASSERT_TRUE(Eventually([&] { return lockstep_.Scalar(row) != before; }));
  EXPECT_EQ(lockstep_.Scalar("SELECT incarnation FROM lockstep.chain"), "2");
  EXPECT_EQ(deposed_, 1);
}

TEST_F(ElectorTest, WithoutADatabaseItDoesNotLeadAndStopsAtOnce) {
  ElectorOptions options = Options("one");
  options.connection.conninfo = "host=/nonexistent dbname=none";
  Elector elector(options);
  elector.Start();
  EXPECT_FALSE(elector.leadership().has_value());
  elector.Stop();
}

}  // namespace
}  // namespace lockstep::coordinator
