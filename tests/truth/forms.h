// The statements that claims are checked on: forms/*.sql, each form a few comment lines and SQL.
//
//   -- form: NAME            begins a form; names are unique over all files
//   -- setup: SQL            run and committed before, e.g. a constraint that the statement
//   validates
//   -- set: NAME = VALUE     SET LOCAL in the statement's transaction
//   -- from: 14  -- to: 17   the major versions that know the syntax; 13 to 18 otherwise
//   -- expects: 42P16 [until 17]   the server refuses it with this SQLSTATE, up to that version
//   -- alone                 the server refuses it in a transaction block, and it is not run
//   otherwise
//   -- blocker: SQL          the same, but it is run while another transaction has run SQL;
//   repeatable
#ifndef LOCKSTEP_TESTS_TRUTH_FORMS_H_
#define LOCKSTEP_TESTS_TRUTH_FORMS_H_

#include <string>
#include <vector>

namespace lockstep::truth {

struct Form {
  std::string name;
  std::string file;  // E.g. "columns.sql".
  std::vector<std::string> setup;
  std::vector<std::string> settings;  // SET LOCAL statements.
  std::vector<std::string> blockers;
  std::vector<std::string> statements;
  std::string sqlstate;  // Of the refusal; empty when the server accepts it.
  int refused_until = 99;
  bool alone = false;  // Or with blockers.
  int from = 13;
  int to = 99;

  bool RunsOn(int major) const { return from <= major && major <= to; }
  // "" or the SQLSTATE with which `major` refuses it in a transaction block.
  std::string RefusalOn(int major) const;
};

// All forms in the order of the files' names. Throws when a file has a line that it does not know.
std::vector<Form> LoadForms();

}  // namespace lockstep::truth

#endif  // LOCKSTEP_TESTS_TRUTH_FORMS_H_
