// The server on which forms are run: databases with the schema of lab.sql, and what a form did
// there.
#ifndef LOCKSTEP_TESTS_TRUTH_LABORATORY_H_
#define LOCKSTEP_TESTS_TRUTH_LABORATORY_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/sql/model/database.h"
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
  // What is in it, as the analysis gets to know it.
  const sql::model::Database& catalog() const { return *catalog_; }

 private:
  testing::TestDatabase database_;
  std::unique_ptr<sql::model::Database> catalog_;
  std::unique_ptr<testing::LockTracer> tracer_;
};

// LOCKSTEP_TRUTH_FORMS, see Observe; "" for all.
std::string ChosenForms();

// A form, and what it did.
struct Observation {
  Form form;
  std::vector<testing::Trace> traces;   // In a transaction, one a statement.
  std::optional<testing::Trace> alone;  // Of a form with blockers: the strongest while it waited.
  std::shared_ptr<const sql::model::Database> catalog;  // What it was run on.
};

// One per test binary; not thread-safe.
class Laboratory {
 public:
  static Laboratory& Get();

  int major() const { return major_; }  // Of the server.

  // All forms that the server's version knows, in order; they are run by the first call. With
  // LOCKSTEP_TRUTH_FORMS, a regular expression, those whose file and name ("columns.sql
  // set-default") have a match.
  const std::vector<Observation>& Observe();

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
  std::vector<Observation> observations_;
};

}  // namespace lockstep::truth

#endif  // LOCKSTEP_TESTS_TRUTH_LABORATORY_H_
