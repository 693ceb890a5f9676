#include "engine/apply/preflight.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "engine/apply/migration_session.h"
#include "engine/apply/run.h"
#include "engine/base/error_info.h"
#include "tests/apply/fixture.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;
using ::testing::Not;

absl::Status Probe(const std::string& conninfo, apply::PreflightOptions options = {}) {
  return apply::ProbeMigrator(conninfo, options);
}

TEST(Preflight, AcceptsAPlainMemberOfTheOwnerRole) {
  LeasedDatabase db;
  EXPECT_THAT(Probe(db.db().conninfo(db.agent()), {.owner_role = db.owner()}), IsOk());
}

TEST(Preflight, RefusesASuperuserUnlessAllowed) {
  LeasedDatabase db;
  EXPECT_THAT(Probe(db.db().conninfo()),
              StatusIs(StatusCode::kFailedPrecondition, "ROLE_TOO_POWERFUL"));
  EXPECT_THAT(Probe(db.db().conninfo(), {.allow_superuser = true}), IsOk());
}

TEST(Preflight, RefusesAMemberOfASuperuserRole) {
  LeasedDatabase db;
  db.db().Query(absl::StrCat("GRANT postgres TO ", db.agent()));
  const absl::Status status = Probe(db.db().conninfo(db.agent()));
  EXPECT_THAT(status, StatusIs(StatusCode::kFailedPrecondition, "ROLE_TOO_POWERFUL"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("through role \"postgres\""));
}

TEST(Preflight, RefusesCreateRoleWhereItMeansEveryRole) {
  LeasedDatabase db;
  db.db().Query(absl::StrCat("ALTER ROLE ", db.agent(), " CREATEROLE"));
  const bool means_every_role = db.Scalar(
                                    "SELECT current_setting('server_version_num')::int < "
                                    "160000") == "t";
  if (means_every_role) {
    EXPECT_THAT(Probe(db.db().conninfo(db.agent())),
                StatusIs(StatusCode::kFailedPrecondition, "ROLE_TOO_POWERFUL"));
  } else {
    EXPECT_THAT(Probe(db.db().conninfo(db.agent())), IsOk());
  }
}

TEST(Preflight, NamesTheMissingSchema) {
  TestDatabase db;
  const std::string login = db.CreateLogin("agent");
  const absl::Status status = Probe(db.conninfo(login));
  EXPECT_THAT(status, StatusIs(StatusCode::kFailedPrecondition, "SCHEMA_MISSING"));
  EXPECT_THAT(base::GetErrorInfo(status)->hint, HasSubstr("lockstep setup"));
}

TEST(Preflight, NamesTheMissingGrant) {
  LeasedDatabase db;
  db.db().Query(absl::StrCat("REVOKE lockstep_agents FROM ", db.agent()));
  const absl::Status status = Probe(db.db().conninfo(db.agent()));
  EXPECT_THAT(status, StatusIs(StatusCode::kPermissionDenied, "PERMISSION"));
  EXPECT_THAT(base::GetErrorInfo(status)->hint, HasSubstr("GRANT lockstep_agents TO"));
}

TEST(Preflight, NamesTheMissingMembershipInTheOwnerRole) {
  LeasedDatabase db;
  db.db().Query(absl::StrCat("REVOKE ", db.owner(), " FROM ", db.agent()));
  const absl::Status status = Probe(db.db().conninfo(db.agent()), {.owner_role = db.owner()});
  EXPECT_THAT(status, StatusIs(StatusCode::kPermissionDenied, "OWNER_ROLE"));
  EXPECT_THAT(Probe(db.db().conninfo(db.agent()), {.owner_role = "nobody_there"}),
              StatusIs(StatusCode::kPermissionDenied, "OWNER_ROLE"));
}

TEST(Preflight, RefusesPresetSettingsThatAreNotKnownToBeHarmless) {
  LeasedDatabase db;
  db.db().Query(absl::StrCat("ALTER ROLE ", db.agent(),
                             " SET default_transaction_isolation = 'repeatable read'"));
  const absl::Status status = Probe(db.db().conninfo(db.agent()));
  EXPECT_THAT(status, StatusIs(StatusCode::kFailedPrecondition, "SESSION_SETTING"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("default_transaction_isolation"));
}

TEST(Preflight, RefusesThemForTheWholeDatabaseToo) {
  LeasedDatabase db;
  db.db().Query(absl::StrCat("ALTER DATABASE ", db.db().name(), " SET row_security = off"));
  EXPECT_THAT(Probe(db.db().conninfo(db.agent())),
              StatusIs(StatusCode::kFailedPrecondition, "SESSION_SETTING"));
}

TEST(Preflight, IgnoresHarmlessAndOtherPeoplesSettings) {
  LeasedDatabase db;
  db.db().Query(absl::StrCat("ALTER ROLE ", db.agent(), " SET search_path = elsewhere"));
  db.db().Query(absl::StrCat("ALTER ROLE ", db.agent(), " SET timezone = 'Europe/Berlin'"));
  db.db().Query(absl::StrCat("ALTER ROLE ", db.owner(), " SET row_security = off"));
  EXPECT_THAT(Probe(db.db().conninfo(db.agent())), IsOk());
}

TEST(Preflight, RefusesReplicaRoleFromTheConnectionString) {
  LeasedDatabase db;
  const std::string conninfo =
      absl::StrCat(db.db().conninfo(), " options='-c session_replication_role=replica'");
  EXPECT_THAT(Probe(conninfo, {.allow_superuser = true}),
              StatusIs(StatusCode::kFailedPrecondition, "SESSION_SETTING"));
}

TEST(Preflight, AWrongPasswordIsSaidWithoutShowingIt) {
  LeasedDatabase db;
  const std::string login = db.db().CreateLogin("locked", "right-one");
  const absl::Status status = Probe(db.db().conninfo(login, "wr0ng-s3cret"));
  EXPECT_THAT(status, StatusIs(StatusCode::kUnauthenticated, "DATABASE_CREDENTIALS"));
  EXPECT_THAT(Describe(status), Not(HasSubstr("wr0ng-s3cret")));
}

TEST(Preflight, AnUnreachableServerIsUnavailable) {
  EXPECT_THAT(Probe("host=/nonexistent dbname=x user=y"),
              StatusIs(StatusCode::kUnavailable, "DATABASE_UNAVAILABLE"));
}

TEST(MigrationSession, NamesTheLeaseWhateverTheConnectionStringSays) {
  LeasedDatabase db;
  auto session = apply::OpenMigrationSession(
      {.conninfo = absl::StrCat(db.db().conninfo(db.agent()), " application_name=mine"),
       .application_name = "lockstep:12345678"});
  ASSERT_THAT(session, IsOk());
  for (int round = 0; round < 2; ++round) {
    const auto name = session->session->Execute(
        "SELECT current_setting('application_name'),"
        " current_setting('client_encoding')");
    ASSERT_THAT(name, IsOk());
    EXPECT_EQ(name->only().Text(0), "lockstep:12345678");
    EXPECT_EQ(name->only().Text(1), "UTF8");
    ASSERT_THAT(session->session->Pipeline(session->reset), IsOk());
  }
}

}  // namespace
}  // namespace lockstep::testing
