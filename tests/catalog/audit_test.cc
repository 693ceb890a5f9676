// The audit: each decision of a person has its record, and none can be changed unseen.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "coordinator/store/audit_store.h"
#include "coordinator/store/operation_store.h"
#include "coordinator/store/pin_store.h"
#include "coordinator/store/session_end_store.h"
#include "tests/catalog/lockstep_database.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class AuditTest : public ::testing::Test {
 protected:
  AuditTest() {
    lockstep_.Publish({{}});
    lockstep_.Run(1, 1);
  }
  absl::Status Pin(const std::string& build, const std::string& reason = "the way back") {
    return coordinator::PinBuild(lockstep_.admin(), lockstep_.leader(),
                                 {.service = "service",
                                  .build = build,
                                  .declared = lockstep_.Instance("", 1),
                                  .lasting = absl::Hours(1),
                                  .by = {.actor = "ann", .reason = reason}})
        .status();
  }
  coordinator::AuditVerdict Verify(const std::string& expect = "") {
    const auto verdict = coordinator::VerifyAudit(lockstep_.admin(), expect);
    EXPECT_THAT(verdict, IsOk());
    return verdict.value_or(coordinator::AuditVerdict{.why = "failed"});
  }
  // As somebody who owns the schema can.
  void Forge(const std::string& sql) {
    lockstep_.db().RunScript(
        absl::StrCat("ALTER TABLE lockstep.audit DISABLE TRIGGER audit_keep;", sql,
                     ";ALTER TABLE lockstep.audit ENABLE ALWAYS TRIGGER audit_keep"));
  }

  LockstepDatabase lockstep_;
};

TEST_F(AuditTest, KeepsWhoWhatAndWhyInOrder) {
  ASSERT_THAT(Pin("one"), IsOk());
  const Declaration instance = lockstep_.Instance("pod", 1);
  lockstep_.Admit(instance);
  ASSERT_THAT(
      coordinator::AttestSession(lockstep_.admin(), lockstep_.leader(), instance.session_id,
                                 absl::Minutes(1), {.actor = "bob", .reason = "the node burnt"}),
      IsOkAndHolds(true));
  ASSERT_THAT(coordinator::RetireBuild(lockstep_.admin(), lockstep_.leader(), "service", "one",
                                       {.actor = "cid", .reason = "done"}),
              IsOk());
  const auto rows = coordinator::ReadAudit(lockstep_.admin(), std::nullopt, 10);
  ASSERT_THAT(rows, IsOkAndHolds(SizeIs(3)));
  EXPECT_EQ((*rows)[0].action, "build_retired");
  EXPECT_EQ((*rows)[1].action, "session_attested");
  EXPECT_EQ((*rows)[1].actor, "bob");
  EXPECT_EQ((*rows)[1].reason, "the node burnt");
  EXPECT_THAT((*rows)[1].detail, HasSubstr("\"instance\": \"pod\""));
  EXPECT_EQ((*rows)[2].number, 1);
  EXPECT_THAT(coordinator::ReadAudit(lockstep_.admin(), 2, 10), IsOkAndHolds(SizeIs(1)));
  const auto verdict = Verify();
  EXPECT_EQ(verdict.why, "");
  EXPECT_EQ(verdict.records, 3);
  EXPECT_EQ(verdict.last_hash, rows->front().hash);
}

TEST_F(AuditTest, HasStartPauseAndCancelOfOperations) {
  const auto id = coordinator::StartOperation(
      lockstep_.admin(), lockstep_.leader(),
      {.request_id = "r", .target = 1, .actor = "ann", .reason = "release 7"});
  ASSERT_THAT(id, IsOk());
  ASSERT_THAT(
      coordinator::PauseOperation(lockstep_.admin(), lockstep_.leader(), *id, true, "bob", "wait"),
      IsOk());
  ASSERT_THAT(
      coordinator::CancelOperation(lockstep_.admin(), lockstep_.leader(), *id, "cid", "wrong one"),
      IsOk());
  EXPECT_EQ(lockstep_.Scalar("SELECT string_agg(concat_ws(' ', action, actor, operation = '" + *id +
                             "'), ',' ORDER BY number) FROM lockstep.audit"),
            "operation_started ann t,operation_paused bob t,operation_cancelling cid t");
  EXPECT_EQ(Verify().why, "");
}

