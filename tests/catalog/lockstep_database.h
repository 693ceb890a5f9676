// A database with schema lockstep, as coordinator and agents see it: a leader, a published chain,
// and the statements of a migration's transaction one by one, so that a test can stop between any
// two of them.
//
//   LockstepDatabase lockstep;
//   lockstep.Publish({{}, {.phase = "contract"}});
//   const LeaseToken token = lockstep.Grant(1, 1);
//   auto agent = lockstep.Session();
//   ASSERT_THAT(Open(*agent, token, 1), IsOk());
//   EXPECT_THAT(lockstep.Close(*agent, token, 1), IsOk());
//   EXPECT_THAT(agent->Execute("COMMIT"), IsOk());
#ifndef LOCKSTEP_TESTS_CATALOG_LOCKSTEP_DATABASE_H_
#define LOCKSTEP_TESTS_CATALOG_LOCKSTEP_DATABASE_H_

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/store/run_store.h"
#include "coordinator/store/types.h"
#include "engine/postgres/connection.h"
#include "engine/postgres/script_session.h"
#include "tests/support/test_database.h"

namespace lockstep::testing {

using coordinator::Declaration;
using coordinator::LeaderToken;
using coordinator::LeaseToken;
using coordinator::Verdict;
using coordinator::Version;
using postgres::ScriptSession;

// One migration to publish.
struct Spec {
  std::string phase = "expand";
  std::vector<Version> waits_for = {};
  std::optional<std::vector<std::string>> touches = {};
  std::vector<std::string> needs_backfill = {};
  bool transactional = true;
  std::string sharing = "alone";
};

// The name of a database with schema lockstep, made once per test binary.
std::string LockstepTemplate();

// Not thread-safe; Session() and Connect() give connections that are independent of it.
class LockstepDatabase {
 public:
  // Has a leader.
  LockstepDatabase();

  TestDatabase& db() { return db_; }
  postgres::Connection& admin() { return *admin_; }
  const LeaderToken& leader() const { return leader_; }
  std::string Scalar(const std::string& sql) { return db_.Scalar(sql); }

  // A session as an agent's (or anybody's), superuser unless `user` says otherwise. Waits for a
  // lock at most 20 s, so that a test which would hang fails.
  std::unique_ptr<ScriptSession> Session(const std::string& user = "postgres") const;
  std::unique_ptr<postgres::Connection> Connect() const { return db_.Connect(); }

  // Makes another process lead, as after the expiry of the present leader's lease.
  LeaderToken TakeOver();

  // Appends to the chain. Version N's SQL is "CREATE TABLE tN ()".
  void Publish(const std::vector<Spec>& specs);
  std::string DigestOf(Version version) const;
  std::string ChainHashAt(Version version) const;

  // Grants a run to a session that holds nothing yet; fails the test when it is not granted.
  LeaseToken Grant(Version first, Version last);
  absl::StatusOr<LeaseToken> TryGrant(Version first, Version last,
                                      std::optional<int64_t> seen_epoch = std::nullopt);
  // Grants, applies and commits versions [first, last].
  void Run(Version first, Version last);
  // Everything of one version but COMMIT.
  absl::Status ApplyOnly(ScriptSession& agent, const LeaseToken& token, Version version);

  absl::Status Close(ScriptSession& agent, const LeaseToken& token, Version version) const;

  // A declaration of an instance that is adapted to nothing, built for `built_for`.
  Declaration Instance(const std::string& name, Version built_for) const;
  Verdict Admit(const Declaration& declaration);

  int64_t lease_epoch();
  bool TableExists(const std::string& name);

 private:
  TestDatabase db_;
  std::unique_ptr<postgres::Connection> admin_;
  LeaderToken leader_;
  std::vector<std::string> digests_;
  std::vector<std::string> hashes_;
};

// BEGIN and lockstep.open.
absl::Status Open(ScriptSession& agent, const LeaseToken& token, Version version,
                  const std::string& isolation = "READ COMMITTED");

// Runs `body` on a thread of its own.
template <typename Body>
auto Async(Body body) {
  return std::async(std::launch::async, std::move(body));
}

// Whether backend `pid` waits for a lock right now, and whether it does within kPatience.
bool IsWaiting(TestDatabase& db, int pid);
[[nodiscard]] bool ComesToWait(TestDatabase& db, int pid);

// The SQLSTATE that a Status or StatusOr carries.
std::string StateOf(const absl::Status& status);
template <typename T>
std::string StateOf(const absl::StatusOr<T>& result) {
  return StateOf(result.status());
}

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_CATALOG_LOCKSTEP_DATABASE_H_
