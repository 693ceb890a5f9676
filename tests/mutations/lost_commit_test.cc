// A COMMIT that happened and whose answer was lost. Built twice: with the engine as it is, and with
// blind_retry.cc in the place of its outcome.cc, where both attacks have to succeed.
#include <gtest/gtest.h>
#include <thread>

#include "absl/strings/str_cat.h"

#include "engine/apply/run.h"
#include "tests/apply/fixture.h"
#include "tests/mutations/mutation.h"
#include "tests/schedules/wire.h"
#include "tests/support/eventually.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using apply::RunOutcome;
using apply::RunResult;

#ifdef LOCKSTEP_BLIND_RETRY
constexpr bool kMutated = true;
#else
constexpr bool kMutated = false;
#endif

struct Told {
  RunOutcome outcome = RunOutcome::kUnknown;
  std::string n;
};

// Applies a counting migration, loses the answer to its COMMIT, and tries again as a coordinator
// does when the holder says that this may help.
Told LoseTheAnswer(bool fenced) {
  LeasedDatabase db;
  db.db().RunScript("CREATE TABLE counter (n int); INSERT INTO counter VALUES (0)");
  db.db().Query(absl::StrCat("ALTER TABLE counter OWNER TO ", db.owner()));
  if (!fenced) {
    EXPECT_THAT(Install(*db.db().Connect(), *FindMutation("unfenced")), IsOk());
  }
  db.Publish("UPDATE counter SET n = n + 1");
  Signal signal;
  Wire wire(db.db().server(), signal);
  wire.StopAt(WirePoint::kCommitted, 0);
  apply::RunSpec spec = db.LeaseAll();
  absl::StrAppend(&spec.conninfo, " host=", wire.directory());
  RunResult result;
  std::thread runner([&] { result = LeasedDatabase::Apply(spec); });
  EXPECT_TRUE(signal.Await([&] { return wire.stopped(); }, kPatience));
  wire.Cut(Side::kBoth);
  runner.join();
  if (result.outcome != RunOutcome::kSucceeded && result.error->retryable) {
    (void)LeasedDatabase::Apply(db.LeaseAll());
  }
  return {result.outcome, db.Scalar("SELECT n FROM counter")};
}

TEST(LostCommit, IsToldAsWhatItWas) {
  const Told told = LoseTheAnswer(/*fenced=*/true);
  EXPECT_EQ(told.outcome, kMutated ? RunOutcome::kFailed : RunOutcome::kSucceeded);
  EXPECT_EQ(told.n, "1") << "the fence is the second line";
}

TEST(LostCommit, IsNotRepeatedEvenWhereNoFenceRefusesIt) {
  EXPECT_EQ(LoseTheAnswer(/*fenced=*/false).n, kMutated ? "2" : "1");
}

}  // namespace
}  // namespace lockstep::testing
