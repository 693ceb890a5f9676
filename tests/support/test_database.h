// A fresh database for one test, on the server of the test binary.
//
//   TestDatabase db;
//   db.Query("CREATE TABLE t (id int)");
//   auto connection = db.Connect();
//   EXPECT_EQ(db.Scalar("SELECT count(*) FROM t"), "0");
//
// Helpers that return a value end the test with an exception when they fail, which GoogleTest
// reports as a failure of that test; they are for the test's own thread.
#ifndef LOCKSTEP_TESTS_SUPPORT_TEST_DATABASE_H_
#define LOCKSTEP_TESTS_SUPPORT_TEST_DATABASE_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "engine/postgres/connection.h"
#include "engine/postgres/result.h"
#include "tests/support/postgres_server.h"

namespace lockstep::testing {

struct TestDatabaseOptions {
  PostgresServer* server = nullptr;         // Must outlive the database; null: SharedPostgres().
  std::string template_name = "template1";  // See TemplateOnce.
};

// Not thread-safe, but connections made from conninfo() are independent of it.
class TestDatabase {
 public:
  explicit TestDatabase(TestDatabaseOptions options = {});
  // Ends all its sessions and drops it, then its logins.
  ~TestDatabase();
  TestDatabase(const TestDatabase&) = delete;
  TestDatabase& operator=(const TestDatabase&) = delete;

  const std::string& name() const { return name_; }
  PostgresServer& server() const { return server_; }

  // Connection strings: as superuser, as `user`, with a password.
  std::string conninfo() const;
  std::string conninfo(absl::string_view user) const;
  std::string conninfo(absl::string_view user, absl::string_view password) const;

  // A connection of its own, with the timeouts a test wants.
  std::unique_ptr<postgres::Connection> Connect() const;
  std::unique_ptr<postgres::Connection> Connect(absl::string_view user) const;

  // Runs one statement as superuser.
  postgres::Result Query(const std::string& sql, const std::vector<postgres::Value>& params = {});
  // The text of the only value of the only row; "NULL" for NULL.
  std::string Scalar(const std::string& sql, const std::vector<postgres::Value>& params = {});
  // Ends the connection that Query, Scalar and RunScript use; the next of them makes another.
  void Disconnect() { connection_.reset(); }
  // Runs several statements.
  void RunScript(const std::string& sql);

  // Creates a role that may log in, and returns its name: `name` with a suffix of this database,
  // because roles belong to the cluster. With a password the server asks for it.
  std::string CreateLogin(absl::string_view name, absl::string_view password = "");
  // The name CreateLogin(name) returns, for use in SQL.
  std::string RoleName(absl::string_view name) const;

 private:
  postgres::Connection& admin();

  PostgresServer& server_;
  std::string name_;
  std::unique_ptr<postgres::Connection> connection_;  // To the database, on first use.
  std::vector<std::string> roles_;
};

// Makes the database `name` once per test binary by `fill`, and returns its name, for
// TestDatabaseOptions.template_name. `fill` must leave no session connected to it.
std::string TemplateOnce(const std::string& name,
                         const std::function<void(const std::string& conninfo)>& fill);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SUPPORT_TEST_DATABASE_H_
