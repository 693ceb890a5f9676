#include "engine/postgres/conninfo.h"

#include <gtest/gtest.h>

#include "engine/base/error_info.h"
#include "engine/postgres/connection.h"
#include "engine/postgres/errors.h"
#include "tests/support/matchers.h"

namespace lockstep::postgres {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using ::testing::Not;
using testing::StatusIs;

absl::StatusOr<std::string> Complete(const std::string& conninfo) {
  return CompleteConninfo(conninfo, "lockstep", absl::Seconds(5));
}

TEST(CompleteConninfo, FillsInWhatIsNotNamed) {
  EXPECT_THAT(Complete("host=db dbname=dpp"),
              IsOkAndHolds(AllOf(HasSubstr("host='db'"), HasSubstr("application_name='lockstep'"),
                                 HasSubstr("connect_timeout='5'"), HasSubstr("keepalives_idle="),
                                 HasSubstr("target_session_attrs='read-write'"))));
}

TEST(CompleteConninfo, KeepsWhatIsNamed) {
  EXPECT_THAT(
      Complete("host=db application_name=mine connect_timeout=60 target_session_attrs=any"),
      IsOkAndHolds(AllOf(HasSubstr("application_name='mine'"), HasSubstr("connect_timeout='60'"),
                         HasSubstr("target_session_attrs='any'"), Not(HasSubstr("lockstep")))));
}

TEST(CompleteConninfo, ReadsUrls) {
  EXPECT_THAT(Complete("postgresql://u:p%40ss@db:5433/dpp?sslmode=require"),
              IsOkAndHolds(AllOf(HasSubstr("user='u'"), HasSubstr("password='p@ss'"),
                                 HasSubstr("host='db'"), HasSubstr("port='5433'"),
                                 HasSubstr("dbname='dpp'"), HasSubstr("sslmode='require'"))));
}

TEST(CompleteConninfo, QuotesSoThatLibpqReadsTheSameAgain) {
  const auto once = Complete(R"(host=db password='it\'s \\ x' dbname='a b')");
  ASSERT_THAT(once, IsOk());
  EXPECT_THAT(*once, AllOf(HasSubstr(R"(password='it\'s \\ x')"), HasSubstr("dbname='a b'")));
  EXPECT_THAT(Complete(*once), IsOkAndHolds(*once));
}

TEST(CompleteConninfo, NeverAsksLibpqForLessThanTwoSeconds) {
  EXPECT_THAT(
      CompleteConninfo("host=db", "", absl::Milliseconds(100)),
      IsOkAndHolds(AllOf(HasSubstr("connect_timeout='2'"), Not(HasSubstr("application_name")))));
}

TEST(CompleteConninfo, ExplainsWhatItCannotRead) {
  const absl::Status status = Complete("host").status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, "BAD_CONNINFO"));
  EXPECT_THAT(base::GetErrorInfo(status)->hint, HasSubstr("postgresql://"));
}

// libpq quotes what it stumbled over; of a mistyped connection string that is often the password.
TEST(CompleteConninfo, ErrorsNeverRepeatAPassword) {
  for (const char* conninfo : {
           "host=db password=open hunter2 dbname=dpp",
           "host=db password=hun\"ter hunter2",
           "host=db password='hunter2",
           "host=db hunter2=secret",
           "host=db passwort=hunter2",
           "postgresql://u:hunter2@[::1/dpp",
           "postgresql://u:hunter2@[::1]x/dpp",
           "postgresql://u:hunter2%zz@db/dpp",
           "postgresql://u:p%00hunter2@db/dpp",
           "postgresql://u:hunter2@db/dpp?hunter2",
           "postgresql://u:hunter2@db/dpp?no_such=hunter2",
           "postgresql://u:p/hunter2@db/dpp",
           "postgresql://u:p@hunter2@db/dpp",
           "postgresql://u:hunter2/x@db/dpp",
       }) {
    const auto connection = Connection::Open({.conninfo = conninfo});
    EXPECT_THAT(connection, StatusIs(absl::StatusCode::kInvalidArgument, "BAD_CONNINFO"))
        << conninfo;
    EXPECT_THAT(testing::Describe(connection.status()), Not(HasSubstr("hunter2"))) << conninfo;
    EXPECT_THAT(RedactConninfo(conninfo), Not(HasSubstr("hunter2"))) << conninfo;
  }
}

TEST(RedactConninfo, NamesTheDatabaseButNoSecret) {
  EXPECT_EQ(RedactConninfo("host=db port=5433 dbname=dpp user=u password=hunter2"),
            "database \"dpp\" as \"u\" at db:5433");
  EXPECT_EQ(RedactConninfo("postgresql://u:hunter2@db:5433/dpp?sslpassword=hunter2"),
            "database \"dpp\" as \"u\" at db:5433");
  EXPECT_EQ(RedactConninfo("postgres://db/dpp?password=hunter2"), "database \"dpp\" at db");
  EXPECT_EQ(RedactConninfo("password='hunter2 with spaces'"), "database \"(default)\"");
  EXPECT_EQ(RedactConninfo("host=/run/postgresql dbname=dpp"),
            "database \"dpp\" at /run/postgresql");
}

TEST(RedactConninfo, ShowsNothingOfWhatItCannotRead) {
  EXPECT_EQ(RedactConninfo("hunter2"), "(unreadable connection string)");
  EXPECT_EQ(RedactConninfo("postgresql://u:hunter2@[db"), "(unreadable connection string)");
}

}  // namespace
}  // namespace lockstep::postgres
