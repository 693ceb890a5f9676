#include "tests/support/test_database.h"

#include <gtest/gtest.h>
#include <stdexcept>

#include "tests/support/matchers.h"

namespace lockstep::testing {
namespace {

using postgres::Connection;
using postgres::Param;

TEST(TestDatabase, IsEmptyAndItsOwn) {
  TestDatabase one;
  TestDatabase two;
  one.Query("CREATE TABLE t (id int)");
  EXPECT_EQ(one.Scalar("SELECT count(*) FROM t"), "0");
  EXPECT_EQ(two.Scalar("SELECT to_regclass('t')"), "NULL");
  EXPECT_NE(one.name(), two.name());
}

TEST(TestDatabase, IsDroppedWithItsSessionsAndLogins) {
  std::string name, role;
  std::unique_ptr<Connection> session;
  {
    TestDatabase db;
    name = db.name();
    role = db.CreateLogin("reader");
    session = db.Connect(role);
    EXPECT_EQ(session->Query("SELECT current_user")->only().Text(0), role);
  }
  TestDatabase other;
  EXPECT_EQ(other.Scalar("SELECT count(*) FROM pg_database WHERE datname = $1", {Param(name)}),
            "0");
  EXPECT_EQ(other.Scalar("SELECT count(*) FROM pg_roles WHERE rolname = $1", {Param(role)}), "0");
  EXPECT_THAT(session->Query("SELECT 1"), StatusIs(absl::StatusCode::kUnavailable));
}

TEST(TestDatabase, ALoginWithAPasswordNeedsIt) {
  TestDatabase db;
  const std::string role = db.CreateLogin("owner", "it's \\ secret");
  EXPECT_THAT(Connection::Open({.conninfo = db.conninfo(role, "it's \\ secret")}), IsOk());
  EXPECT_THAT(Connection::Open({.conninfo = db.conninfo(role, "wrong")}),
              StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_THAT(Connection::Open({.conninfo = db.conninfo(role)}),
              StatusIs(absl::StatusCode::kUnauthenticated));
}

TEST(TestDatabase, AFailedHelperEndsTheTest) {
  TestDatabase db;
  EXPECT_THROW(db.Query("SELECT nonsense"), std::runtime_error);
  EXPECT_THROW(db.Scalar("SELECT 1 WHERE false"), std::runtime_error);
  EXPECT_THROW(db.RunScript("SELECT 1; nonsense"), std::runtime_error);
  EXPECT_EQ(db.Scalar("SELECT 1"), "1");
}

TEST(TestDatabase, IsMadeFromATemplateThatIsFilledOnce) {
  int filled = 0;
  const auto fill = [&](const std::string& conninfo) {
    ++filled;
    auto connection = Connection::Open({.conninfo = conninfo});
    ASSERT_THAT(connection, IsOk());
    ASSERT_THAT((*connection)->RunScript("CREATE TABLE ready (id int)"), IsOk());
  };
  TestDatabase one({.template_name = TemplateOnce("filled", fill)});
  TestDatabase two({.template_name = TemplateOnce("filled", fill)});
  EXPECT_EQ(filled, 1);
  EXPECT_EQ(two.Scalar("SELECT count(*) FROM ready"), "0");
}

}  // namespace
}  // namespace lockstep::testing
