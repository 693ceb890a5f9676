// A database with schema lockstep and a leader, in which tests publish backfills, grant their parts
// and run them as an agent would, without a coordinator.
//
//   BackfillDatabase db;
//   db.RunScript("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT ...");   // as the owner
//   db.Publish("fill", "-- lockstep:after ...");
//   db.Start("fill");
//   EXPECT_THAT(db.RunAll(), IsOk());
//   EXPECT_EQ(db.State("fill"), "done");
#ifndef LOCKSTEP_TESTS_BACKFILL_FIXTURE_H_
#define LOCKSTEP_TESTS_BACKFILL_FIXTURE_H_

#include <optional>
#include <string>

#include "absl/status/status.h"

#include "engine/apply/cancellation.h"
#include "engine/backfill/part.h"
#include "tests/support/test_database.h"

namespace lockstep::testing {

class BackfillDatabase {
 public:
  // `server` null: the shared one.
  explicit BackfillDatabase(PostgresServer* server = nullptr);

  TestDatabase& db() { return db_; }
  const std::string& agent() const { return agent_; }  // The role that parts run under.
  std::string Scalar(const std::string& sql) { return db_.Scalar(sql); }
  // After the server was killed: until it answers.
  void Reconnect();
  // As the owner role.
  void RunScript(const std::string& sql);

  void Publish(const std::string& name, const std::string& text);
  // The result of lockstep.backfill_start. Machines of tests have many active sessions.
  std::string Start(const std::string& name, bool again = false,
                    const std::string& settings = "{}");
  void Set(const std::string& name, const std::string& settings);
  void Hold(const std::string& name, const std::string& state);

  // The next part; absent when there is none to grant.
  std::optional<backfill::PartSpec> Grant();
  // False when it was not held any more.
  bool Revoke(const backfill::PartSpec& part);
  // Grants and runs parts until there is none; returns the first failure.
  absl::Status RunAll();
  backfill::PartEnd Run(const backfill::PartSpec& part);

  std::string State(const std::string& name);
  // Why the job stands still; "" when it does not.
  std::string Stands(const std::string& name);
  int64_t Batches(const std::string& name);

 private:
  TestDatabase db_;
  backfill::VacuumKeeper keeper_;
  std::string owner_;
  std::string agent_;
  std::string leader_;  // "epoch, 'holder'"
};

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_BACKFILL_FIXTURE_H_
