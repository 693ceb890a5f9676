// What the database itself refuses when sessions end, and what it tells those that come back.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "coordinator/store/session_end_store.h"
#include "coordinator/store/session_store.h"
#include "tests/catalog/lockstep_database.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using coordinator::EndRule;
using coordinator::ExpireSession;

class SessionEndSqlTest : public ::testing::Test {
 protected:
  Declaration Admitted(const std::string& name) {
    Declaration instance = lockstep_.Instance(name, 0);
    EXPECT_EQ(lockstep_.Admit(instance).reason, "ready");
    return instance;
  }
  std::string Check(const Declaration& instance) {
    const auto session = lockstep_.Session(service_);
    return StateOf(session->Execute("SELECT lockstep.check_session($1)",
                                    {postgres::Param(instance.session_id)}));
  }
  void SetState(const Declaration& instance, const std::string& state) {
    lockstep_.db().Query("UPDATE lockstep.session SET state = $1 WHERE session_id = $2",
                         {postgres::Param(state), postgres::Param(instance.session_id)});
  }
  int BackendsOf(const Declaration& instance) {
    const auto look = coordinator::LookForBackends(lockstep_.admin(), {instance.session_id});
    EXPECT_THAT(look, IsOk());
    EXPECT_TRUE(look->can_see);
    const auto found = look->backends.find(instance.session_id);
    return found == look->backends.end() ? 0 : found->second;
  }
  std::unique_ptr<ScriptSession> Backend(const std::string& name) {
    auto session = lockstep_.Session();
    EXPECT_THAT(session->Execute("SELECT set_config('application_name', $1, false)",
                                 {postgres::Param(name)}),
                IsOk());
    return session;
  }

  LockstepDatabase lockstep_;
  std::string service_ = [this] {
    const std::string role = lockstep_.db().CreateLogin("service");
    lockstep_.db().Query("GRANT lockstep_services TO " + role);
    return role;
  }();
};

// On each new connection of a service's pool, as the service's own role.
TEST_F(SessionEndSqlTest, CheckSessionFailsOnceTheSessionHasEnded) {
  const Declaration instance = Admitted("i");
  for (const char* counts : {"live", "draining", "suspect"}) {
    SetState(instance, counts);
    EXPECT_EQ(Check(instance), "") << counts;
  }
  for (const char* ended : {"expired", "closed", "refused", "waiting"}) {
    SetState(instance, ended);
    EXPECT_EQ(Check(instance), "LS030") << ended;
  }
  EXPECT_EQ(Check(lockstep_.Instance("unknown", 0)), "LS030");
}

TEST_F(SessionEndSqlTest, OneThatWasExpiredAsksAgainAndThenPasses) {
  Declaration instance = lockstep_.Instance("i", 0);
  instance.stop_on_session_loss = true;
  lockstep_.Admit(instance);
  ASSERT_THAT(ExpireSession(lockstep_.admin(), lockstep_.leader(), instance.session_id,
                            EndRule::kTtl, absl::ZeroDuration()),
              IsOkAndHolds(true));
  EXPECT_EQ(Check(instance), "LS030");
  EXPECT_EQ(lockstep_.Admit(instance).reason, "ready");
  EXPECT_EQ(Check(instance), "");
  EXPECT_EQ(lockstep_.Scalar("SELECT end_rule IS NULL AND ended_at IS NULL FROM lockstep.session"),
            "t");
}

TEST_F(SessionEndSqlTest, AnUnknownRuleEndsNobody) {
  const Declaration instance = Admitted("i");
  EXPECT_EQ(lockstep_.db().Scalar(
                "SELECT lockstep.session_expire($1, $2, $3, 'because', '0 s')",
                {postgres::Param(lockstep_.leader().epoch),
                 postgres::Param(lockstep_.leader().holder), postgres::Param(instance.session_id)}),
            "f");
}

TEST_F(SessionEndSqlTest, ADeposedLeaderMovesNobody) {
  const Declaration instance = Admitted("i");
  SetState(instance, "suspect");
  const LeaderToken old = lockstep_.TakeOver();
  const auto not_leader = StatusIs(absl::StatusCode::kUnavailable, "NOT_LEADER");
  postgres::Connection& c = lockstep_.admin();
  EXPECT_THAT(ExpireSession(c, old, instance.session_id, EndRule::kPolicy, absl::ZeroDuration()),
              not_leader);
  EXPECT_THAT(coordinator::SuspectSession(c, old, instance.session_id, absl::ZeroDuration()),
              not_leader);
  EXPECT_THAT(coordinator::SupersedeSession(c, old, instance.session_id, instance.session_id),
              not_leader);
  EXPECT_THAT(coordinator::AttestSession(c, old, instance.session_id, absl::ZeroDuration(),
                                         {.actor = "a", .reason = "r"}),
              not_leader);
  EXPECT_THAT(coordinator::RememberBackends(c, old, {instance.session_id}), not_leader);
  EXPECT_THAT(coordinator::TellBrake(c, old, true, 5, 10), not_leader);
  // Nor does it let anybody in: nobody who leads would know of the row.
  EXPECT_THAT(coordinator::Admit(c, lockstep_.Instance("late", 0), old), not_leader);
  EXPECT_EQ(lockstep_.Scalar("SELECT string_agg(state, ' ') FROM lockstep.session"), "suspect");
}

TEST_F(SessionEndSqlTest, BackendsAreRecognisedByNameAndStart) {
  const Declaration old = Admitted("pod");
  const Declaration next = Admitted("pod");
  const Declaration other = Admitted("pod-2");
  EXPECT_EQ(BackendsOf(old), 0);
  const auto marked = Backend("service@pod#" + old.session_id.substr(0, 8));
  EXPECT_EQ(BackendsOf(old), 1);
  EXPECT_EQ(BackendsOf(next), 0);
  const auto plain = Backend("service@pod");  // Whose?
  EXPECT_EQ(BackendsOf(old), 2);
  EXPECT_EQ(BackendsOf(next), 1);
  const auto strange = Backend("service@pod#00000000");  // A start that nobody knows.
  EXPECT_EQ(BackendsOf(old), 3);
  EXPECT_EQ(BackendsOf(next), 2);
  EXPECT_EQ(BackendsOf(other), 0);
}

// PostgreSQL keeps 63 bytes of printable ASCII.
TEST_F(SessionEndSqlTest, LongAndForeignNamesAreRecognisedAsTheServerKeepsThem) {
  const Declaration longest = Admitted(std::string(128, 'x'));
  const std::string mark = "#" + longest.session_id.substr(0, 8);
  const auto marked = Backend("service@" + std::string(46, 'x') + mark);
  EXPECT_EQ(BackendsOf(longest), 1);
  const auto plain = Backend("service@" + std::string(128, 'x'));
  EXPECT_EQ(BackendsOf(longest), 2);
  const Declaration foreign = Admitted("k\u00fcche");
  const auto named = Backend("service@k?che#" + foreign.session_id.substr(0, 8));
  EXPECT_EQ(BackendsOf(foreign), 1);
}

}  // namespace
}  // namespace lockstep::testing
