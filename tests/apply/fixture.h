// A database with schema lockstep, an owner role and an agent's login, in which tests publish
// migrations and lease runs without a coordinator.
//
//   LeasedDatabase db;
//   db.Publish("CREATE TABLE t (id int)");
//   RunResult result = db.Apply(db.LeaseAll());
//   EXPECT_EQ(db.Scalar("SELECT count(*) FROM lockstep.history"), "1");
#ifndef LOCKSTEP_TESTS_APPLY_FIXTURE_H_
#define LOCKSTEP_TESTS_APPLY_FIXTURE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "engine/apply/run.h"
#include "tests/support/test_database.h"

namespace lockstep::testing {

class LeasedDatabase {
 public:
  // `server` null: the shared one.
  explicit LeasedDatabase(PostgresServer* server = nullptr);

  TestDatabase& db() { return db_; }
  const std::string& owner() const { return owner_; }
  const std::string& agent() const { return agent_; }
  std::string Scalar(const std::string& sql) { return db_.Scalar(sql); }

  // Appends a migration with this text to the chain.
  void Publish(const std::string& sql);

  // Gives the lease, under a new token, for these versions; what held it is fenced out.
  apply::RunSpec Lease(chain::Version first, chain::Version last);
  apply::RunSpec LeaseAll() { return Lease(1, head_); }
  // The same, and whatever may share a transaction with its neighbours is marked to do so.
  apply::RunSpec LeaseGrouped();
  // The same, and all of it is marked as one group, whether it may share or not.
  apply::RunSpec LeaseAsOneGroup();

  // Applies as the agent; nobody cancels.
  static apply::RunResult Apply(const apply::RunSpec& spec);
  // Publishes one migration and applies it alone.
  apply::RunResult ApplyOne(const std::string& sql);

  // How many versions the history has.
  int HistorySize();
  // "1 1 3": for each applied version the first that was committed with it.
  std::string Groups();

 private:
  TestDatabase db_;
  std::string owner_;
  std::string agent_;
  std::vector<apply::RunItem> published_;
  chain::Version head_ = 0;
};

// Ends the backend that runs a statement containing `text`; returns false when there was none
// within the patience of tests.
bool TerminateBackendRunning(TestDatabase& db, absl::string_view text);
// Waits until a backend runs such a statement.
bool WaitForBackendRunning(TestDatabase& db, absl::string_view text);

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_APPLY_FIXTURE_H_
