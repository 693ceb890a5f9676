// The examples of rules, engine/sql/rules/examples/RULE.sql: sections that begin with a line
//   -- setup               what exists and is applied
//   -- bad                 the migration that the rule is about; it runs, and does harm
//   -- bad 23502           it fails with this SQLSTATE
//   -- bad not run: WHY    it is linted only
//   -- good                one migration a section, what to do instead
//
// Of a rule about backfills the bad one is a backfill, named `example`, and so are the good ones
// that begin with `-- lockstep:after`, on a database where the migrations before have run:
//   -- bad                 it is done
//   -- bad failed          its verification finds rows
//   -- bad 42601           a part of it fails with this SQLSTATE, or the reason of an error
//   -- meanwhile           what the application writes, behind the part that prepares it
// Of a rule about service files the bad and the good one are such files.
#ifndef LOCKSTEP_TESTS_RULES_EXAMPLE_H_
#define LOCKSTEP_TESTS_RULES_EXAMPLE_H_

#include <string>
#include <vector>

#include "engine/sql/rules/rule.h"

namespace lockstep::testing {

struct Example {
  std::string setup;
  std::string bad;
  std::string sqlstate;  // "" when it succeeds; of a backfill also its state, or a reason.
  std::string not_run;   // Why; "" when it is run.
  std::string meanwhile;
  std::vector<std::string> good;
};

// The rules that have a page.
std::vector<const sql::RuleInfo*> ErrorsAbout(sql::RuleSubject subject);

// Empty when there is no such file.
Example ReadExample(const sql::RuleInfo& rule);

// docs/rules/RULE.md.
std::string PageOf(const sql::RuleInfo& rule, const Example& example);
// docs/rules/README.md, which lists all rules.
std::string IndexOfRules();

}  // namespace lockstep::testing

#endif  // LOCKSTEP_TESTS_RULES_EXAMPLE_H_
