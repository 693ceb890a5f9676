// The server on which forms are run: databases with the schema of lab.sql, and what a form did
// there.
#ifndef LOCKSTEP_TESTS_TRUTH_LABORATORY_H_
#define LOCKSTEP_TESTS_TRUTH_LABORATORY_H_

#include <memory>
#include <string>
#include <vector>

#include "tests/support/lock_tracer.h"
#include "tests/support/test_database.h"
#include "tests/truth/forms.h"

namespace lockstep::truth {

// A database as lab.sql makes it, with set-up, and a tracer in it.
class LabDatabase {
 public:
  LabDatabase(testing::PostgresServer& server, const std::vector<std::string>& setup);
  testing::TestDatabase& database() { return database_; }
  testing::LockTracer& tracer() { return *tracer_; }

 private:
  testing::TestDatabase database_;
  std::unique_ptr<testing::LockTracer> tracer_;
};

// One per test binary; not thread-safe.
class Laboratory {
 public:
  static Laboratory& Get();

  int major() const { return major_; }  // Of the server.

  // A database in which `setup` has been run. It may be one that an earlier caller had, who left
  // nothing behind; it stays until the next call with another set-up.
  LabDatabase& With(const std::vector<std::string>& setup);
  // One that nobody else gets.
  std::unique_ptr<LabDatabase> Fresh(const std::vector<std::string>& setup);

  // Runs the statements of `form` in a transaction, in a database that shares its set-up.
  std::vector<testing::Trace> Run(const Form& form);
  // Runs a form with blockers by itself, once for each, and returns the strongest of what was seen.
  testing::Trace RunAlone(const Form& form);

 private:
  Laboratory();

  testing::PostgresServer server_;
  int major_ = 0;
  std::unique_ptr<LabDatabase> plain_;
  std::vector<std::string> setup_;
  std::unique_ptr<LabDatabase> prepared_;
};

}  // namespace lockstep::truth

#endif  // LOCKSTEP_TESTS_TRUTH_LABORATORY_H_
