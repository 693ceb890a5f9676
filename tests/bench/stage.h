// What the benchmarks share: a private PostgreSQL that is as durable as a real one, the report, and
// databases to upgrade.
#ifndef LOCKSTEP_TESTS_BENCH_STAGE_H_
#define LOCKSTEP_TESTS_BENCH_STAGE_H_

#include <memory>
#include <string>

#include "engine/chain/chain.h"
#include "tests/bench/report.h"
#include "tests/support/postgres_server.h"
#include "tests/support/test_database.h"

namespace lockstep::bench {

class Stage {
 public:
  // `quick`: few rounds, short loops; enough to see that every benchmark works.
  explicit Stage(bool quick);

  testing::PostgresServer& server() { return server_; }
  Report& report() { return report_; }
  bool quick() const { return quick_; }
  // `full`, or `quick` on a quick stage.
  int Choose(int full, int quick) const { return quick_ ? quick : full; }

 private:
  const bool quick_;
  testing::PostgresServer server_;
  Report report_;
};

// A database with schema lockstep, an owner of migrations and a migrator, with nothing applied.
class GovernedDatabase {
 public:
  explicit GovernedDatabase(Stage& stage);

  testing::TestDatabase& db() { return db_; }
  const std::string& owner() const { return owner_; }
  std::string migrator() const { return db_.conninfo(migrator_); }
  // As after the first service: from then on no migrations share a transaction.
  void PretendServed() { db_.Query("UPDATE lockstep.chain SET first_served_at = now()"); }
  // How long it took to create schema lockstep.
  double set_up_seconds() const { return set_up_seconds_; }

  // Throws unless versions 1..`last` are in the history, once each, and everything that `chain`
  // creates is there as `expected` (SchemaDigest) says.
  void CheckApplied(int last, const std::string& expected);
  // In how many transactions they were applied.
  int Transactions();

 private:
  testing::TestDatabase db_;
  std::string owner_;
  std::string migrator_;
  double set_up_seconds_ = 0;
};

// Creates schema lockstep; returns how many seconds that took.
double SetUp(testing::TestDatabase& db, const std::string& owner);
// Publishes a whole chain, before any coordinator leads.
void PublishChain(testing::TestDatabase& db, const chain::Chain& chain);
// Records every published version as applied, for what only looks at the state.
void PretendApplied(testing::TestDatabase& db);

// Says which columns of which type schema public has; `except` is a table to leave out.
std::string SchemaDigest(testing::TestDatabase& db, const std::string& except);

// Writes `count` migrations and their chain.sum: a table, a column, a table, a column ...
void WriteGeneratedChain(const std::string& directory, int count);
chain::Chain LoadChain(const std::string& directory);

}  // namespace lockstep::bench

#endif  // LOCKSTEP_TESTS_BENCH_STAGE_H_
