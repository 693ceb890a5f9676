#include "tests/support/test_database.h"

#include <atomic>
#include <gtest/gtest.h>
#include <set>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

#include "tests/support/matchers.h"
#include "tests/support/postgres_binaries.h"

namespace lockstep::testing {
namespace {

// Long enough for a loaded machine, short enough to see a deadlock as a failure.
constexpr absl::Duration kStatementTimeout = absl::Seconds(60);
constexpr absl::Duration kLockTimeout = absl::Seconds(30);

template <typename T>
T ValueOrFail(absl::StatusOr<T> result, absl::string_view what) {
  if (!result.ok()) {
    throw std::runtime_error(absl::StrCat(what, ": ", Describe(result.status())));
  }
  return *std::move(result);
}

std::unique_ptr<postgres::Connection> Open(const std::string& conninfo) {
  return ValueOrFail(postgres::Connection::Open({.conninfo = conninfo,
                                                 .application_name = "test",
                                                 .connect_timeout = absl::Seconds(30),
                                                 .statement_timeout = kStatementTimeout,
                                                 .lock_timeout = kLockTimeout}),
                     "connecting");
}

std::string QuotedLiteral(absl::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "''"}}), "'");
}

std::string NextName() {
  static std::atomic<int> count{0};
  return absl::StrCat("test_", ++count);
}

}  // namespace

TestDatabase::TestDatabase(TestDatabaseOptions options)
    : server_(options.server == nullptr ? SharedPostgres() : *options.server), name_(NextName()) {
  ValueOrFail(
      Open(server_.conninfo())
          ->Query(absl::StrCat("CREATE DATABASE ", name_, " TEMPLATE ", options.template_name)),
      "creating the test's database");
}

TestDatabase::~TestDatabase() {
  connection_.reset();
  if (!server_.running()) return;  // The test broke it; everything goes with its directory.
  auto connection = postgres::Connection::Open(
      {.conninfo = server_.conninfo(), .statement_timeout = kStatementTimeout});
  if (!connection.ok()) return;
  const auto dropped =
      (*connection)->Query(absl::StrCat("DROP DATABASE IF EXISTS ", name_, " WITH (FORCE)"));
  // For example a prepared transaction that the test left behind.
  if (!dropped.ok()) ADD_FAILURE() << "dropping " << name_ << ": " << Describe(dropped.status());
  for (const std::string& role : roles_) {
    (*connection)->Query(absl::StrCat("DROP ROLE IF EXISTS ", role)).IgnoreError();
  }
}

std::string TestDatabase::conninfo() const { return server_.conninfo(name_); }

std::string TestDatabase::conninfo(absl::string_view user) const {
  return server_.conninfo(name_, user);
}

std::string TestDatabase::conninfo(absl::string_view user, absl::string_view password) const {
  const std::string escaped = absl::StrReplaceAll(password, {{"\\", "\\\\"}, {"'", "\\'"}});
  return absl::StrCat(conninfo(user), " password='", escaped, "'");
}

std::unique_ptr<postgres::Connection> TestDatabase::Connect() const { return Open(conninfo()); }

std::unique_ptr<postgres::Connection> TestDatabase::Connect(absl::string_view user) const {
  return Open(conninfo(user));
}

postgres::Connection& TestDatabase::admin() {
  if (connection_ == nullptr || !connection_->usable()) connection_ = Connect();
  return *connection_;
}

postgres::Result TestDatabase::Query(const std::string& sql,
                                     const std::vector<postgres::Value>& params) {
  return ValueOrFail(admin().Query(sql, params), sql);
}

std::string TestDatabase::Scalar(const std::string& sql,
                                 const std::vector<postgres::Value>& params) {
  const postgres::Result result = Query(sql, params);
  if (result.rows.size() != 1 || result.rows[0].size() != 1) {
    throw std::runtime_error(
        absl::StrCat(sql, ": not one value but ", result.rows.size(), " rows"));
  }
  return result.rows[0].IsNull(0) ? "NULL" : result.rows[0].Text(0);
}

void TestDatabase::RunScript(const std::string& sql) {
  const absl::Status status = admin().RunScript(sql);
  if (!status.ok()) throw std::runtime_error(absl::StrCat("script: ", Describe(status)));
}

std::string TestDatabase::RoleName(absl::string_view name) const {
  return absl::StrCat(name, "_", name_);
}

std::string TestDatabase::CreateLogin(absl::string_view name, absl::string_view password) {
  const std::string role = RoleName(name);
  Query(absl::StrCat("CREATE ROLE ", role, " LOGIN"));
  roles_.push_back(role);
  if (password.empty()) return role;
  Query(absl::StrCat("DO $$ BEGIN CREATE ROLE ", kPasswordRole,
                     "; EXCEPTION WHEN duplicate_object THEN NULL; END $$"));
  Query(absl::StrCat("ALTER ROLE ", role, " PASSWORD ", QuotedLiteral(password)));
  Query(absl::StrCat("GRANT ", kPasswordRole, " TO ", role));
  return role;
}

std::string TemplateOnce(const std::string& name,
                         const std::function<void(const std::string& conninfo)>& fill) {
  static auto* const made = new std::set<std::string>;
  if (made->contains(name)) return name;
  PostgresServer& server = SharedPostgres();
  ValueOrFail(Open(server.conninfo())->Query(absl::StrCat("CREATE DATABASE ", name)),
              "creating a template");
  fill(server.conninfo(name));
  made->insert(name);
  return name;
}

}  // namespace lockstep::testing
