// That the checks can be asked, and find what they are there for.
#include "tests/chaos/checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

#include "tests/catalog/lockstep_database.h"

namespace lockstep::chaos {
namespace {

using testing::Declaration;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ChecksTest : public ::testing::Test {
 protected:
  ChecksTest() {
    lockstep_.db().RunScript(kWitness);
    lockstep_.Publish({{}, {}, {.phase = "contract"}});
    lockstep_.Run(1, 2);
  }

  // The invariants that the checks find violated, in order.
  std::vector<std::string> Violated() {
    std::vector<std::string> violated;
    for (const Check& check : Checks()) {
      if (check.when == When::kAtRest && std::string(check.invariant) == "L1") continue;
      const postgres::Result found = lockstep_.db().Query(check.sql);
      for (size_t i = 0; i < found.rows.size(); ++i) violated.push_back(check.invariant);
    }
    return violated;
  }
  Declaration Admitted(int adapted_to) {
    Declaration instance = lockstep_.Instance("i", 2);
    instance.adapted_to = adapted_to;
    lockstep_.Admit(instance);
    return instance;
  }
  void Set(const Declaration& instance, const std::string& what) {
    lockstep_.db().Query(
        absl::StrCat("UPDATE lockstep.session SET ", what, " WHERE session_id = $1"),
        {postgres::Param(instance.session_id)});
  }
  void RaiseBarrier() { lockstep_.db().Query("UPDATE lockstep.chain SET barrier = 3"); }
  void LowerBarrier() { lockstep_.db().Query("UPDATE lockstep.chain SET barrier = NULL"); }

  testing::LockstepDatabase lockstep_;
};

TEST_F(ChecksTest, ADatabaseInOrderPassesAll) {
  Admitted(0);
  EXPECT_THAT(Violated(), IsEmpty());
}

TEST_F(ChecksTest, AnAdmissionBeforeTheBarrierIsInOrder) {
  const Declaration instance = Admitted(0);
  RaiseBarrier();
  Set(instance, "state = 'suspect'");
  Set(instance, "state = 'live'");
  LowerBarrier();
  EXPECT_THAT(Violated(), IsEmpty());
}

TEST_F(ChecksTest, AnAdmissionAgainstABarrierIsFound) {
  const Declaration instance = Admitted(0);
  Set(instance, "state = 'expired', ended_at = now()");
  RaiseBarrier();
  Set(instance, "state = 'live', ended_at = NULL");
  LowerBarrier();
  EXPECT_THAT(Violated(), ElementsAre("I8"));
}

TEST_F(ChecksTest, ADeclarationThatChangesUnderABarrierIsAnAdmission) {
  const Declaration instance = Admitted(3);
  RaiseBarrier();
  Set(instance, "adapted_to = 2");
  LowerBarrier();
  EXPECT_THAT(Violated(), ElementsAre("I8"));
}

TEST_F(ChecksTest, AnAdmissionAgainstAContractInFlightIsFound) {
  const Declaration instance = Admitted(3);
  const auto token = lockstep_.Grant(3, 3);
  Set(instance, "adapted_to = 2");
  Set(instance, "adapted_to = 3");
  ASSERT_EQ(lockstep_.Scalar("SELECT inflight FROM lockstep.chain"), "3");
  EXPECT_THAT(Violated(), ::testing::Contains("I9"));
}

TEST_F(ChecksTest, HistoryThatGoesMissingIsFound) {
  lockstep_.db().RunScript(
      "SET session_replication_role = replica; DELETE FROM lockstep.history WHERE version = 1");
  EXPECT_THAT(Violated(), ::testing::Contains("I1"));
}

TEST_F(ChecksTest, TheWitnessKeepsWhoseEpochItWas) {
  EXPECT_EQ(lockstep_.Scalar("SELECT count(DISTINCT leader_epoch) FROM chaos.witness"), "1");
  lockstep_.TakeOver();
  lockstep_.Publish({{}});
  EXPECT_EQ(lockstep_.Scalar("SELECT max(leader_epoch) - min(leader_epoch) FROM chaos.witness"),
            "1");
}

}  // namespace
}  // namespace lockstep::chaos
