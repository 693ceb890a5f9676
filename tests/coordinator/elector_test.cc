#include "coordinator/lease/elector.h"

#include <atomic>
#include <gtest/gtest.h>

#include "coordinator/store/leader_store.h"
#include "tests/coordinator/core_fixture.h"
#include "tests/support/eventually.h"
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

TEST_F(ElectorTest, AloneItLeads) {
  Elector elector(Options("one"));
  EXPECT_FALSE(elector.leadership().has_value());
  elector.Start();
  ASSERT_TRUE(Eventually([&] { return elector.leadership().has_value(); }));
  EXPECT_EQ(elector.leader_address(), "one");
  EXPECT_EQ(elected_, 1);
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
