#include "engine/postgres/lock_wait.h"

#include <gtest/gtest.h>

namespace lockstep::postgres {
namespace {

LockBlocker Idle() {
  return {.pid = 4711,
          .role = "app",
          .application_name = "orders@pod-3",
          .state = "idle in transaction",
          .transaction_age = absl::Seconds(75),
          .state_age = absl::Seconds(12.7),
          .query = "UPDATE users SET name = $1"};
}

TEST(LockWaitTest, SaysWhoSitsThereAndSinceWhen) {
  EXPECT_EQ(Describe(Idle()),
            "pid 4711, orders@pod-3, idle in transaction for 12s: UPDATE users SET name = $1");
  LockBlocker running = Idle();
  running.state = "active";
  running.application_name = "";
  EXPECT_EQ(Describe(running), "pid 4711, role app, running for 1m15s: UPDATE users SET name = $1");
}

TEST(LockWaitTest, SaysWhatMayBeSeen) {
  EXPECT_EQ(Describe(LockBlocker{.pid = 7, .role = "app"}), "pid 7, role app");
  EXPECT_EQ(Describe(LockBlocker{.role = "app",
                                 .state = "prepared",
                                 .transaction_age = absl::Hours(1),
                                 .query = "payment-7"}),
            "the prepared transaction payment-7 of role app, open for 1h");
}

TEST(LockWaitTest, NamesTheFirstAndCountsTheOthers) {
  LockWait wait{.relation = "public.users"};
  EXPECT_EQ(Describe(wait), "public.users is locked");
  wait.blockers = {{.pid = 7, .role = "app"}};
  EXPECT_EQ(Describe(wait), "public.users is locked by pid 7, role app");
  wait.blockers.resize(2);
  EXPECT_EQ(Describe(wait), "public.users is locked by pid 7, role app (and by 1 other)");
  wait.blockers.resize(3);
  wait.relation = "";
  EXPECT_EQ(Describe(wait), "what it needs is locked by pid 7, role app (and by 2 others)");
}

TEST(StatementHeadTest, IsOneLineAndNeverHalfACharacter) {
  EXPECT_EQ(StatementHead("  UPDATE users\n\t SET a = 1\n"), "UPDATE users SET a = 1");
  EXPECT_EQ(StatementHead(""), "");
  const std::string head = StatementHead(std::string(199, 'a') + "ü");
  EXPECT_EQ(head, std::string(199, 'a'));
  EXPECT_EQ(StatementHead(std::string(198, 'a') + "ü").size(), 200);
  EXPECT_EQ(StatementHead(std::string(5000, 'b')).size(), kMaxStatementHead);
}

}  // namespace
}  // namespace lockstep::postgres
