// Where schedules are played: a database with schema lockstep and a table of counters, three
// holders, and a coordinator without its wire. One world serves many schedules, as each counts in
// rows of its own.
//
// A turnstile is a lock that the scheduler takes to stop a holder inside PostgreSQL: on the table,
// before its statement; or on an advisory key that a trigger of the table asks for, inside the
// statement, behind it, and at the end of the transaction.
#ifndef LOCKSTEP_TESTS_SCHEDULES_WORLD_H_
#define LOCKSTEP_TESTS_SCHEDULES_WORLD_H_

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/operation/operations.h"
#include "tests/coordinator/core_fixture.h"
#include "tests/schedules/holder.h"
#include "tests/schedules/story.h"
#include "tests/support/sim_clock.h"
#include "tests/support/test_database.h"

namespace lockstep::testing {

inline constexpr int kHolders = 3;

// The parts of a coordinator below its wire. Believes to lead from its making to its end, whatever
// the database says; its driver is stepped by the scheduler.
class Leader {
 public:
  struct Options {
    std::string conninfo;
    coordinator::Database* database = nullptr;  // These two must outlive it.
    const base::Clock* clock = nullptr;
    coordinator::Durations durations;
  };
  // Takes over from whoever leads.
  explicit Leader(const Options& options);

  LeaderToken token;
  coordinator::Elector elector;
  coordinator::Fleet fleet;
  coordinator::Lessor lessor;
  coordinator::Driver driver;
  coordinator::Operations operations;
};

class World {
 public:
  // `served` as after the first admitted session: then no two migrations share a transaction.
  explicit World(bool served);

  TestDatabase& db() { return db_; }
  SimClock& clock() { return clock_; }
  Signal& signal() { return signal_; }
  const coordinator::Durations& durations() const { return durations_; }
  coordinator::Database& pool() { return pool_; }
  Holder& holder(int slot) { return *holders_[static_cast<size_t>(slot)]; }
  FakeLink& link(int slot) { return *links_[static_cast<size_t>(slot)]; }
  const std::string& session(int slot) const { return sessions_[static_cast<size_t>(slot)]; }

  // A coordinator that leads from now on, with an agent for each holder.
  std::unique_ptr<Leader> NewLeader();

  // Publishes so many migrations, each with a counter at 0 that it increments; returns the first
  // and the last version.
  std::pair<Version, Version> Publish(const LeaderToken& leader, int migrations);

  // Takes the turnstile of a point inside PostgreSQL, for one version. False when one is taken that
  // somebody still stands at.
  bool Shut(Point point, Version version);
  // Whether a backend stands at it.
  bool SomebodyStands();
  // Gives it up; nothing happens when none is taken.
  void Open();
  bool shut() const { return shut_.has_value(); }

  // Ends the backends that apply under this token.
  void Terminate(const apply::LeaseToken& token);

 private:
  TestDatabase db_;
  const std::string agent_;
  SimClock clock_;
  Signal signal_;
  const coordinator::Durations durations_;
  coordinator::Database pool_;
  std::unique_ptr<postgres::Connection> turnstile_;
  std::optional<std::pair<Point, Version>> shut_;
  std::string head_hash_;
  Version head_ = 0;
  std::array<std::shared_ptr<FakeLink>, kHolders> links_;
  std::array<std::string, kHolders> sessions_;
  std::array<std::unique_ptr<Holder>, kHolders> holders_;
};

// Ends the process of the test with what `status` says, unless it is OK.
void Require(const absl::Status& status);
template <typename T>
T Require(absl::StatusOr<T> value) {
  Require(value.status());
  return *std::move(value);
}

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_SCHEDULES_WORLD_H_
