// The checkers find what they are there for: each rule is broken by hand once.
#include "tests/support/invariant_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/catalog/lockstep_database.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A chain of three with a contract, of which two have run, and an instance that counts.
class InvariantChecksTest : public ::testing::Test {
 protected:
  InvariantChecksTest() {
    lockstep_.Publish({{}, {}, {.phase = "contract"}});
    lockstep_.Run(1, 2);
    EXPECT_EQ(lockstep_.Admit(lockstep_.Instance("one", 2)).state, coordinator::GateState::kOpen);
  }

  std::vector<std::string> Check() { return CheckInvariants(lockstep_.admin()); }

  LockstepDatabase lockstep_;
};

TEST_F(InvariantChecksTest, FindNothingWhereNothingIsWrong) {
  EXPECT_THAT(Check(), ElementsAre());
  EXPECT_THAT(CheckNothingIsLeft(lockstep_.admin()), ElementsAre());
}

struct Breach {
  const char* sql;
  const char* found;
};

// Each in a database of its own.
class EachInvariantTest : public InvariantChecksTest,
                          public ::testing::WithParamInterface<Breach> {};

TEST_P(EachInvariantTest, IsMissedWhenItIsBroken) {
  ASSERT_THAT(lockstep_.admin().RunScript(GetParam().sql), IsOk());
  EXPECT_THAT(Check(), Contains(StartsWith(GetParam().found)));
}

INSTANTIATE_TEST_SUITE_P(
    All, EachInvariantTest,
    ::testing::Values(
        Breach{"DELETE FROM lockstep.history WHERE version = 2",
               "I1: every version up to the applied one but contracts has run"},
        Breach{"UPDATE lockstep.chain SET applied = 1", "I1: no version beyond the applied one"},
        Breach{"UPDATE lockstep.history SET digest = '\\x00' WHERE version = 1",
               "I1: history rows are as published"},
        Breach{"DELETE FROM lockstep.event WHERE kind = 'applied' AND version = 2",
               "I1: history rows are never removed"},
        Breach{"UPDATE lockstep.attempt SET last = 1 WHERE last = 2",
               "I3: every version was applied under a token that was granted"},
        Breach{"UPDATE lockstep.attempt SET ended_at = started_at",
               "I3: nothing was applied under a token after"},
        Breach{"UPDATE lockstep.history SET duration = '1 hour' WHERE version = 2",
               "I4: no two transactions ran"},
        Breach{"UPDATE lockstep.attempt SET ended_at = NULL;"
               "INSERT INTO lockstep.attempt (lease_epoch, operation, session, holder, first, last)"
               " VALUES (0, '', gen_random_uuid(), '', 1, 1)",
               "I4: a version has one run"},
        Breach{"INSERT INTO lockstep.attempt (lease_epoch, operation, session, holder, first, last,"
               " started_at, ended_at) VALUES (0, '', gen_random_uuid(), '', 1, 1, now(), now())",
               "I4: a run that was granted after another"},
        Breach{"UPDATE lockstep.chain SET revision = revision + 1", "I5: events are in one order"},
        Breach{"UPDATE lockstep.history SET lease_epoch = 0 WHERE version = 1",
               "I6: a token is one run's"},
        Breach{"UPDATE lockstep.attempt SET lease_epoch = 1000",
               "I6: no run was granted under an epoch beyond"},
        Breach{"UPDATE lockstep.session SET needs = 3", "I7: whoever counts"},
        Breach{"UPDATE lockstep.event SET detail = '{\"by\": \"ann\", \"reason\": \"\"}' "
               "WHERE kind = 'published'",
               "I14: every decision is in the audit"},
        Breach{"UPDATE lockstep.lease SET state = 'held', first = 3, last = 3;"
               "UPDATE lockstep.chain SET inflight = 3",
               "I9: no contract has run or is in flight"},
        Breach{"UPDATE lockstep.session SET admitted_at = NULL", "I10: whoever counts"},
        Breach{"UPDATE lockstep.session SET ended_at = now()", "I11: a session that ended"},
        Breach{"INSERT INTO lockstep.operation (operation_id, request_id, request_digest, kind, state, "
               "target, contracts, start_version, actor, reason) VALUES "
               "('op', 'r', '', 'contract', 'running', 3, true, 2, '', ''); "
               "INSERT INTO lockstep.event (revision, at, kind, operation) SELECT revision + 1, "
               "now() - interval '1 day', 'barrier_set', 'op' FROM lockstep.chain; "
               "UPDATE lockstep.chain SET barrier = 3, barrier_operation = 'op', "
               "revision = revision + 1",
               "I8: nobody whom a barrier concerns was admitted"},
        Breach{"UPDATE lockstep.chain SET barrier = 3, barrier_operation = 'op-none'",
               "I12: a barrier belongs to an operation"},
        Breach{"UPDATE lockstep.chain SET inflight = 2", "I12: a run is in flight exactly"},
        Breach{"UPDATE lockstep.attempt SET last = 3 WHERE last = 2",
               "I12: a contract is a run of its own"}));

TEST_F(InvariantChecksTest, WhatIsLeftIsFoundInTheEnd) {
  const auto left = [&] { return CheckNothingIsLeft(lockstep_.admin()); };
  lockstep_.Publish({{}});
  (void)lockstep_.Grant(4, 4);
  EXPECT_THAT(left(), Contains(StartsWith("left: the lease is idle")));
  EXPECT_THAT(left(), Contains(StartsWith("left: every run has ended")));
  ASSERT_THAT(lockstep_.admin().RunScript("CREATE TABLE t (id int); CREATE INDEX i ON t (id);"
                                          "UPDATE pg_index SET indisvalid = false "
                                          "WHERE indexrelid = 'i'::regclass"),
              IsOk());
  EXPECT_THAT(left(), Contains("left: no index is invalid: i"));
  const auto agent = lockstep_.Session();
  ASSERT_THAT(agent->Execute("SELECT pg_advisory_lock(7)"), IsOk());
  EXPECT_THAT(left(), Contains(StartsWith("left: no advisory lock is held: 0/7/1")));
  ASSERT_THAT(agent->Execute("BEGIN"), IsOk());
  EXPECT_THAT(left(), Contains(StartsWith("left: no transaction is idle")));
}

TEST_F(InvariantChecksTest, AQuestionThatCannotBeAskedIsAViolation) {
  ASSERT_THAT(lockstep_.admin().RunScript("DROP TABLE lockstep.attempt CASCADE"), IsOk());
  EXPECT_THAT(Check(), Contains(HasSubstr("cannot be asked")));
}

}  // namespace
}  // namespace lockstep::testing
