// An index whose first build failed. Built twice: with the engine as it is, and with
// if_not_exists.cc in the place of its inspect.cc, where the next build reports success and leaves
// it invalid.
#include "tests/apply/concurrent_fixture.h"

namespace lockstep::testing {
namespace {

#ifdef LOCKSTEP_IF_NOT_EXISTS
constexpr bool kMutated = true;
#else
constexpr bool kMutated = false;
#endif

TEST_F(ConcurrentTest, AHalfBuiltIndexIsNotTakenForOne) {
  MakeTable("t");
  LeaveHalf("CREATE INDEX CONCURRENTLY i ON t (a)", "t");
  ASSERT_EQ(Valid("i"), "false");
  const apply::RunResult result = Apply("CREATE INDEX CONCURRENTLY i ON t (a)");
  EXPECT_EQ(result.outcome, apply::RunOutcome::kSucceeded);
  EXPECT_EQ(db_.HistorySize(), 1);
  EXPECT_EQ(Valid("i"), kMutated ? "false" : "true");
}

}  // namespace
}  // namespace lockstep::testing
