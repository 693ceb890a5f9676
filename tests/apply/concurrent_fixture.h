// What tests of migrations outside of a transaction share: halves of statements, made as they
// really come to be: by a row that breaks uniqueness, or by ending a backend while it waits for a
// transaction.
#ifndef LOCKSTEP_TESTS_APPLY_CONCURRENT_FIXTURE_H_
#define LOCKSTEP_TESTS_APPLY_CONCURRENT_FIXTURE_H_

#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"

#include "engine/postgres/script_session.h"
#include "tests/apply/fixture.h"
#include "tests/support/matchers.h"

namespace lockstep::testing {

class ConcurrentTest : public ::testing::Test {
 protected:
  // A table of the owner's with `rows` rows (a, b): a counts from 1, b is a text.
  void MakeTable(const std::string& name, int rows = 10) {
    auto owner = db_.db().Connect(db_.owner());
    ASSERT_THAT(owner->Query(absl::StrCat("CREATE TABLE ", name, " (a int, b text)")), IsOk());
    ASSERT_THAT(
        owner->Query(absl::StrCat("INSERT INTO ", name,
                                  " SELECT i, 'x' || i FROM generate_series(1, ", rows, ") i")),
        IsOk());
  }

  // Begins `statement` as the owner while a transaction that has seen `table` is open, and ends its
  // backend once it waits for that one.
  void LeaveHalf(const std::string& statement, const std::string& table) {
    auto old = db_.db().Connect();
    ASSERT_THAT(old->InTransaction([&] {
      const auto seen = old->Query(absl::StrCat("SELECT count(*) FROM ", table));
      std::thread victim([&] {
        auto session = postgres::ScriptSession::Open({.conninfo = db_.db().conninfo(db_.owner())});
        if (session.ok()) (void)(*session)->Execute(statement);
      });
      EXPECT_TRUE(ComesToWait(statement));
      EXPECT_TRUE(TerminateBackendRunning(db_.db(), statement));
      victim.join();
      return seen.status();
    }),
                IsOk());
  }

  // Whether a backend comes to wait for another transaction in a statement with this text.
  bool ComesToWait(const std::string& text) {
    return Eventually([&] {
      return db_.db().Scalar(
                 "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND "
                 "strpos(query, $1) > 0 AND pid <> pg_backend_pid()",
                 {postgres::Param(text)}) != "0";
    });
  }

  apply::RunResult Apply(const std::string& sql) { return db_.ApplyOne(sql); }
  // Once more, under a new token.
  apply::RunResult Again() {
    const chain::Version version = std::stoi(db_.Scalar("SELECT head FROM lockstep.chain"));
    return LeasedDatabase::Apply(db_.Lease(version, version));
  }

  std::string Invalid() {
    return db_.Scalar(
        "SELECT count(*) FROM pg_index WHERE NOT (indisvalid AND indisready AND indislive)");
  }
  std::string Valid(const std::string& index) {
    return db_.db().Scalar(
        "SELECT coalesce((SELECT indisvalid::text FROM pg_index WHERE indexrelid = "
        "to_regclass($1)), 'none')",
        {postgres::Param(index)});
  }
  std::string Oid(const std::string& name) {
    return db_.db().Scalar("SELECT to_regclass($1)::oid", {postgres::Param(name)});
  }
  // "1 done, 2 running": of the newest version.
  std::string States() {
    return db_.Scalar(
        "SELECT coalesce(string_agg(statement || ' ' || state, ', ' ORDER BY statement), '')"
        " FROM lockstep.intent WHERE version = (SELECT head FROM lockstep.chain)");
  }
  // Nothing that a run took is left when it has ended.
  void ExpectNothingHeld() {
    EXPECT_TRUE(Eventually(
        [&] { return db_.Scalar("SELECT lockstep.statement_lock_holder() IS NULL") == "t"; }));
  }

  LeasedDatabase db_;
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_APPLY_CONCURRENT_FIXTURE_H_