// What lockstep does by itself is in the event log alone.
TEST_F(AuditTest, HasNothingThatNobodyDecided) {
  ASSERT_THAT(Pin("one"), IsOk());
  lockstep_.db().RunScript("UPDATE lockstep.pin SET expires_at = clock_timestamp()");
  lockstep_.db().RunScript("SELECT lockstep.expire_overdue()");
  EXPECT_EQ(lockstep_.Scalar("SELECT end_rule FROM lockstep.pin"), "expired");
  EXPECT_EQ(Verify().records, 1);
}

TEST_F(AuditTest, GoesWithItsEffectOrNotAtAll) {
  auto connection = lockstep_.Connect();
  EXPECT_FALSE(connection
                   ->InTransaction([&] {
                     EXPECT_THAT(
                         coordinator::RetireBuild(*connection, lockstep_.leader(), "service",
                                                  "none", {.actor = "ann", .reason = "x"}),
                         StatusIs(absl::StatusCode::kNotFound));
                     return absl::AbortedError("rolled back");
                   })
                   .ok());
  EXPECT_EQ(Verify().records, 0);
}

TEST_F(AuditTest, CannotBeChangedByMistake) {
  ASSERT_THAT(Pin("one"), IsOk());
  for (const char* sql : {"UPDATE lockstep.audit SET actor = 'eve'", "DELETE FROM lockstep.audit",
                          "TRUNCATE lockstep.audit"}) {
    EXPECT_EQ(StateOf(lockstep_.admin().Query(sql)), "LS045") << sql;
  }
}

TEST_F(AuditTest, ShowsEachChangeAndEachGap) {
  for (const char* build : {"one", "two", "three"}) ASSERT_THAT(Pin(build), IsOk());
  for (const char* column : {"actor = 'eve'", "reason = ''", "action = 'x'", "revision = 99",
                             "version = 1", "operation = 'op'", "detail = '{}'",
                             "at = at + interval '1 microsecond'", "hash = '\\x00'"}) {
    Forge(
        absl::StrCat("CREATE TEMP TABLE kept AS TABLE lockstep.audit;"
                     "UPDATE lockstep.audit SET ",
                     column, " WHERE number = 2"));
    EXPECT_EQ(Verify().broken_at, 2) << column;
    Forge("DELETE FROM lockstep.audit; INSERT INTO lockstep.audit TABLE kept; DROP TABLE kept");
    EXPECT_EQ(Verify().why, "") << column;
  }
  Forge("DELETE FROM lockstep.audit WHERE number = 2");
  EXPECT_EQ(Verify().broken_at, 3);
}

TEST_F(AuditTest, MissesItsNewestRecordAsLongAsTheEventIsThere) {
  ASSERT_THAT(Pin("one"), IsOk());
  ASSERT_THAT(Pin("two"), IsOk());
  const std::string last = Verify().last_hash;
  Forge("DELETE FROM lockstep.audit WHERE number = 2");
  EXPECT_THAT(Verify().why, HasSubstr("(pinned by ann) has no record"));
  lockstep_.db().RunScript(
      "DELETE FROM lockstep.event WHERE kind = 'pinned' AND detail ->> 'build' = 'two'");
  EXPECT_EQ(Verify().why, "");
  // Whoever noted a hash finds even that.
  EXPECT_THAT(Verify(last).why, HasSubstr("is not in it"));
}

}  // namespace
}  // namespace lockstep::testing
